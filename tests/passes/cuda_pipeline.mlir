// For GPUs, tensors keep their layouts, convolutions their algorithm, and attention is one kernel or products and a
// softmax.
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
// CHECK: sinter.fusion
// CHECK: sinter.attention
// CHECK-NOT: sinter.fusion
// CHECK: return
// CPU-LABEL: func.func @attention
// CPU: sinter.attention
func.func @attention(%q: tensor<2x30x8xf32>, %k: tensor<2x40x8xf32>, %v: tensor<2x40x6xf32>) -> tensor<2x30x6xf32> {
  %0 = sinter.attention %q, %k, %v {scale = 5.000000e-01 : f64} : (tensor<2x30x8xf32>, tensor<2x40x8xf32>, tensor<2x40x6xf32>) -> tensor<2x30x6xf32>
  return %0 : tensor<2x30x6xf32>
}

// On the processor, elements of 16 bits have no kernel.
// CHECK-LABEL: func.func @half
// CHECK: sinter.attention
// CHECK-NOT: sinter.softmax
// CHECK: return
// CPU-LABEL: func.func @half
// CPU: sinter.matmul
// CPU: sinter.softmax
// CPU: sinter.matmul
func.func @half(%q: tensor<2x30x8xf16>, %k: tensor<2x40x8xf16>, %m: tensor<30x40xf32>) -> tensor<2x30x8xf16> {
  %0 = sinter.attention %q, %k, %k, %m {scale = 5.000000e-01 : f64} : (tensor<2x30x8xf16>, tensor<2x40x8xf16>, tensor<2x40x8xf16>, tensor<30x40xf32>) -> tensor<2x30x8xf16>
  return %0 : tensor<2x30x8xf16>
}

// One query, longer rows than there are registers for, f64: products and a softmax.
// CHECK-LABEL: func.func @one_query
// CHECK-NOT: sinter.attention
// CHECK: sinter.softmax
// CHECK: return
func.func @one_query(%q: tensor<2x1x8xf16>, %k: tensor<2x40x8xf16>) -> tensor<2x1x8xf16> {
  %0 = sinter.attention %q, %k, %k {scale = 5.000000e-01 : f64} : (tensor<2x1x8xf16>, tensor<2x40x8xf16>, tensor<2x40x8xf16>) -> tensor<2x1x8xf16>
  return %0 : tensor<2x1x8xf16>
}
// CHECK-LABEL: func.func @long_rows
// CHECK-NOT: sinter.attention
// CHECK: sinter.softmax
// CHECK: return
func.func @long_rows(%q: tensor<2x30x129xf32>) -> tensor<2x30x129xf32> {
  %0 = sinter.attention %q, %q, %q {scale = 5.000000e-01 : f64} : (tensor<2x30x129xf32>, tensor<2x30x129xf32>, tensor<2x30x129xf32>) -> tensor<2x30x129xf32>
  return %0 : tensor<2x30x129xf32>
}
// CHECK-LABEL: func.func @wide
// CHECK-NOT: sinter.attention
// CHECK: sinter.softmax
// CHECK: return
func.func @wide(%q: tensor<2x30x8xf64>) -> tensor<2x30x8xf64> {
  %0 = sinter.attention %q, %q, %q {scale = 5.000000e-01 : f64} : (tensor<2x30x8xf64>, tensor<2x30x8xf64>, tensor<2x30x8xf64>) -> tensor<2x30x8xf64>
  return %0 : tensor<2x30x8xf64>
}

// As exporters write it, heads split and merged: one kernel that reads and writes them where they are. The softmax
// may be of f32.
// CHECK-LABEL: func.func @written
// CHECK: sinter.fusion
// CHECK: sinter.attention {{.*}}key_permutation = array<i64: 0, 2, 1, 3>{{.*}}scale = 1.250000e-01
// CHECK-NOT: sinter.fusion
// CHECK: return
func.func @written(%q: tensor<1x30x2x8xf16>, %k: tensor<1x40x2x8xf16>, %v: tensor<1x40x2x8xf16>, %m: tensor<1x1x1x40xf32>) -> tensor<1x30x16xf16> {
  %c = sinter.constant dense<8.0> : tensor<f32>
  %0 = sinter.transpose %q {permutation = array<i64: 0, 2, 1, 3>} : (tensor<1x30x2x8xf16>) -> tensor<1x2x30x8xf16>
  %1 = sinter.transpose %k {permutation = array<i64: 0, 2, 3, 1>} : (tensor<1x40x2x8xf16>) -> tensor<1x2x8x40xf16>
  %2 = sinter.transpose %v {permutation = array<i64: 0, 2, 1, 3>} : (tensor<1x40x2x8xf16>) -> tensor<1x2x40x8xf16>
  %3 = sinter.matmul %0, %1 : (tensor<1x2x30x8xf16>, tensor<1x2x8x40xf16>) -> tensor<1x2x30x40xf16>
  %4 = sinter.cast %3 {to = f32} : (tensor<1x2x30x40xf16>) -> tensor<1x2x30x40xf32>
  %5 = sinter.div %4, %c : (tensor<1x2x30x40xf32>, tensor<f32>) -> tensor<1x2x30x40xf32>
  %6 = sinter.add %5, %m : (tensor<1x2x30x40xf32>, tensor<1x1x1x40xf32>) -> tensor<1x2x30x40xf32>
  %7 = sinter.softmax %6 {axis = 3 : i64} : (tensor<1x2x30x40xf32>) -> tensor<1x2x30x40xf32>
  %8 = sinter.cast %7 {to = f16} : (tensor<1x2x30x40xf32>) -> tensor<1x2x30x40xf16>
  %9 = sinter.matmul %8, %2 : (tensor<1x2x30x40xf16>, tensor<1x2x40x8xf16>) -> tensor<1x2x30x8xf16>
  %10 = sinter.transpose %9 {permutation = array<i64: 0, 2, 1, 3>} : (tensor<1x2x30x8xf16>) -> tensor<1x30x2x8xf16>
  %11 = sinter.reshape %10 {shape = array<i64: 1, 30, 16>} : (tensor<1x30x2x8xf16>) -> tensor<1x30x16xf16>
  return %11 : tensor<1x30x16xf16>
}
