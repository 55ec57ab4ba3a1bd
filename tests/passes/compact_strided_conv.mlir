// RUN: sinter-opt %s --sinter-compact-strided-conv | FileCheck %s

// CHECK-LABEL: func.func @strided
// CHECK: %[[X:.*]] = sinter.slice %arg0 {sizes = array<i64: 2, 3, 3, 7>, starts = array<i64: 0, 0, 0, 0>, steps = array<i64: 1, 1, 2, 1>}
// CHECK: %[[R:.*]] = sinter.conv %[[X]], %arg1 {{.*}}strides = array<i64: 1, 1>
// CHECK: return %[[R]]
func.func @strided(%x: tensor<2x3x6x7xf32>, %f: tensor<64x3x1x1xf32>) -> tensor<2x64x3x7xf32> {
  %0 = sinter.conv %x, %f {strides = array<i64: 2, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<2x3x6x7xf32>, tensor<64x3x1x1xf32>) -> tensor<2x64x3x7xf32>
  return %0 : tensor<2x64x3x7xf32>
}

// Too few channels to pay for the copy; padding.
// CHECK-LABEL: func.func @kept
// CHECK-NOT: sinter.slice
// CHECK: return
func.func @kept(%x: tensor<2x3x6x7xf32>, %f: tensor<63x3x1x1xf32>, %g: tensor<64x3x1x1xf32>) -> (tensor<2x63x3x7xf32>, tensor<2x64x4x7xf32>) {
  %0 = sinter.conv %x, %f {strides = array<i64: 2, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<2x3x6x7xf32>, tensor<63x3x1x1xf32>) -> tensor<2x63x3x7xf32>
  %1 = sinter.conv %x, %g {strides = array<i64: 2, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 1, 0>, pad_end = array<i64: 0, 0>} : (tensor<2x3x6x7xf32>, tensor<64x3x1x1xf32>) -> tensor<2x64x4x7xf32>
  return %0, %1 : tensor<2x63x3x7xf32>, tensor<2x64x4x7xf32>
}
