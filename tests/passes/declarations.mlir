// RUN: sinter-opt %s --sinter-assign-layout --sinter-fuse --sinter-outline-kernels --sinter-plan-memory | FileCheck %s

// A function without a body has nothing to compile.
// CHECK: func.func private @elsewhere(tensor<4xf32>) -> tensor<4xf32>
func.func private @elsewhere(%x: tensor<4xf32>) -> tensor<4xf32>
