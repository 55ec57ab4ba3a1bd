// RUN: sinter-opt %s --sinter-decompose-attention | FileCheck %s

// There is a kernel for f32 only.
// CHECK-LABEL: func.func @wide
// CHECK-SAME: (%[[Q:.*]]: tensor<2x3x4xf64>, %[[K:.*]]: tensor<2x4x5xf64>, %[[V:.*]]: tensor<5x2x6xf64>, %[[M:.*]]: tensor<3x5xf64>)
// CHECK-DAG: %[[KT:.*]] = sinter.transpose %[[K]] {permutation = array<i64: 0, 2, 1>}
// CHECK-DAG: %[[VT:.*]] = sinter.transpose %[[V]] {permutation = array<i64: 1, 0, 2>}
// CHECK: %[[P:.*]] = sinter.matmul %[[Q]], %[[KT]] {transpose_rhs = true}
// CHECK: %[[S:.*]] = sinter.mul %[[P]], %{{.*}} : (tensor<2x3x5xf64>, tensor<f64>)
// CHECK: %[[A:.*]] = sinter.add %[[S]], %[[M]]
// CHECK: %[[W:.*]] = sinter.softmax %[[A]] {axis = 2 : i64}
// CHECK: %[[R:.*]] = sinter.matmul %[[W]], %[[VT]]
// CHECK: %[[T:.*]] = sinter.transpose %[[R]] {permutation = array<i64: 1, 0, 2>}
// CHECK: return %[[T]]
func.func @wide(%q: tensor<2x3x4xf64>, %k: tensor<2x4x5xf64>, %v: tensor<5x2x6xf64>, %m: tensor<3x5xf64>) -> tensor<3x2x6xf64> {
  %0 = sinter.attention %q, %k, %v, %m {scale = 5.000000e-01 : f64, key_permutation = array<i64: 0, 2, 1>, value_permutation = array<i64: 1, 0, 2>, result_permutation = array<i64: 1, 0, 2>} : (tensor<2x3x4xf64>, tensor<2x4x5xf64>, tensor<5x2x6xf64>, tensor<3x5xf64>) -> tensor<3x2x6xf64>
  return %0 : tensor<3x2x6xf64>
}

// CHECK-LABEL: func.func @narrow
// CHECK-NEXT: sinter.attention
// CHECK-NEXT: return
func.func @narrow(%q: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %0 = sinter.attention %q, %q, %q {scale = 5.000000e-01 : f64} : (tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  return %0 : tensor<3x4xf32>
}
