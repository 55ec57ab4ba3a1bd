// RUN: sinter-opt %s --sinter-canonicalize --cse | FileCheck %s

// CHECK-LABEL: func.func @neutral
// CHECK-NEXT: return %arg0
func.func @neutral(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %zero = sinter.constant dense<0.0> : tensor<f32>
  %one = sinter.constant dense<1.0> : tensor<1xf32>
  %0 = sinter.add %x, %zero : (tensor<2x4xf32>, tensor<f32>) -> tensor<2x4xf32>
  %1 = sinter.mul %one, %0 : (tensor<1xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %2 = sinter.div %1, %one : (tensor<2x4xf32>, tensor<1xf32>) -> tensor<2x4xf32>
  %3 = sinter.sub %2, %zero : (tensor<2x4xf32>, tensor<f32>) -> tensor<2x4xf32>
  %4 = sinter.pow %3, %one : (tensor<2x4xf32>, tensor<1xf32>) -> tensor<2x4xf32>
  %5 = sinter.cast %4 {to = f32} : (tensor<2x4xf32>) -> tensor<2x4xf32>
  return %5 : tensor<2x4xf32>
}

// A neutral element that broadcasts the other operand is not neutral; 0 - x is not x.
// CHECK-LABEL: func.func @not_neutral
// CHECK: sinter.add
// CHECK: sinter.sub
func.func @not_neutral(%x: tensor<4xf32>) -> (tensor<2x4xf32>, tensor<4xf32>) {
  %zeros = sinter.constant dense<0.0> : tensor<2x4xf32>
  %zero = sinter.constant dense<0.0> : tensor<f32>
  %0 = sinter.add %x, %zeros : (tensor<4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %1 = sinter.sub %zero, %x : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  return %0, %1 : tensor<2x4xf32>, tensor<4xf32>
}

// CHECK-LABEL: func.func @strength
// CHECK: %[[QUARTER:.*]] = sinter.constant dense<2.500000e-01>
// CHECK: sinter.mul %arg0, %arg0
// CHECK: sinter.mul %{{.*}}, %[[QUARTER]]
// CHECK: sinter.div
func.func @strength(%x: tensor<4xf32>) -> tensor<4xf32> {
  %two = sinter.constant dense<2.0> : tensor<f32>
  %four = sinter.constant dense<4.0> : tensor<f32>
  %three = sinter.constant dense<3.0> : tensor<f32>
  %0 = sinter.pow %x, %two : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = sinter.div %0, %four : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %2 = sinter.div %1, %three : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %2 : tensor<4xf32>
}

// CHECK-LABEL: func.func @movements
// CHECK-NEXT: %[[R:.*]] = sinter.reshape %arg0 {shape = array<i64: 24>}
// CHECK-NEXT: %[[T:.*]] = sinter.reshape %arg1 {shape = array<i64: 3, 1, 4>}
// CHECK-NEXT: return %[[R]], %[[T]], %arg0
func.func @movements(%x: tensor<2x3x4xf32>, %y: tensor<1x3x4xf32>)
    -> (tensor<24xf32>, tensor<3x1x4xf32>, tensor<2x3x4xf32>) {
  %0 = sinter.reshape %x {shape = array<i64: 6, 4>} : (tensor<2x3x4xf32>) -> tensor<6x4xf32>
  %1 = sinter.reshape %0 {shape = array<i64: 24>} : (tensor<6x4xf32>) -> tensor<24xf32>
  %2 = sinter.transpose %y {permutation = array<i64: 1, 0, 2>} : (tensor<1x3x4xf32>) -> tensor<3x1x4xf32>
  %3 = sinter.transpose %x {permutation = array<i64: 2, 0, 1>} : (tensor<2x3x4xf32>) -> tensor<4x2x3xf32>
  %4 = sinter.transpose %3 {permutation = array<i64: 1, 2, 0>} : (tensor<4x2x3xf32>) -> tensor<2x3x4xf32>
  return %1, %2, %4 : tensor<24xf32>, tensor<3x1x4xf32>, tensor<2x3x4xf32>
}

// CHECK-LABEL: func.func @broadcast
// CHECK-NEXT: sinter.add %arg0, %arg1
func.func @broadcast(%x: tensor<2x4xf32>, %b: tensor<4xf32>) -> tensor<2x4xf32> {
  %0 = sinter.broadcast_to %b {shape = array<i64: 2, 4>} : (tensor<4xf32>) -> tensor<2x4xf32>
  %1 = sinter.add %x, %0 : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  return %1 : tensor<2x4xf32>
}

// CHECK-LABEL: func.func @matmul
// CHECK: %[[T:.*]] = sinter.transpose %arg1 {permutation = array<i64: 0, 2, 1>}
// CHECK: sinter.matmul %arg0, %[[T]] :
func.func @matmul(%a: tensor<2x4x8xf32>, %b: tensor<2x5x8xf32>) -> tensor<2x4x5xf32> {
  %0 = sinter.matmul %a, %b {transpose_rhs = true} : (tensor<2x4x8xf32>, tensor<2x5x8xf32>) -> tensor<2x4x5xf32>
  return %0 : tensor<2x4x5xf32>
}

// Weights are packed from either order.
// CHECK-LABEL: func.func @matmul_weights
// CHECK: sinter.matmul %arg0, %{{.*}} {transpose_rhs = true}
func.func @matmul_weights(%a: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %w = sinter.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %0 = sinter.matmul %a, %w {transpose_rhs = true} : (tensor<3x2xf32>, tensor<2x2xf32>) -> tensor<3x2xf32>
  return %0 : tensor<3x2xf32>
}

// CHECK-LABEL: func.func @matmul_batched_constant
// CHECK: %[[W:.*]] = sinter.constant dense<{{\[\[\[1.000000e\+00, 3.000000e\+00\], \[2.000000e\+00, 4.000000e\+00\]\]\]}}>
// CHECK: sinter.matmul %arg0, %[[W]] :
func.func @matmul_batched_constant(%a: tensor<1x3x2xf32>) -> tensor<1x3x2xf32> {
  %w = sinter.constant dense<[[[1.0, 2.0], [3.0, 4.0]]]> : tensor<1x2x2xf32>
  %0 = sinter.matmul %a, %w {transpose_rhs = true} : (tensor<1x3x2xf32>, tensor<1x2x2xf32>) -> tensor<1x3x2xf32>
  return %0 : tensor<1x3x2xf32>
}

// One number that is repeated and reshaped is repeated by what reads it.
// CHECK-LABEL: func.func @reshape_of_repeated
// CHECK: %[[ONE:.*]] = sinter.reshape %arg1 {shape = array<i64: 1, 1>}
// CHECK-NEXT: sinter.mul %arg0, %[[ONE]] : (tensor<4x3xf32>, tensor<1x1xf32>)
// CHECK-NOT: broadcast_to
func.func @reshape_of_repeated(%x: tensor<4x3xf32>, %n: tensor<1xf32>) -> tensor<4x3xf32> {
  %0 = sinter.broadcast_to %n {shape = array<i64: 4>} : (tensor<1xf32>) -> tensor<4xf32>
  %1 = sinter.reshape %0 {shape = array<i64: 4, 1>} : (tensor<4xf32>) -> tensor<4x1xf32>
  %2 = sinter.mul %x, %1 : (tensor<4x3xf32>, tensor<4x1xf32>) -> tensor<4x3xf32>
  return %2 : tensor<4x3xf32>
}
