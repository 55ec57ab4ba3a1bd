// RUN: sinter-opt %s --sinter-lower-conv-transpose --cse | FileCheck %s

// The sigmoid becomes the convolution's epilogue.
// CHECK-LABEL: func.func @tiling
// CHECK-DAG: %[[FILTER:.*]] = sinter.constant dense<{{\[\[\[\[}}1.000000e+00]]], {{\[\[\[}}2.000000e+00]]], {{\[\[\[}}3.000000e+00]]], {{\[\[\[}}4.000000e+00]]]]> : tensor<4x1x1x1xf32>
// CHECK-DAG: %[[BIAS:.*]] = sinter.constant dense<5.000000e-01> : tensor<4xf32>
// CHECK: %[[CONV:.*]] = sinter.conv %arg0, %[[FILTER]], %[[BIAS]]
// CHECK: %[[S:.*]] = sinter.sigmoid %[[CONV]] : (tensor<1x4x3x5xf32>)
// CHECK: %[[PARTS:.*]] = sinter.reshape %[[S]] {shape = array<i64: 1, 1, 2, 2, 3, 5>}
// CHECK: %[[MOVED:.*]] = sinter.transpose %[[PARTS]] {permutation = array<i64: 0, 1, 4, 2, 5, 3>}
// CHECK: %[[R:.*]] = sinter.reshape %[[MOVED]] {shape = array<i64: 1, 1, 6, 10>}
// CHECK: return %[[R]]
func.func @tiling(%x: tensor<1x1x3x5xf32>) -> tensor<1x1x6x10xf32> {
  %f = sinter.constant dense<[[[[1.0, 2.0], [3.0, 4.0]]]]> : tensor<1x1x2x2xf32>
  %b = sinter.constant dense<0.5> : tensor<1xf32>
  %0 = sinter.conv_transpose %x, %f, %b {strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>, output_padding = array<i64: 0, 0>} : (tensor<1x1x3x5xf32>, tensor<1x1x2x2xf32>, tensor<1xf32>) -> tensor<1x1x6x10xf32>
  %1 = sinter.sigmoid %0 : (tensor<1x1x6x10xf32>) -> tensor<1x1x6x10xf32>
  return %1 : tensor<1x1x6x10xf32>
}

// Overlapping windows stay.
// CHECK-LABEL: func.func @overlapping
// CHECK: sinter.conv_transpose
func.func @overlapping(%x: tensor<1x1x3x5xf32>) -> tensor<1x1x7x11xf32> {
  %f = sinter.constant dense<1.0> : tensor<1x1x3x3xf32>
  %0 = sinter.conv_transpose %x, %f {strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>, output_padding = array<i64: 0, 0>} : (tensor<1x1x3x5xf32>, tensor<1x1x3x3xf32>) -> tensor<1x1x7x11xf32>
  return %0 : tensor<1x1x7x11xf32>
}
