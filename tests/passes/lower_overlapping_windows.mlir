// RUN: sinter-opt %s --sinter-lower-overlapping-windows --cse | FileCheck %s

// Taps in reverse order, and what padding took at the result's ends the input gets back.
// CHECK-LABEL: func.func @unstrided
// CHECK-DAG: %[[FILTER:.*]] = sinter.constant dense<{{\[\[\[\[}}4.000000e+00, 3.000000e+00], [2.000000e+00, 1.000000e+00]]]]> : tensor<1x1x2x2xf32>
// CHECK: %[[R:.*]] = sinter.conv %arg0, %[[FILTER]], %arg1 {dilations = array<i64: 1, 2>, pad_begin = array<i64: 1, 1>, pad_end = array<i64: 2, 2>, strides = array<i64: 1, 1>}
// CHECK: return %[[R]] : tensor<1x1x5x6xf32>
func.func @unstrided(%x: tensor<1x1x3x5xf32>, %b: tensor<1xf32>) -> tensor<1x1x5x6xf32> {
  %f = sinter.constant dense<[[[[1.0, 2.0], [3.0, 4.0]]]]> : tensor<1x1x2x2xf32>
  %0 = sinter.conv_transpose %x, %f, %b {strides = array<i64: 1, 1>, dilations = array<i64: 1, 2>, pad_begin = array<i64: 0, 1>, pad_end = array<i64: 0, 0>, output_padding = array<i64: 1, 0>} : (tensor<1x1x3x5xf32>, tensor<1x1x2x2xf32>, tensor<1xf32>) -> tensor<1x1x5x6xf32>
  return %0 : tensor<1x1x5x6xf32>
}

// The even positions meet the middle tap, the odd ones the two others.
// CHECK-LABEL: func.func @strided
// CHECK-SAME: (%[[X:.*]]: tensor<2x3x4xf32>, %[[F:.*]]: tensor<3x8x3xf32>)
// CHECK-DAG: %[[ODD:.*]] = sinter.slice %[[F]] {sizes = array<i64: 3, 8, 1>, starts = array<i64: 0, 0, 1>, steps = array<i64: 1, 1, -2>}
// CHECK-DAG: %[[EVEN:.*]] = sinter.slice %[[F]] {sizes = array<i64: 3, 8, 2>, starts = array<i64: 0, 0, 2>, steps = array<i64: 1, 1, -2>}
// CHECK-DAG: %[[ODDT:.*]] = sinter.transpose %[[ODD]] {permutation = array<i64: 1, 0, 2>}
// CHECK-DAG: %[[EVENT:.*]] = sinter.transpose %[[EVEN]] {permutation = array<i64: 1, 0, 2>}
// CHECK-DAG: %[[A:.*]] = sinter.conv %[[X]], %[[ODDT]] {dilations = array<i64: 1>, pad_begin = array<i64: 0>, pad_end = array<i64: 0>, strides = array<i64: 1>}
// CHECK-DAG: %[[B:.*]] = sinter.conv %[[X]], %[[EVENT]] {dilations = array<i64: 1>, pad_begin = array<i64: 0>, pad_end = array<i64: 1>, strides = array<i64: 1>}
// CHECK: %[[ALL:.*]] = sinter.concat %[[A]], %[[B]] {axis = 0 : i64}
// CHECK: sinter.reshape %[[ALL]] {shape = array<i64: 2, 2, 8, 4>}
// CHECK: sinter.transpose %{{.*}} {permutation = array<i64: 1, 2, 3, 0>}
// CHECK: %[[R:.*]] = sinter.reshape %{{.*}} {shape = array<i64: 2, 8, 8>}
// CHECK: sinter.slice %[[R]] {sizes = array<i64: 2, 8, 7>
func.func @strided(%x: tensor<2x3x4xf32>, %f: tensor<3x8x3xf32>) -> tensor<2x8x7xf32> {
  %0 = sinter.conv_transpose %x, %f {strides = array<i64: 2>, dilations = array<i64: 1>, pad_begin = array<i64: 1>, pad_end = array<i64: 1>, output_padding = array<i64: 0>} : (tensor<2x3x4xf32>, tensor<3x8x3xf32>) -> tensor<2x8x7xf32>
  return %0 : tensor<2x8x7xf32>
}

// One position in four meets something.
// CHECK-LABEL: func.func @sparse
// CHECK: %[[C:.*]] = sinter.conv
// CHECK-NOT: sinter.conv
// CHECK: sinter.reshape %[[C]] {shape = array<i64: 2, 8, 4, 1, 4, 1>}
// CHECK: sinter.pad %{{.*}} {high = array<i64: 0, 0, 0, 1, 0, 1>, low = array<i64: 0, 0, 0, 0, 0, 0>}
// CHECK: sinter.reshape %{{.*}} {shape = array<i64: 2, 8, 8, 8>}
func.func @sparse(%x: tensor<2x3x4x4xf32>, %f: tensor<3x8x1x1xf32>) -> tensor<2x8x8x8xf32> {
  %0 = sinter.conv_transpose %x, %f {strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>, output_padding = array<i64: 1, 1>} : (tensor<2x3x4x4xf32>, tensor<3x8x1x1xf32>) -> tensor<2x8x8x8xf32>
  return %0 : tensor<2x8x8x8xf32>
}
