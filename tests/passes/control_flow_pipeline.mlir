// A loop in a whole program: constants are in its body, passes went in there, and its operands, results and copies have places.
// RUN: sinter-opt %s "--sinter-pipeline=stage=planned" | FileCheck %s
// RUN: sinter-opt %s "--sinter-pipeline=stage=planned fuse=0" | FileCheck %s --check-prefix=APART

// CHECK: sinter.kernel @exp_0
// CHECK: sinter.kernel @copy_0
// CHECK: func.func @main
// CHECK: %[[X:.*]] = sinter.launch @exp_0(%arg0) {offsets = array<i64: 0>}
// CHECK: %[[S:.*]]:2 = sinter.scan %[[X]], %arg1 {offsets = array<i64: -1, -1>, operandSegmentSizes = array<i32: 1, 1, 0>, steps = 3 : i64}
// CHECK-NEXT: ^bb0(%[[C:.*]]: tensor<16xf32>, %[[I:.*]]: tensor<16xf32>):
// CHECK: sinter.silu
// CHECK: sinter.yield
// CHECK: %[[Y:.*]] = sinter.launch @copy_0(%[[S]]#0) {offsets = array<i64: -1>}
// CHECK: return %[[S]]#0, %[[S]]#1, %[[Y]]
// APART: sinter.scan %{{.*}}, %arg1, %{{.*}} {offsets = array<i64: -1, -1>, operandSegmentSizes = array<i32: 1, 1, 1>, steps = 3 : i64}
// APART: sinter.sigmoid
func.func @main(%x: tensor<16xf32>, %s: tensor<3x16xf32>) -> (tensor<16xf32>, tensor<3x16xf32>, tensor<16xf32>) {
  %half = sinter.constant dense<0.5> : tensor<f32>
  %0 = sinter.exp %x : (tensor<16xf32>) -> tensor<16xf32>
  %1:2 = sinter.scan %0, %s, %half {operandSegmentSizes = array<i32: 1, 1, 1>, steps = 3 : i64} : (tensor<16xf32>, tensor<3x16xf32>, tensor<f32>) -> (tensor<16xf32>, tensor<3x16xf32>) {
  ^bb0(%c: tensor<16xf32>, %i: tensor<16xf32>, %h: tensor<f32>):
    %2 = sinter.mul %c, %h : (tensor<16xf32>, tensor<f32>) -> tensor<16xf32>
    %3 = sinter.add %2, %i : (tensor<16xf32>, tensor<16xf32>) -> tensor<16xf32>
    %4 = sinter.sigmoid %3 : (tensor<16xf32>) -> tensor<16xf32>
    %5 = sinter.mul %3, %4 : (tensor<16xf32>, tensor<16xf32>) -> tensor<16xf32>
    sinter.yield %5, %3 : tensor<16xf32>, tensor<16xf32>
  }
  return %1#0, %1#1, %1#0 : tensor<16xf32>, tensor<3x16xf32>, tensor<16xf32>
}
