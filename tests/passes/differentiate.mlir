// RUN: sinter-opt --split-input-file --sinter-differentiate %s | FileCheck %s
// RUN: sinter-opt --split-input-file --sinter-differentiate=forward %s | FileCheck %s --check-prefix=FORWARD

// What is not needed for a derivative of floats is not there.
// CHECK-LABEL: func.func @product
// CHECK-SAME: (%[[X:.*]]: tensor<3xf32>, %[[Y:.*]]: tensor<3xf32>, %[[SEED:.*]]: tensor<3xf32>
// CHECK: %[[Z:.*]] = sinter.mul %[[X]], %[[Y]]
// CHECK: %[[DX:.*]] = sinter.mul %[[SEED]], %[[Y]]
// CHECK: %[[DY:.*]] = sinter.mul %[[SEED]], %[[X]]
// CHECK-NEXT: return %[[Z]], %[[DX]], %[[DY]]
// FORWARD-LABEL: func.func @product
// FORWARD-SAME: (%[[X:.*]]: tensor<3xf32>, %[[Y:.*]]: tensor<3xf32>, %[[TX:.*]]: tensor<3xf32> {{.*}}, %[[TY:.*]]: tensor<3xf32>
// FORWARD: %[[Z:.*]] = sinter.mul %[[X]], %[[Y]]
// FORWARD: %[[A:.*]] = sinter.mul %[[TX]], %[[Y]]
// FORWARD: %[[B:.*]] = sinter.mul %[[TY]], %[[X]]
// FORWARD: %[[DZ:.*]] = sinter.add %[[A]], %[[B]]
// FORWARD-NEXT: return %[[Z]], %[[DZ]]
func.func @product(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  %0 = sinter.mul %x, %y : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %0 : tensor<3xf32>
}

// -----

// Broadcasting is undone by sums, and uses of one value add up.
// CHECK-LABEL: func.func @broadcast
// CHECK: %[[SUM:.*]] = sinter.reduce_sum %{{.*}} {axes = array<i64: 0>
// CHECK: sinter.add
// CHECK: return
func.func @broadcast(%x: tensor<2x3xf32>, %b: tensor<3xf32>) -> tensor<2x3xf32> {
  %0 = sinter.add %x, %b : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  %1 = sinter.mul %0, %b : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  return %1 : tensor<2x3xf32>
}

// -----

// Nothing leads from %x to the result but what differentiation takes for a constant: a zero.
// CHECK-LABEL: func.func @stopped
// CHECK: %[[ZERO:.*]] = sinter.constant dense<0.000000e+00>
// CHECK: sinter.broadcast_to %[[ZERO]]
// CHECK: return
func.func @stopped(%x: tensor<3xf32>) -> tensor<3xf32> {
  %0 = sinter.stop_gradient %x : (tensor<3xf32>) -> tensor<3xf32>
  %1 = sinter.exp %0 : (tensor<3xf32>) -> tensor<3xf32>
  return %1 : tensor<3xf32>
}

// -----

// Between products of 16 bits, the softmax of attention and what its derivative sums up are f32.
// CHECK-LABEL: func.func @attention
// CHECK: sinter.attention
// CHECK: sinter.matmul {{.*}} -> tensor<2x9x7xf16>
// CHECK: sinter.softmax {{.*}} -> tensor<2x9x7xf32>
// CHECK: sinter.reduce_sum {{.*}}keep_dims = true} : (tensor<2x9x7xf32>)
// CHECK: sinter.matmul {{.*}} -> tensor<2x9x8xf16>
// CHECK: %[[DM:.*]] = sinter.reduce_sum {{.*}} -> tensor<9x7xf32>
// CHECK: return {{.*}}, %[[DM]]
// FORWARD-LABEL: func.func @attention
// FORWARD: sinter.softmax {{.*}} -> tensor<2x9x7xf32>
// FORWARD: sinter.reduce_sum {{.*}}keep_dims = true} : (tensor<2x9x7xf32>)
// FORWARD: return
func.func @attention(%q: tensor<2x9x8xf16>, %k: tensor<2x7x8xf16>, %v: tensor<2x7x6xf16>, %m: tensor<9x7xf32>) -> tensor<2x9x6xf16> {
  %0 = sinter.attention %q, %k, %v, %m {scale = 5.000000e-01 : f64} : (tensor<2x9x8xf16>, tensor<2x7x8xf16>, tensor<2x7x6xf16>, tensor<9x7xf32>) -> tensor<2x9x6xf16>
  return %0 : tensor<2x9x6xf16>
}
