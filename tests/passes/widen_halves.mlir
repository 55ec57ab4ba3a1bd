// RUN: sinter-opt %s --sinter-widen-halves | FileCheck %s

// CHECK-LABEL: func.func @arithmetic
// CHECK-SAME: (%[[X:.*]]: tensor<4x8xf16>, %[[W:.*]]: tensor<8x6xf16>) -> tensor<4x6xf16>
// CHECK-DAG: %[[A:.*]] = sinter.cast %[[X]] {to = f32}
// CHECK-DAG: %[[B:.*]] = sinter.cast %[[W]] {to = f32}
// CHECK: %[[C:.*]] = sinter.constant dense<2.500000e-01> : tensor<f16>
// CHECK: %[[D:.*]] = sinter.cast %[[C]] {to = f32}
// CHECK: %[[P:.*]] = sinter.matmul %[[A]], %[[B]] : (tensor<4x8xf32>, tensor<8x6xf32>) -> tensor<4x6xf32>
// CHECK: %[[S:.*]] = sinter.mul %[[P]], %[[D]] : (tensor<4x6xf32>, tensor<f32>) -> tensor<4x6xf32>
// CHECK: %[[R:.*]] = sinter.cast %[[S]] {to = f16}
// CHECK: return %[[R]]
func.func @arithmetic(%x: tensor<4x8xf16>, %w: tensor<8x6xf16>) -> tensor<4x6xf16> {
  %c = sinter.constant dense<0.25> : tensor<f16>
  %0 = sinter.matmul %x, %w : (tensor<4x8xf16>, tensor<8x6xf16>) -> tensor<4x6xf16>
  %1 = sinter.mul %0, %c : (tensor<4x6xf16>, tensor<f16>) -> tensor<4x6xf16>
  return %1 : tensor<4x6xf16>
}

// A conversion rounds; what is given back is not converted twice.
// CHECK-LABEL: func.func @rounding
// CHECK: %[[L:.*]] = sinter.cast %{{.*}} {to = bf16}
// CHECK: return %[[L]]
func.func @rounding(%x: tensor<4xf32>) -> tensor<4xbf16> {
  %0 = sinter.cast %x {to = bf16} : (tensor<4xf32>) -> tensor<4xbf16>
  return %0 : tensor<4xbf16>
}

// CHECK-LABEL: func.func @loop
// CHECK: sinter.scan %{{.*}} : (tensor<4xf32>) -> tensor<4xf32>
// CHECK: ^bb0(%[[C:.*]]: tensor<4xf32>):
// CHECK: sinter.yield %{{.*}} : tensor<4xf32>
// CHECK: return %{{.*}} : tensor<4xf16>
func.func @loop(%x: tensor<4xf16>) -> tensor<4xf16> {
  %0 = sinter.scan %x {operandSegmentSizes = array<i32: 1, 0, 0>, steps = 3 : i64} : (tensor<4xf16>) -> tensor<4xf16> {
  ^bb0(%c: tensor<4xf16>):
    %1 = sinter.relu %c : (tensor<4xf16>) -> tensor<4xf16>
    sinter.yield %1 : tensor<4xf16>
  }
  return %0 : tensor<4xf16>
}
