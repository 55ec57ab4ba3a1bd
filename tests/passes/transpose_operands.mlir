// RUN: sinter-opt %s --sinter-transpose-operands | FileCheck %s

// CHECK-LABEL: func.func @products
// CHECK-SAME: (%[[A:.*]]: tensor<2x4x3xf32>, %[[B:.*]]: tensor<5x4xf32>, %[[C:.*]]: tensor<4x3xf64>)
// CHECK-DAG: %[[AT:.*]] = sinter.transpose %[[A]] {permutation = array<i64: 0, 2, 1>}
// CHECK-DAG: %[[BT:.*]] = sinter.transpose %[[B]] {permutation = array<i64: 1, 0>}
// CHECK: sinter.matmul %[[AT]], %[[BT]] : (tensor<2x3x4xf32>, tensor<4x5xf32>) -> tensor<2x3x5xf32>
// A constant is packed in any case, and for f64 there are the loops.
// CHECK: %[[K:.*]] = sinter.constant
// CHECK: sinter.matmul %{{.*}}, %[[K]] {transpose_rhs = true}
// CHECK: sinter.matmul %[[C]], %[[C]] {transpose_lhs = true}
func.func @products(%a: tensor<2x4x3xf32>, %b: tensor<5x4xf32>, %c: tensor<4x3xf64>) -> (tensor<2x3x6xf32>, tensor<3x3xf64>) {
  %0 = sinter.matmul %a, %b {transpose_lhs = true, transpose_rhs = true} : (tensor<2x4x3xf32>, tensor<5x4xf32>) -> tensor<2x3x5xf32>
  %k = sinter.constant dense<1.0> : tensor<6x5xf32>
  %1 = sinter.matmul %0, %k {transpose_rhs = true} : (tensor<2x3x5xf32>, tensor<6x5xf32>) -> tensor<2x3x6xf32>
  %2 = sinter.matmul %c, %c {transpose_lhs = true} : (tensor<4x3xf64>, tensor<4x3xf64>) -> tensor<3x3xf64>
  return %1, %2 : tensor<2x3x6xf32>, tensor<3x3xf64>
}
