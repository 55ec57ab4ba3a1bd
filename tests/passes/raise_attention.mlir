// RUN: sinter-opt %s --sinter-raise-attention | FileCheck %s
// RUN: sinter-opt %s "--sinter-pipeline=stage=optimized fuse=false" | FileCheck %s --check-prefix=APART

// As exporters write it: heads are split and merged by transposes, which become part of it.
// CHECK-LABEL: func.func @heads
// CHECK-SAME: (%[[Q:.*]]: tensor<1x16x2x8xf32>, %[[K:.*]]: tensor<1x24x2x8xf32>, %[[V:.*]]: tensor<1x24x2x4xf32>)
// CHECK-NEXT: %[[R:.*]] = sinter.attention %[[Q]], %[[K]], %[[V]] {key_permutation = array<i64: 0, 2, 1, 3>, query_permutation = array<i64: 0, 2, 1, 3>, result_permutation = array<i64: 0, 2, 1, 3>, scale = 2.500000e-01 : f64, value_permutation = array<i64: 0, 2, 1, 3>}
// CHECK-NEXT: return %[[R]]
// APART-LABEL: func.func @heads
// APART-NOT: sinter.attention
func.func @heads(%q: tensor<1x16x2x8xf32>, %k: tensor<1x24x2x8xf32>, %v: tensor<1x24x2x4xf32>) -> tensor<1x16x2x4xf32> {
  %c = sinter.constant dense<4.0> : tensor<f32>
  %qt = sinter.transpose %q {permutation = array<i64: 0, 2, 1, 3>} : (tensor<1x16x2x8xf32>) -> tensor<1x2x16x8xf32>
  %kt = sinter.transpose %k {permutation = array<i64: 0, 2, 3, 1>} : (tensor<1x24x2x8xf32>) -> tensor<1x2x8x24xf32>
  %vt = sinter.transpose %v {permutation = array<i64: 0, 2, 1, 3>} : (tensor<1x24x2x4xf32>) -> tensor<1x2x24x4xf32>
  %0 = sinter.matmul %qt, %kt : (tensor<1x2x16x8xf32>, tensor<1x2x8x24xf32>) -> tensor<1x2x16x24xf32>
  %1 = sinter.div %0, %c : (tensor<1x2x16x24xf32>, tensor<f32>) -> tensor<1x2x16x24xf32>
  %2 = sinter.softmax %1 {axis = 3 : i64} : (tensor<1x2x16x24xf32>) -> tensor<1x2x16x24xf32>
  %3 = sinter.matmul %2, %vt : (tensor<1x2x16x24xf32>, tensor<1x2x24x4xf32>) -> tensor<1x2x16x4xf32>
  %4 = sinter.transpose %3 {permutation = array<i64: 0, 2, 1, 3>} : (tensor<1x2x16x4xf32>) -> tensor<1x16x2x4xf32>
  return %4 : tensor<1x16x2x4xf32>
}

// A mask that broadcasts, on either side of the addition; a scale on the query.
// CHECK-LABEL: func.func @masked
// CHECK-SAME: (%[[Q:.*]]: tensor<2x16x8xf32>, %[[K:.*]]: tensor<2x8x24xf32>, %[[V:.*]]: tensor<2x24x4xf32>, %[[MASK:.*]]: tensor<24xf32>)
// CHECK: sinter.attention %[[Q]], %[[K]], %[[V]], %[[MASK]] {key_permutation = array<i64: 0, 2, 1>, scale = 5.000000e-01 : f64}
func.func @masked(%q: tensor<2x16x8xf32>, %k: tensor<2x8x24xf32>, %v: tensor<2x24x4xf32>, %mask: tensor<24xf32>) -> tensor<2x16x4xf32> {
  %c = sinter.constant dense<0.5> : tensor<f32>
  %qs = sinter.mul %c, %q : (tensor<f32>, tensor<2x16x8xf32>) -> tensor<2x16x8xf32>
  %0 = sinter.matmul %qs, %k : (tensor<2x16x8xf32>, tensor<2x8x24xf32>) -> tensor<2x16x24xf32>
  %1 = sinter.add %mask, %0 : (tensor<24xf32>, tensor<2x16x24xf32>) -> tensor<2x16x24xf32>
  %2 = sinter.softmax %1 {axis = 2 : i64} : (tensor<2x16x24xf32>) -> tensor<2x16x24xf32>
  %3 = sinter.matmul %2, %v : (tensor<2x16x24xf32>, tensor<2x24x4xf32>) -> tensor<2x16x4xf32>
  return %3 : tensor<2x16x4xf32>
}

// Another axis; scores, masked scores or weights that are used elsewhere; too few rows; constant keys or values, which
// are packed once; a scale that f32 cannot hold: none of them is one.
// CHECK-LABEL: func.func @other_axis
// CHECK-NOT: sinter.attention
func.func @other_axis(%q: tensor<2x24x8xf32>, %k: tensor<2x8x24xf32>, %v: tensor<2x24x4xf32>) -> tensor<2x24x4xf32> {
  %0 = sinter.matmul %q, %k : (tensor<2x24x8xf32>, tensor<2x8x24xf32>) -> tensor<2x24x24xf32>
  %1 = sinter.softmax %0 {axis = 1 : i64} : (tensor<2x24x24xf32>) -> tensor<2x24x24xf32>
  %2 = sinter.matmul %1, %v : (tensor<2x24x24xf32>, tensor<2x24x4xf32>) -> tensor<2x24x4xf32>
  return %2 : tensor<2x24x4xf32>
}

// CHECK-LABEL: func.func @weights_returned
// CHECK-NOT: sinter.attention
func.func @weights_returned(%q: tensor<2x24x8xf32>, %k: tensor<2x8x24xf32>, %v: tensor<2x24x4xf32>) -> (tensor<2x24x4xf32>, tensor<2x24x24xf32>) {
  %0 = sinter.matmul %q, %k : (tensor<2x24x8xf32>, tensor<2x8x24xf32>) -> tensor<2x24x24xf32>
  %1 = sinter.softmax %0 {axis = 2 : i64} : (tensor<2x24x24xf32>) -> tensor<2x24x24xf32>
  %2 = sinter.matmul %1, %v : (tensor<2x24x24xf32>, tensor<2x24x4xf32>) -> tensor<2x24x4xf32>
  return %2, %1 : tensor<2x24x4xf32>, tensor<2x24x24xf32>
}

// CHECK-LABEL: func.func @one_row
// CHECK-NOT: sinter.attention
func.func @one_row(%q: tensor<2x1x8xf32>, %k: tensor<2x8x24xf32>, %v: tensor<2x24x4xf32>) -> tensor<2x1x4xf32> {
  %0 = sinter.matmul %q, %k : (tensor<2x1x8xf32>, tensor<2x8x24xf32>) -> tensor<2x1x24xf32>
  %1 = sinter.softmax %0 {axis = 2 : i64} : (tensor<2x1x24xf32>) -> tensor<2x1x24xf32>
  %2 = sinter.matmul %1, %v : (tensor<2x1x24xf32>, tensor<2x24x4xf32>) -> tensor<2x1x4xf32>
  return %2 : tensor<2x1x4xf32>
}

// CHECK-LABEL: func.func @scores_returned
// CHECK-NOT: sinter.attention
func.func @scores_returned(%q: tensor<2x24x8xf32>, %k: tensor<2x8x24xf32>, %v: tensor<2x24x4xf32>) -> (tensor<2x24x4xf32>, tensor<2x24x24xf32>) {
  %0 = sinter.matmul %q, %k : (tensor<2x24x8xf32>, tensor<2x8x24xf32>) -> tensor<2x24x24xf32>
  %1 = sinter.softmax %0 {axis = 2 : i64} : (tensor<2x24x24xf32>) -> tensor<2x24x24xf32>
  %2 = sinter.matmul %1, %v : (tensor<2x24x24xf32>, tensor<2x24x4xf32>) -> tensor<2x24x4xf32>
  return %2, %0 : tensor<2x24x4xf32>, tensor<2x24x24xf32>
}

// CHECK-LABEL: func.func @masked_scores_returned
// CHECK-NOT: sinter.attention
func.func @masked_scores_returned(%q: tensor<2x24x8xf32>, %k: tensor<2x8x24xf32>, %v: tensor<2x24x4xf32>, %mask: tensor<24xf32>) -> (tensor<2x24x4xf32>, tensor<2x24x24xf32>) {
  %0 = sinter.matmul %q, %k : (tensor<2x24x8xf32>, tensor<2x8x24xf32>) -> tensor<2x24x24xf32>
  %1 = sinter.add %0, %mask : (tensor<2x24x24xf32>, tensor<24xf32>) -> tensor<2x24x24xf32>
  %2 = sinter.softmax %1 {axis = 2 : i64} : (tensor<2x24x24xf32>) -> tensor<2x24x24xf32>
  %3 = sinter.matmul %2, %v : (tensor<2x24x24xf32>, tensor<2x24x4xf32>) -> tensor<2x24x4xf32>
  return %3, %1 : tensor<2x24x4xf32>, tensor<2x24x24xf32>
}

// CHECK-LABEL: func.func @seven_rows
// CHECK-NOT: sinter.attention
func.func @seven_rows(%q: tensor<2x7x8xf32>, %k: tensor<2x8x24xf32>, %v: tensor<2x24x4xf32>) -> tensor<2x7x4xf32> {
  %0 = sinter.matmul %q, %k : (tensor<2x7x8xf32>, tensor<2x8x24xf32>) -> tensor<2x7x24xf32>
  %1 = sinter.softmax %0 {axis = 2 : i64} : (tensor<2x7x24xf32>) -> tensor<2x7x24xf32>
  %2 = sinter.matmul %1, %v : (tensor<2x7x24xf32>, tensor<2x24x4xf32>) -> tensor<2x7x4xf32>
  return %2 : tensor<2x7x4xf32>
}

// CHECK-LABEL: func.func @constant_value
// CHECK-NOT: sinter.attention
func.func @constant_value(%q: tensor<2x16x8xf32>, %k: tensor<2x8x24xf32>) -> tensor<2x16x4xf32> {
  %v = sinter.constant dense<0.5> : tensor<2x24x4xf32>
  %0 = sinter.matmul %q, %k : (tensor<2x16x8xf32>, tensor<2x8x24xf32>) -> tensor<2x16x24xf32>
  %1 = sinter.softmax %0 {axis = 2 : i64} : (tensor<2x16x24xf32>) -> tensor<2x16x24xf32>
  %2 = sinter.matmul %1, %v : (tensor<2x16x24xf32>, tensor<2x24x4xf32>) -> tensor<2x16x4xf32>
  return %2 : tensor<2x16x4xf32>
}

// CHECK-LABEL: func.func @vanishing_scale
// CHECK: sinter.mul
// CHECK: sinter.attention
// CHECK-SAME: scale = 1.0000000195414814E-25
func.func @vanishing_scale(%q: tensor<2x16x8xf32>, %k: tensor<2x8x24xf32>, %v: tensor<2x24x4xf32>) -> tensor<2x16x4xf32> {
  %c = sinter.constant dense<1.0e-25> : tensor<f32>
  %qs = sinter.mul %q, %c : (tensor<2x16x8xf32>, tensor<f32>) -> tensor<2x16x8xf32>
  %0 = sinter.matmul %qs, %k : (tensor<2x16x8xf32>, tensor<2x8x24xf32>) -> tensor<2x16x24xf32>
  %1 = sinter.mul %0, %c : (tensor<2x16x24xf32>, tensor<f32>) -> tensor<2x16x24xf32>
  %2 = sinter.softmax %1 {axis = 2 : i64} : (tensor<2x16x24xf32>) -> tensor<2x16x24xf32>
  %3 = sinter.matmul %2, %v : (tensor<2x16x24xf32>, tensor<2x24x4xf32>) -> tensor<2x16x4xf32>
  return %3 : tensor<2x16x4xf32>
}
