// RUN: sinter-opt %s --sinter-choose-algorithm | FileCheck %s

// CHECK-LABEL: func.func @pays
// CHECK: %[[FILTER:.*]] = sinter.constant {{.*}} : tensor<36x64x64xf32>
// CHECK: sinter.winograd_conv %arg0, %[[FILTER]] {pad_begin = array<i64: 1, 1>, pad_end = array<i64: 1, 1>}
// CHECK-NOT: sinter.conv
func.func @pays(%x: tensor<1x64x56x56xf32>) -> tensor<1x64x56x56xf32> {
  %f = sinter.constant dense<1.0> : tensor<64x64x3x3xf32>
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 1, 1>, pad_end = array<i64: 1, 1>} : (tensor<1x64x56x56xf32>, tensor<64x64x3x3xf32>) -> tensor<1x64x56x56xf32>
  return %0 : tensor<1x64x56x56xf32>
}

// Large tiles would read four times as many weights as are there, for four tiles of which a quarter is thrown away.
// CHECK-LABEL: func.func @few_tiles
// CHECK: %[[FILTER:.*]] = sinter.constant {{.*}} : tensor<16x512x512xf32>
// CHECK: sinter.winograd_conv %arg0, %[[FILTER]] {{.*}}tile = 2
func.func @few_tiles(%x: tensor<1x512x7x7xf32>) -> tensor<1x512x7x7xf32> {
  %f = sinter.constant dense<1.0> : tensor<512x512x3x3xf32>
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 1, 1>, pad_end = array<i64: 1, 1>} : (tensor<1x512x7x7xf32>, tensor<512x512x3x3xf32>) -> tensor<1x512x7x7xf32>
  return %0 : tensor<1x512x7x7xf32>
}

// Weights for next to nothing: not even small tiles.
// CHECK-LABEL: func.func @one_tile
// CHECK: sinter.conv
func.func @one_tile(%x: tensor<1x512x2x2xf32>) -> tensor<1x512x2x2xf32> {
  %f = sinter.constant dense<1.0> : tensor<512x512x3x3xf32>
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 1, 1>, pad_end = array<i64: 1, 1>} : (tensor<1x512x2x2xf32>, tensor<512x512x3x3xf32>) -> tensor<1x512x2x2xf32>
  return %0 : tensor<1x512x2x2xf32>
}

// CHECK-LABEL: func.func @strided
// CHECK: sinter.conv
func.func @strided(%x: tensor<1x64x56x56xf32>) -> tensor<1x64x28x28xf32> {
  %f = sinter.constant dense<1.0> : tensor<64x64x3x3xf32>
  %0 = sinter.conv %x, %f {strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 1, 1>, pad_end = array<i64: 1, 1>} : (tensor<1x64x56x56xf32>, tensor<64x64x3x3xf32>) -> tensor<1x64x28x28xf32>
  return %0 : tensor<1x64x28x28xf32>
}

// CHECK-LABEL: func.func @filter_is_an_argument
// CHECK: sinter.conv
func.func @filter_is_an_argument(%x: tensor<1x64x56x56xf32>, %f: tensor<64x64x3x3xf32>) -> tensor<1x64x56x56xf32> {
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 1, 1>, pad_end = array<i64: 1, 1>} : (tensor<1x64x56x56xf32>, tensor<64x64x3x3xf32>) -> tensor<1x64x56x56xf32>
  return %0 : tensor<1x64x56x56xf32>
}

// Winograd's sums would be NaN where the direct ones are infinite.
// CHECK-LABEL: func.func @infinite_filter
// CHECK: %[[FILTER:.*]] = sinter.constant dense<0x7F800000> : tensor<64x64x3x3xf32>
// CHECK-NEXT: sinter.conv %arg0, %[[FILTER]]
func.func @infinite_filter(%x: tensor<1x64x56x56xf32>) -> tensor<1x64x56x56xf32> {
  %f = sinter.constant dense<0x7F800000> : tensor<64x64x3x3xf32>
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 1, 1>, pad_end = array<i64: 1, 1>} : (tensor<1x64x56x56xf32>, tensor<64x64x3x3xf32>) -> tensor<1x64x56x56xf32>
  return %0 : tensor<1x64x56x56xf32>
}
