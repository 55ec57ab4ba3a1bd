// RUN: sinter-opt --split-input-file --sinter-lower-derivatives %s | FileCheck %s
// RUN: sinter-opt --split-input-file --sinter-differentiate %s | FileCheck %s --check-prefix=REVERSE
// RUN: sinter-opt --split-input-file --sinter-differentiate=forward %s | FileCheck %s --check-prefix=FORWARD
// RUN: sinter-opt --split-input-file --sinter-differentiate --sinter-pipeline=stage=optimized %s | FileCheck %s --check-prefix=OPTIMIZED

// The body is computed again for the derivative, from a value that is not the input to whoever compares; in the end it
// is.
// CHECK-LABEL: func.func @checkpoint
// CHECK-SAME: (%[[X:.*]]: tensor<3xf32>)
// CHECK-NEXT: %[[E:.*]] = sinter.exp %[[X]]
// CHECK-NEXT: %[[S:.*]] = sinter.sin %[[E]]
// CHECK-NEXT: return %[[S]]
// REVERSE-LABEL: func.func @checkpoint
// REVERSE-SAME: (%[[X:.*]]: tensor<3xf32>, %[[SEED:.*]]: tensor<3xf32>
// REVERSE: %[[Y:.*]] = sinter.checkpoint %[[X]]
// REVERSE: %[[AGAIN:.*]] = sinter.barrier %[[X]]
// REVERSE: %[[E:.*]] = sinter.exp %[[AGAIN]]
// REVERSE: %[[C:.*]] = sinter.cos %[[E]]
// REVERSE: %[[D:.*]] = sinter.mul %[[SEED]], %[[C]]
// REVERSE: %[[DX:.*]] = sinter.mul %[[D]], %[[E]]
// REVERSE-NEXT: return %[[Y]], %[[DX]]
// FORWARD-LABEL: func.func @checkpoint
// FORWARD-NOT: sinter.barrier
// FORWARD: return
// OPTIMIZED-LABEL: func.func @checkpoint
// OPTIMIZED-SAME: (%[[X:[a-z0-9]*]]: tensor<3xf32>
// OPTIMIZED-NOT: sinter.barrier
// OPTIMIZED: sinter.exp %[[X]]
// OPTIMIZED: sinter.exp %[[X]]
// OPTIMIZED-NOT: sinter.exp
// OPTIMIZED: return
func.func @checkpoint(%x: tensor<3xf32>) -> tensor<3xf32> {
  %y = sinter.checkpoint %x : (tensor<3xf32>) -> tensor<3xf32> {
  ^bb0(%a: tensor<3xf32>):
    %e = sinter.exp %a : (tensor<3xf32>) -> tensor<3xf32>
    %s = sinter.sin %e : (tensor<3xf32>) -> tensor<3xf32>
    sinter.yield %s : tensor<3xf32>
  }
  return %y : tensor<3xf32>
}

// -----

// Straight through: the cotangent passes, and so does the tangent.
// CHECK-LABEL: func.func @rule
// CHECK: %[[F:.*]] = sinter.floor
// CHECK-NEXT: return %[[F]]
// REVERSE-LABEL: func.func @rule
// REVERSE-SAME: %[[SEED:[a-z0-9]*]]: tensor<3xf32> {
// REVERSE: %[[Y:.*]] = sinter.custom_gradient
// REVERSE: return %[[Y]], %[[SEED]]
// FORWARD-LABEL: func.func @rule
// FORWARD-SAME: %[[TANGENT:[a-z0-9]*]]: tensor<3xf32> {
// FORWARD: %[[Y:.*]] = sinter.custom_gradient
// FORWARD: return %[[Y]], %[[TANGENT]]
// OPTIMIZED-LABEL: func.func @rule
// OPTIMIZED-NOT: sinter.custom_gradient
// OPTIMIZED: return
func.func @rule(%x: tensor<3xf32>) -> tensor<3xf32> {
  %f = sinter.floor %x : (tensor<3xf32>) -> tensor<3xf32>
  %y = sinter.custom_gradient %x, %f {operandSegmentSizes = array<i32: 1, 1, 0>} : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32> {
  ^bb0(%input: tensor<3xf32>, %result: tensor<3xf32>, %cotangent: tensor<3xf32>):
    sinter.yield %cotangent : tensor<3xf32>
  }
  return %y : tensor<3xf32>
}
