// RUN: sinter-opt %s --sinter-fuse --split-input-file --verify-diagnostics | FileCheck %s
// RUN: sinter-opt %s --sinter-fuse=fuse=false --split-input-file --verify-diagnostics | FileCheck %s --check-prefix=APART

// A contraction takes its pointwise epilogue; numbers go in as constants, weights stay outside.
// CHECK-LABEL: func.func @epilogue
// CHECK: %[[W:.*]] = sinter.constant dense<1.000000e+00> : tensor<8x4xf32>
// CHECK-NEXT: %[[F:.*]] = sinter.fusion %arg0, %[[W]], %arg1
// CHECK: ^bb0(%[[X:.*]]: tensor<2x8xf32>, %[[WX:.*]]: tensor<8x4xf32>, %[[B:.*]]: tensor<4xf32>):
// CHECK-NEXT: %[[HALF:.*]] = sinter.constant dense<5.000000e-01>
// CHECK-NEXT: %[[M:.*]] = sinter.matmul %[[X]], %[[WX]]
// CHECK-NEXT: %[[A:.*]] = sinter.add %[[M]], %[[B]]
// CHECK-NEXT: %[[S:.*]] = sinter.mul %[[A]], %[[HALF]]
// CHECK-NEXT: sinter.yield %[[S]]
// CHECK: return %[[F]]
// APART-LABEL: func.func @epilogue
// APART-COUNT-3: sinter.fusion
// APART: return
func.func @epilogue(%x: tensor<2x8xf32>, %b: tensor<4xf32>) -> tensor<2x4xf32> {
  %w = sinter.constant dense<1.0> : tensor<8x4xf32>
  %half = sinter.constant dense<0.5> : tensor<f32>
  %0 = sinter.matmul %x, %w : (tensor<2x8xf32>, tensor<8x4xf32>) -> tensor<2x4xf32>
  %1 = sinter.add %0, %b : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %2 = sinter.mul %1, %half : (tensor<2x4xf32>, tensor<f32>) -> tensor<2x4xf32>
  return %2 : tensor<2x4xf32>
}

// -----

// x * sigmoid(x): both uses of the product end inside. A side chain comes along.
// CHECK-LABEL: func.func @gate
// CHECK: sinter.fusion
// CHECK: sinter.matmul
// CHECK-DAG: sinter.sigmoid
// CHECK-DAG: sinter.mul
// CHECK-DAG: sinter.exp
// CHECK: sinter.add
// CHECK: sinter.yield
// CHECK-NOT: sinter.fusion
// CHECK: return
func.func @gate(%x: tensor<2x8xf32>, %w: tensor<8x4xf32>, %y: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %e = sinter.exp %y : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %0 = sinter.matmul %x, %w : (tensor<2x8xf32>, tensor<8x4xf32>) -> tensor<2x4xf32>
  %1 = sinter.sigmoid %0 : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %2 = sinter.mul %0, %1 : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %3 = sinter.add %2, %e : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  return %3 : tensor<2x4xf32>
}

// -----

// Where two contractions meet, the later one adds.
// CHECK-LABEL: func.func @residual
// CHECK: %[[A:.*]] = sinter.fusion %arg0, %arg1
// CHECK-NEXT: ^bb0
// CHECK-NEXT: sinter.matmul
// CHECK-NEXT: sinter.yield
// CHECK: %[[B:.*]] = sinter.fusion {{.*}}%[[A]]
// CHECK: sinter.matmul
// CHECK-NEXT: sinter.add
// CHECK-NEXT: sinter.relu
func.func @residual(%x: tensor<2x8xf32>, %v: tensor<8x4xf32>, %w: tensor<8x4xf32>) -> tensor<2x4xf32> {
  %0 = sinter.matmul %x, %v : (tensor<2x8xf32>, tensor<8x4xf32>) -> tensor<2x4xf32>
  %1 = sinter.matmul %x, %w : (tensor<2x8xf32>, tensor<8x4xf32>) -> tensor<2x4xf32>
  %2 = sinter.add %0, %1 : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %3 = sinter.relu %2 : (tensor<2x4xf32>) -> tensor<2x4xf32>
  return %3 : tensor<2x4xf32>
}

// -----

// A reduction takes what it reads once, and what follows on its own result.
// CHECK-LABEL: func.func @reduction
// CHECK: sinter.fusion
// CHECK: sinter.transpose
// CHECK: sinter.exp
// CHECK: sinter.reduce_sum
// CHECK: sinter.log
// CHECK: sinter.yield
// CHECK-NOT: sinter.fusion
// CHECK: return
func.func @reduction(%x: tensor<4x2xf32>) -> tensor<2xf32> {
  %0 = sinter.transpose %x {permutation = array<i64: 1, 0>} : (tensor<4x2xf32>) -> tensor<2x4xf32>
  %1 = sinter.exp %0 : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %2 = sinter.reduce_sum %1 {axes = array<i64: 1>} : (tensor<2x4xf32>) -> tensor<2xf32>
  %3 = sinter.log %2 : (tensor<2xf32>) -> tensor<2xf32>
  return %3 : tensor<2xf32>
}

// -----

// Nothing is computed more than once: neither per element of a broadcast, nor for two kernels.
// CHECK-LABEL: func.func @once
// CHECK: sinter.fusion
// CHECK: sinter.exp
// CHECK: sinter.fusion
// CHECK: sinter.mul
// CHECK: sinter.fusion
// CHECK: sinter.reduce_sum
// CHECK: return
func.func @once(%x: tensor<4x8xf32>, %s: tensor<4x1xf32>) -> (tensor<4x8xf32>, tensor<4xf32>) {
  %0 = sinter.exp %s : (tensor<4x1xf32>) -> tensor<4x1xf32>
  %1 = sinter.mul %x, %0 : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
  %2 = sinter.reduce_sum %1 {axes = array<i64: 1>} : (tensor<4x8xf32>) -> tensor<4xf32>
  return %1, %2 : tensor<4x8xf32>, tensor<4xf32>
}

// -----

// Pure movement and arithmetic is one kernel; a reshape is no kernel.
// CHECK-LABEL: func.func @chain
// CHECK: %[[F:.*]] = sinter.fusion %arg0
// CHECK: sinter.slice
// CHECK: sinter.transpose
// CHECK: sinter.neg
// CHECK: sinter.yield
// CHECK: %[[R:.*]] = sinter.reshape %[[F]]
// CHECK: return %[[R]]
func.func @chain(%x: tensor<4x4xf32>) -> tensor<8xf32> {
  %0 = sinter.slice %x {starts = array<i64: 0, 0>, sizes = array<i64: 2, 4>, steps = array<i64: 2, 1>} : (tensor<4x4xf32>) -> tensor<2x4xf32>
  %1 = sinter.transpose %0 {permutation = array<i64: 1, 0>} : (tensor<2x4xf32>) -> tensor<4x2xf32>
  %2 = sinter.neg %1 : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %3 = sinter.reshape %2 {shape = array<i64: 8>} : (tensor<4x2xf32>) -> tensor<8xf32>
  return %3 : tensor<8xf32>
}

// -----

// Outputs are distinct tensors of the program's own.
// CHECK-LABEL: func.func @outputs
// CHECK-DAG: %[[F:.*]] = sinter.fusion %arg0 : (tensor<4xf32>) -> tensor<4xf32> {
// CHECK: sinter.neg
// CHECK: %[[A:.*]] = sinter.fusion %arg0 : {{.*}} {
// CHECK-NEXT: ^bb0(%[[X:.*]]: tensor<4xf32>):
// CHECK-NEXT: sinter.yield %[[X]]
// CHECK: %[[B:.*]] = sinter.fusion %[[F]]
// CHECK: %[[C:.*]] = sinter.fusion %{{.*}} : (tensor<2xf32>)
// CHECK: return %[[F]], %[[A]], %[[B]], %[[C]]
func.func @outputs(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<2xf32>) {
  %cst = sinter.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %0 = sinter.neg %x : (tensor<4xf32>) -> tensor<4xf32>
  return %0, %x, %0, %cst : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<2xf32>
}

// -----

func.func @foreign(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{cannot be compiled to a kernel}}
  %0 = arith.negf %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @no_loops(%x: tensor<1x16x8x8xf32>) -> tensor<1x16x6x6xf32> {
  %f = sinter.constant dense<1.0> : tensor<36x16x16xf32>
  // expected-error @+1 {{'sinter.winograd_conv' op has no loops, and is not in the layouts of its micro-kernel}}
  %0 = sinter.winograd_conv %x, %f {pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x16x8x8xf32>, tensor<36x16x16xf32>) -> tensor<1x16x6x6xf32>
  return %0 : tensor<1x16x6x6xf32>
}

// -----

// Channels of the result in blocks, but not those of the filter.
#blocked = #sinter.layout<order = [0, 1, 2, 3], blocked = 1, block = 8>
func.func @no_loops_half(%x: tensor<1x16x8x8xf32, #blocked>) -> tensor<1x16x6x6xf32, #blocked> {
  %f = sinter.constant dense<1.0> : tensor<36x16x16xf32>
  // expected-error @+1 {{'sinter.winograd_conv' op has no loops, and is not in the layouts of its micro-kernel}}
  %0 = sinter.winograd_conv %x, %f {pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x16x8x8xf32, #blocked>, tensor<36x16x16xf32>) -> tensor<1x16x6x6xf32, #blocked>
  return %0 : tensor<1x16x6x6xf32, #blocked>
}

// -----

// Zeros that updates are added to are no tensor in memory, and updates are computed where they are read; what
// follows the sums, and the indices, which every task reads, stay outside.
// CHECK-LABEL: func.func @scatter
// CHECK: %[[I:.*]] = sinter.fusion %arg0
// CHECK: sinter.neg
// CHECK: %[[S:.*]] = sinter.fusion %arg1, %[[I]]
// CHECK: sinter.broadcast_to
// CHECK: sinter.exp
// CHECK: sinter.scatter_add
// CHECK-NEXT: sinter.yield
// CHECK: sinter.fusion %[[S]]
// CHECK: sinter.exp
func.func @scatter(%i: tensor<4xi64>, %u: tensor<4x3xf32>) -> tensor<9x3xf32> {
  %zero = sinter.constant dense<0.0> : tensor<f32>
  %0 = sinter.broadcast_to %zero {shape = array<i64: 9, 3>} : (tensor<f32>) -> tensor<9x3xf32>
  %1 = sinter.neg %i : (tensor<4xi64>) -> tensor<4xi64>
  %2 = sinter.exp %u : (tensor<4x3xf32>) -> tensor<4x3xf32>
  %3 = sinter.scatter_add %0, %1, %2 {axis = 0} : (tensor<9x3xf32>, tensor<4xi64>, tensor<4x3xf32>) -> tensor<9x3xf32>
  %4 = sinter.exp %3 : (tensor<9x3xf32>) -> tensor<9x3xf32>
  return %4 : tensor<9x3xf32>
}
