// For GPUs, tensors keep their layouts, convolutions their algorithm, and attention is products and a softmax.
// RUN: sinter-opt %s "--sinter-pipeline=backend=cuda stage=fused" | FileCheck %s
// RUN: sinter-opt %s "--sinter-pipeline=backend=cpu stage=fused" | FileCheck %s --check-prefix=CPU

// CHECK-LABEL: func.func @convolution
// CHECK-NOT: sinter.layout
// CHECK-NOT: winograd
// CHECK: sinter.conv
// CHECK-NOT: sinter.layout
// CHECK: return
// CPU-LABEL: func.func @convolution
// CPU: sinter.layout
func.func @convolution(%x: tensor<1x32x28x28xf32>, %f: tensor<32x32x3x3xf32>) -> tensor<1x32x28x28xf32> {
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 1, 1>, pad_end = array<i64: 1, 1>} : (tensor<1x32x28x28xf32>, tensor<32x32x3x3xf32>) -> tensor<1x32x28x28xf32>
  return %0 : tensor<1x32x28x28xf32>
}

// Operands that are stored the other way round are read so.
// CHECK-LABEL: func.func @transposed
// CHECK-NOT: sinter.transpose
// CHECK: sinter.matmul {{.*}} {transpose_lhs = true, transpose_rhs = true}
// CHECK: return
func.func @transposed(%x: tensor<40x30xf32>, %y: tensor<50x40xf32>) -> tensor<30x50xf32> {
  %0 = sinter.matmul %x, %y {transpose_lhs = true, transpose_rhs = true} : (tensor<40x30xf32>, tensor<50x40xf32>) -> tensor<30x50xf32>
  return %0 : tensor<30x50xf32>
}

// CHECK-LABEL: func.func @attention
// CHECK-NOT: sinter.attention
// CHECK: sinter.matmul
// CHECK: sinter.softmax
// CHECK: sinter.matmul
// CPU-LABEL: func.func @attention
// CPU: sinter.attention
func.func @attention(%q: tensor<2x30x8xf32>, %k: tensor<2x40x8xf32>, %v: tensor<2x40x6xf32>) -> tensor<2x30x6xf32> {
  %0 = sinter.attention %q, %k, %v {scale = 5.000000e-01 : f64} : (tensor<2x30x8xf32>, tensor<2x40x8xf32>, tensor<2x40x6xf32>) -> tensor<2x30x6xf32>
  return %0 : tensor<2x30x6xf32>
}
