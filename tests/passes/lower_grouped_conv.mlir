// RUN: sinter-opt %s --sinter-lower-grouped-conv=block=8 --cse | FileCheck %s
// RUN: sinter-opt %s --sinter-lower-grouped-conv="block=8 merge=false" --cse | FileCheck %s --check-prefix=KEPT

// A kernel of one position: a product for each group, the bias added to its rows.
// CHECK-LABEL: func.func @pointwise
// CHECK-DAG: %[[F:.*]] = sinter.constant dense<2.000000e+00> : tensor<2x3x5xf32>
// CHECK-DAG: %[[B:.*]] = sinter.constant dense<{{\[\[\[}}1.000000e+00], [2.000000e+00], [3.000000e+00]], {{\[\[}}4.000000e+00], [5.000000e+00], [6.000000e+00]]]> : tensor<2x3x1xf32>
// CHECK-DAG: %[[X:.*]] = sinter.reshape %arg0 {shape = array<i64: 4, 2, 5, 42>}
// CHECK: %[[P:.*]] = sinter.matmul %[[F]], %[[X]]
// CHECK: %[[S:.*]] = sinter.add %[[P]], %[[B]]
// CHECK: %[[R:.*]] = sinter.reshape %[[S]] {shape = array<i64: 4, 6, 6, 7>}
// CHECK: return %[[R]]
func.func @pointwise(%x: tensor<4x10x6x7xf32>) -> tensor<4x6x6x7xf32> {
  %f = sinter.constant dense<2.0> : tensor<6x5x1x1xf32>
  %b = sinter.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]> : tensor<6xf32>
  %0 = sinter.conv %x, %f, %b {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>, groups = 2} : (tensor<4x10x6x7xf32>, tensor<6x5x1x1xf32>, tensor<6xf32>) -> tensor<4x6x6x7xf32>
  return %0 : tensor<4x6x6x7xf32>
}

// Two groups of one input channel and two output channels: one with zeros in the filter.
// CHECK-LABEL: func.func @merged
// CHECK: %[[F:.*]] = sinter.constant dense<{{\[\[\[}}1.000000e+00, 2.000000e+00], [0.000000e+00, 0.000000e+00]], {{\[\[}}3.000000e+00, 4.000000e+00], [0.000000e+00, 0.000000e+00]], {{\[\[}}0.000000e+00, 0.000000e+00], [5.000000e+00, 6.000000e+00]], {{\[\[}}0.000000e+00, 0.000000e+00], [7.000000e+00, 8.000000e+00]]]> : tensor<4x2x2xf32>
// CHECK: sinter.conv %arg0, %[[F]]
// CHECK-NOT: groups = 2
// CHECK: return
// KEPT-LABEL: func.func @merged
// KEPT: groups = 2
func.func @merged(%x: tensor<1x2x9xf32>) -> tensor<1x4x8xf32> {
  %f = sinter.constant dense<[[[1.0, 2.0]], [[3.0, 4.0]], [[5.0, 6.0]], [[7.0, 8.0]]]> : tensor<4x1x2xf32>
  %0 = sinter.conv %x, %f {strides = array<i64: 1>, dilations = array<i64: 1>, pad_begin = array<i64: 0>, pad_end = array<i64: 0>, groups = 2} : (tensor<1x2x9xf32>, tensor<4x1x2xf32>) -> tensor<1x4x8xf32>
  return %0 : tensor<1x4x8xf32>
}

// Whole blocks have a micro-kernel; too many groups in a block stay as they are.
// CHECK-LABEL: func.func @kept
// CHECK: sinter.conv{{.*}}groups = 2
// CHECK: sinter.conv{{.*}}groups = 8
func.func @kept(%x: tensor<1x16x9xf32>) -> tensor<1x8x7xf32> {
  %f = sinter.constant dense<1.0> : tensor<16x8x2xf32>
  %0 = sinter.conv %x, %f {strides = array<i64: 1>, dilations = array<i64: 1>, pad_begin = array<i64: 0>, pad_end = array<i64: 0>, groups = 2} : (tensor<1x16x9xf32>, tensor<16x8x2xf32>) -> tensor<1x16x8xf32>
  %g = sinter.constant dense<1.0> : tensor<8x2x2xf32>
  %1 = sinter.conv %0, %g {strides = array<i64: 1>, dilations = array<i64: 1>, pad_begin = array<i64: 0>, pad_end = array<i64: 0>, groups = 8} : (tensor<1x16x8xf32>, tensor<8x2x2xf32>) -> tensor<1x8x7xf32>
  return %1 : tensor<1x8x7xf32>
}
