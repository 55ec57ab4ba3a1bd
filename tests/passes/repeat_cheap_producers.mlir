// RUN: sinter-opt %s --sinter-repeat-cheap-producers | FileCheck %s
// RUN: sinter-opt %s --sinter-repeat-cheap-producers --sinter-fuse | FileCheck %s --check-prefix=FUSED

// The centred tensor is read by two kernels, and the scaled one after it: the input is in memory anyway.
// CHECK-LABEL: func.func @normalised
// CHECK: %[[A:.*]] = sinter.sub %arg0, %arg1
// CHECK: %[[B:.*]] = sinter.mul %[[A]], %arg2
// CHECK: %[[C:.*]] = sinter.relu %[[B]]
// CHECK: %[[D:.*]] = sinter.sub %arg0, %arg1
// CHECK: %[[E:.*]] = sinter.mul %[[D]], %arg2
// CHECK: %[[F:.*]] = sinter.exp %[[E]]
// CHECK: return %[[C]], %[[F]]
// FUSED-LABEL: func.func @normalised
// FUSED-COUNT-2: sinter.fusion
// FUSED-NOT: sinter.fusion
// FUSED: return
func.func @normalised(%x: tensor<16x64xf32>, %mean: tensor<1x64xf32>, %scale: tensor<1x64xf32>) -> (tensor<16x64xf32>, tensor<16x64xf32>) {
  %0 = sinter.sub %x, %mean : (tensor<16x64xf32>, tensor<1x64xf32>) -> tensor<16x64xf32>
  %1 = sinter.mul %0, %scale : (tensor<16x64xf32>, tensor<1x64xf32>) -> tensor<16x64xf32>
  %2 = sinter.relu %1 : (tensor<16x64xf32>) -> tensor<16x64xf32>
  %3 = sinter.exp %1 : (tensor<16x64xf32>) -> tensor<16x64xf32>
  return %2, %3 : tensor<16x64xf32>, tensor<16x64xf32>
}

// A square reads its operand twice at one position: one kernel, to which the difference belongs.
// FUSED-LABEL: func.func @squared
// FUSED: sinter.fusion
// FUSED: sinter.sub
// FUSED: sinter.mul
// FUSED: sinter.reduce_mean
// FUSED-NOT: sinter.fusion
// FUSED: return
func.func @squared(%x: tensor<16x64xf32>, %mean: tensor<1x64xf32>) -> tensor<1x64xf32> {
  %0 = sinter.sub %x, %mean : (tensor<16x64xf32>, tensor<1x64xf32>) -> tensor<16x64xf32>
  %1 = sinter.mul %0, %0 : (tensor<16x64xf32>, tensor<16x64xf32>) -> tensor<16x64xf32>
  %2 = sinter.reduce_mean %1 {axes = array<i64: 0>, keep_dims = true} : (tensor<16x64xf32>) -> tensor<1x64xf32>
  return %2 : tensor<1x64xf32>
}

// What it is computed from would be stored for it alone; two large operands; a user that reads memory; an
// output.
// CHECK-LABEL: func.func @kept
// CHECK-COUNT-3: sinter.add
// CHECK: sinter.mul
// CHECK-NOT: sinter.add
// CHECK-NOT: sinter.mul
// CHECK: return
func.func @kept(%x: tensor<16x64xf32>, %y: tensor<16x64xf32>, %w: tensor<64x64xf32>, %b: tensor<64xf32>) -> (tensor<16x64xf32>, tensor<16x64xf32>, tensor<16x64xf32>, tensor<16x64xf32>, tensor<16x64xf32>, tensor<16x64xf32>, tensor<16x64xf32>) {
  %p = sinter.matmul %x, %w : (tensor<16x64xf32>, tensor<64x64xf32>) -> tensor<16x64xf32>
  %0 = sinter.add %p, %b : (tensor<16x64xf32>, tensor<64xf32>) -> tensor<16x64xf32>
  %1 = sinter.relu %0 : (tensor<16x64xf32>) -> tensor<16x64xf32>
  %2 = sinter.exp %0 : (tensor<16x64xf32>) -> tensor<16x64xf32>
  %3 = sinter.add %x, %y : (tensor<16x64xf32>, tensor<16x64xf32>) -> tensor<16x64xf32>
  %4 = sinter.relu %3 : (tensor<16x64xf32>) -> tensor<16x64xf32>
  %5 = sinter.exp %3 : (tensor<16x64xf32>) -> tensor<16x64xf32>
  %6 = sinter.add %x, %b : (tensor<16x64xf32>, tensor<64xf32>) -> tensor<16x64xf32>
  %7 = sinter.matmul %6, %w : (tensor<16x64xf32>, tensor<64x64xf32>) -> tensor<16x64xf32>
  %8 = sinter.relu %6 : (tensor<16x64xf32>) -> tensor<16x64xf32>
  %9 = sinter.mul %y, %b : (tensor<16x64xf32>, tensor<64xf32>) -> tensor<16x64xf32>
  %10 = sinter.relu %9 : (tensor<16x64xf32>) -> tensor<16x64xf32>
  return %1, %2, %4, %5, %7, %8, %9 : tensor<16x64xf32>, tensor<16x64xf32>, tensor<16x64xf32>, tensor<16x64xf32>, tensor<16x64xf32>, tensor<16x64xf32>, tensor<16x64xf32>
}
