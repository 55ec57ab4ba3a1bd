// RUN: sinter-opt %s --sinter-fuse --sinter-outline-kernels | FileCheck %s
// RUN: sinter-opt %s --sinter-fuse --sinter-outline-kernels --mlir-print-debuginfo | FileCheck %s --check-prefix=LOC

// Both layers are one kernel, though they name the operands of their sums in another order; the multiplications differ in a
// number.
// CHECK: sinter.kernel @matmul_add_0 {
// CHECK-NEXT: ^bb0(%{{.*}}: tensor<2x4xf32>, %{{.*}}: tensor<4x4xf32>, %{{.*}}: tensor<4xf32>):
// CHECK-NEXT: sinter.matmul
// CHECK-NEXT: sinter.add
// CHECK-NEXT: sinter.yield
// CHECK: sinter.kernel @mul_0
// CHECK: dense<2.0
// CHECK: sinter.kernel @mul_1
// CHECK: dense<3.0
// CHECK-NOT: sinter.kernel
// CHECK-LABEL: func.func @main
// CHECK: %[[A:.*]] = sinter.launch @matmul_add_0(%arg0, %arg1, %arg2)
// CHECK: %[[B:.*]] = sinter.launch @matmul_add_0(%[[A]], %arg1, %arg2)
// CHECK: sinter.launch @mul_0(%[[B]])
// CHECK: sinter.launch @mul_1(%[[B]])

// A launch says where its operations come from.
// LOC: sinter.launch @matmul_add_0({{.*}} loc(#[[FUSED:loc[0-9]*]])
// LOC: #[[FUSED]] = loc(fused[#{{.*}}, #{{.*}}])
func.func @main(%x: tensor<2x4xf32>, %w: tensor<4x4xf32>, %b: tensor<4xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>) {
  %two = sinter.constant dense<2.0> : tensor<f32>
  %three = sinter.constant dense<3.0> : tensor<f32>
  %0 = sinter.matmul %x, %w : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
  %1 = sinter.add %0, %b : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %2 = sinter.matmul %1, %w : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
  %3 = sinter.add %b, %2 : (tensor<4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %4 = sinter.mul %3, %two : (tensor<2x4xf32>, tensor<f32>) -> tensor<2x4xf32>
  %5 = sinter.mul %3, %three : (tensor<2x4xf32>, tensor<f32>) -> tensor<2x4xf32>
  return %4, %5 : tensor<2x4xf32>, tensor<2x4xf32>
}
