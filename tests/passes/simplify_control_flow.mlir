// What bodies do not need stays outside; constants go in.
// RUN: sinter-opt %s --sinter-simplify-control-flow | FileCheck %s

// CHECK-LABEL: func.func @constant_goes_in
// CHECK: sinter.scan %arg0 {operandSegmentSizes = array<i32: 1, 0, 0>, steps = 3 : i64} : (tensor<4xf32>) -> tensor<4xf32> {
// CHECK-NEXT: ^bb0(%[[C:.*]]: tensor<4xf32>):
// CHECK-NEXT: %[[TWO:.*]] = sinter.constant dense<2.000000e+00>
// CHECK-NEXT: sinter.mul %[[C]], %[[TWO]]
func.func @constant_goes_in(%x: tensor<4xf32>, %unused: tensor<3xf32>) -> tensor<4xf32> {
  %two = sinter.constant dense<2.0> : tensor<f32>
  %0 = sinter.scan %x, %unused, %two, %two {operandSegmentSizes = array<i32: 1, 1, 2>, steps = 3 : i64} : (tensor<4xf32>, tensor<3xf32>, tensor<f32>, tensor<f32>) -> tensor<4xf32> {
  ^bb0(%c: tensor<4xf32>, %s: tensor<f32>, %t: tensor<f32>, %u: tensor<f32>):
    %1 = sinter.mul %c, %t : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    sinter.yield %1 : tensor<4xf32>
  }
  return %0 : tensor<4xf32>
}

// The second carry serves itself alone, the third is what it was; nobody reads the stack.
// CHECK-LABEL: func.func @carries
// CHECK: %[[S:.*]] = sinter.scan %arg0, %arg2 {operandSegmentSizes = array<i32: 1, 0, 1>, steps = 3 : i64} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> {
// CHECK-NEXT: ^bb0(%[[C:.*]]: tensor<4xf32>, %[[I:.*]]: tensor<4xf32>):
// CHECK-NEXT: %[[N:.*]] = sinter.mul %[[C]], %[[I]]
// CHECK-NEXT: sinter.yield %[[N]] : tensor<4xf32>
// CHECK: return %[[S]], %arg2
func.func @carries(%x: tensor<4xf32>, %y: tensor<4xf32>, %z: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0:4 = sinter.scan %x, %y, %z {operandSegmentSizes = array<i32: 3, 0, 0>, steps = 3 : i64} : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<3x4xf32>) {
  ^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>, %c: tensor<4xf32>):
    %1 = sinter.mul %a, %c : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %2 = sinter.exp %b : (tensor<4xf32>) -> tensor<4xf32>
    %3 = sinter.neg %b : (tensor<4xf32>) -> tensor<4xf32>
    sinter.yield %1, %2, %c, %3 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
  }
  return %0#0, %0#2 : tensor<4xf32>, tensor<4xf32>
}

// CHECK-LABEL: func.func @condition_reads
// CHECK: sinter.while %arg0, %arg1, %arg2 {operandSegmentSizes = array<i32: 2, 1>}
func.func @condition_reads(%x: tensor<4xf32>, %n: tensor<i32>, %most: tensor<i32>) -> tensor<4xf32> {
  %one = sinter.constant dense<1> : tensor<i32>
  %0:3 = sinter.while %x, %n, %most, %one {operandSegmentSizes = array<i32: 3, 1>} : (tensor<4xf32>, tensor<i32>, tensor<i32>, tensor<i32>) -> (tensor<4xf32>, tensor<i32>, tensor<i32>) {
  ^bb0(%a: tensor<4xf32>, %i: tensor<i32>, %m: tensor<i32>, %s: tensor<i32>):
    %p = sinter.less %i, %m : (tensor<i32>, tensor<i32>) -> tensor<i1>
    sinter.yield %p : tensor<i1>
  } do {
  ^bb0(%a: tensor<4xf32>, %i: tensor<i32>, %m: tensor<i32>, %s: tensor<i32>):
    %1 = sinter.neg %a : (tensor<4xf32>) -> tensor<4xf32>
    %2 = sinter.add %i, %s : (tensor<i32>, tensor<i32>) -> tensor<i32>
    sinter.yield %1, %2, %m : tensor<4xf32>, tensor<i32>, tensor<i32>
  }
  return %0#0 : tensor<4xf32>
}

// CHECK-LABEL: func.func @known_branch
// CHECK-NOT: sinter.cond
// CHECK: sinter.neg %arg0
func.func @known_branch(%x: tensor<4xf32>) -> tensor<4xf32> {
  %no = sinter.constant dense<false> : tensor<i1>
  %0 = sinter.cond %no, %x : (tensor<i1>, tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%a: tensor<4xf32>):
    sinter.yield %a : tensor<4xf32>
  } else {
  ^bb0(%a: tensor<4xf32>):
    %1 = sinter.neg %a : (tensor<4xf32>) -> tensor<4xf32>
    sinter.yield %1 : tensor<4xf32>
  }
  return %0 : tensor<4xf32>
}

// CHECK-LABEL: func.func @one_result
// CHECK: sinter.cond %arg0, %arg2 : (tensor<i1>, tensor<4xf32>) -> tensor<4xf32>
func.func @one_result(%p: tensor<i1>, %x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %0:2 = sinter.cond %p, %x, %y : (tensor<i1>, tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  ^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>):
    sinter.yield %a, %b : tensor<4xf32>, tensor<4xf32>
  } else {
  ^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>):
    %1 = sinter.neg %b : (tensor<4xf32>) -> tensor<4xf32>
    sinter.yield %a, %1 : tensor<4xf32>, tensor<4xf32>
  }
  return %0#1 : tensor<4xf32>
}
