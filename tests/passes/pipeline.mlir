// RUN: sinter-opt %s "--sinter-pipeline=stage=planned block=8" --mlir-elide-resource-strings-if-larger=8 | FileCheck %s
// RUN: sinter-opt %s "--sinter-pipeline=stage=planned block=8 fuse=0" --mlir-elide-resource-strings-if-larger=8 | FileCheck %s --check-prefix=APART
// RUN: sinter-opt %s "--sinter-pipeline=stage=optimized" | FileCheck %s --check-prefix=OPTIMIZED

// Convolution, batch-norm and activation are one kernel without a trace of the batch-norm.
// CHECK-NOT: sinter.batch_norm
// CHECK: sinter.kernel @conv_hard_swish_0
// CHECK-NOT: sinter.batch_norm
// CHECK: func.func @main
// CHECK: sinter.launch @conv_hard_swish_0(%arg0, %{{.*}}, %{{.*}})
// OPTIMIZED: sinter.hard_swish
// OPTIMIZED-NOT: sinter.kernel
// APART: sinter.kernel @conv_0
// APART: sinter.kernel @batch_norm_0
// APART: sinter.kernel @clip_0
// APART: sinter.launch @conv_0
// APART: sinter.launch @batch_norm_0
func.func @main(%x: tensor<1x3x8x8xf32>) -> tensor<1x8x8x8xf32> {
  %f = sinter.constant dense<0.5> : tensor<8x3x1x1xf32>
  %p = sinter.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]> : tensor<8xf32>
  %three = sinter.constant dense<3.0> : tensor<f32>
  %six = sinter.constant dense<6.0> : tensor<f32>
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x3x8x8xf32>, tensor<8x3x1x1xf32>) -> tensor<1x8x8x8xf32>
  %1 = sinter.batch_norm %0, %p, %p, %p, %p {epsilon = 1.0e-5} : (tensor<1x8x8x8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<1x8x8x8xf32>
  %2 = sinter.add %1, %three : (tensor<1x8x8x8xf32>, tensor<f32>) -> tensor<1x8x8x8xf32>
  %3 = sinter.clip %2 {low = 0.0, high = 6.0} : (tensor<1x8x8x8xf32>) -> tensor<1x8x8x8xf32>
  %4 = sinter.mul %1, %3 : (tensor<1x8x8x8xf32>, tensor<1x8x8x8xf32>) -> tensor<1x8x8x8xf32>
  %5 = sinter.div %4, %six : (tensor<1x8x8x8xf32>, tensor<f32>) -> tensor<1x8x8x8xf32>
  return %5 : tensor<1x8x8x8xf32>
}
