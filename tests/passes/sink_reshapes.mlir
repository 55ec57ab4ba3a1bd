// RUN: sinter-opt %s --sinter-sink-reshapes | FileCheck %s

// The multiplication joins the kernel of the product.
// CHECK-LABEL: func.func @pointwise
// CHECK: %[[N:.*]] = sinter.constant dense<5.000000e-01> : tensor<f32>
// CHECK: %[[M:.*]] = sinter.matmul
// CHECK-NEXT: %[[S:.*]] = sinter.mul %[[M]], %[[N]] : (tensor<4x6xf32>, tensor<f32>) -> tensor<4x6xf32>
// CHECK-NEXT: %[[R:.*]] = sinter.reshape %[[S]] {shape = array<i64: 4, 2, 3>}
// CHECK-NEXT: return %[[R]]
func.func @pointwise(%x: tensor<4x5xf32>, %w: tensor<5x6xf32>) -> tensor<4x2x3xf32> {
  %half = sinter.constant dense<0.5> : tensor<1xf32>
  %0 = sinter.matmul %x, %w : (tensor<4x5xf32>, tensor<5x6xf32>) -> tensor<4x6xf32>
  %1 = sinter.reshape %0 {shape = array<i64: 4, 2, 3>} : (tensor<4x6xf32>) -> tensor<4x2x3xf32>
  %2 = sinter.mul %1, %half : (tensor<4x2x3xf32>, tensor<1xf32>) -> tensor<4x2x3xf32>
  return %2 : tensor<4x2x3xf32>
}

// A tensor beside it has the shape after the reshape; a reshaped argument has no kernel to join.
// CHECK-LABEL: func.func @stays
// CHECK: sinter.reshape
// CHECK: sinter.add
// CHECK: sinter.reshape
// CHECK: sinter.neg
func.func @stays(%x: tensor<6xf32>, %y: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<3x2xf32>) {
  %0 = sinter.exp %x : (tensor<6xf32>) -> tensor<6xf32>
  %1 = sinter.reshape %0 {shape = array<i64: 2, 3>} : (tensor<6xf32>) -> tensor<2x3xf32>
  %2 = sinter.add %1, %y : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %3 = sinter.reshape %x {shape = array<i64: 3, 2>} : (tensor<6xf32>) -> tensor<3x2xf32>
  %4 = sinter.neg %3 : (tensor<3x2xf32>) -> tensor<3x2xf32>
  return %2, %4 : tensor<2x3xf32>, tensor<3x2xf32>
}

// Slices of a transposed tensor read what they need; the dimension of extent 1 goes out of the way.
// CHECK-LABEL: func.func @slices
// CHECK: %[[A:.*]] = sinter.slice %arg0 {sizes = array<i64: 4, 1, 5>, starts = array<i64: 0, 0, 0>
// CHECK: %[[B:.*]] = sinter.transpose %[[A]] {permutation = array<i64: 1, 0, 2>}
// CHECK: %[[C:.*]] = sinter.slice %arg0 {sizes = array<i64: 4, 1, 5>, starts = array<i64: 0, 1, 0>
// CHECK: %[[D:.*]] = sinter.transpose %[[C]] {permutation = array<i64: 1, 0, 2>}
// CHECK: %[[E:.*]] = sinter.transpose %[[D]] {permutation = array<i64: 0, 2, 1>} : (tensor<1x4x5xf32>) -> tensor<1x5x4xf32>
// CHECK: sinter.reshape %[[E]] {shape = array<i64: 5, 4>}
func.func @slices(%x: tensor<4x2x5xf32>) -> (tensor<1x4x5xf32>, tensor<5x4xf32>) {
  %0 = sinter.transpose %x {permutation = array<i64: 1, 0, 2>} : (tensor<4x2x5xf32>) -> tensor<2x4x5xf32>
  %1 = sinter.slice %0 {starts = array<i64: 0, 0, 0>, sizes = array<i64: 1, 4, 5>, steps = array<i64: 1, 1, 1>} : (tensor<2x4x5xf32>) -> tensor<1x4x5xf32>
  %2 = sinter.slice %0 {starts = array<i64: 1, 0, 0>, sizes = array<i64: 1, 4, 5>, steps = array<i64: 1, 1, 1>} : (tensor<2x4x5xf32>) -> tensor<1x4x5xf32>
  %3 = sinter.reshape %2 {shape = array<i64: 4, 5>} : (tensor<1x4x5xf32>) -> tensor<4x5xf32>
  %4 = sinter.transpose %3 {permutation = array<i64: 1, 0>} : (tensor<4x5xf32>) -> tensor<5x4xf32>
  return %1, %4 : tensor<1x4x5xf32>, tensor<5x4xf32>
}
