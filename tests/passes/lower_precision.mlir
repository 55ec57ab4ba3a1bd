// RUN: sinter-opt %s --sinter-lower-precision=precision=f16 | FileCheck %s
// RUN: sinter-opt %s --sinter-lower-precision=precision=bf16 | FileCheck %s --check-prefix=BF
// RUN: sinter-opt %s --sinter-lower-precision=precision=tf32 | FileCheck %s --check-prefix=TF

// TF: module attributes {sinter.tf32}
// TF-NOT: sinter.unrounded

// A contraction and what is done to its result element by element is low; parameters and results are f32.
// CHECK-LABEL: func.func @chain
// CHECK-SAME: (%[[X:.*]]: tensor<4x8xf32>) -> tensor<4x6xf32>
// CHECK-DAG: %[[LOW:.*]] = sinter.cast %[[X]] {sinter.unrounded, to = f16} : (tensor<4x8xf32>) -> tensor<4x8xf16>
// CHECK-DAG: %[[W:.*]] = sinter.constant dense<5.000000e-01> : tensor<8x6xf16>
// CHECK-DAG: %[[B:.*]] = sinter.constant dense<2.500000e-01> : tensor<6xf16>
// CHECK: %[[P:.*]] = sinter.matmul %[[LOW]], %[[W]] : (tensor<4x8xf16>, tensor<8x6xf16>) -> tensor<4x6xf16>
// CHECK: %[[S:.*]] = sinter.add %[[P]], %[[B]] : (tensor<4x6xf16>, tensor<6xf16>) -> tensor<4x6xf16>
// CHECK: %[[R:.*]] = sinter.relu %[[S]] : (tensor<4x6xf16>) -> tensor<4x6xf16>
// CHECK: %[[UP:.*]] = sinter.cast %[[R]] {to = f32}
// CHECK: return %[[UP]]
// BF-LABEL: func.func @chain
// BF: sinter.matmul {{.*}} -> tensor<4x6xbf16>
func.func @chain(%x: tensor<4x8xf32>) -> tensor<4x6xf32> {
  %w = sinter.constant dense<0.5> : tensor<8x6xf32>
  %b = sinter.constant dense<0.25> : tensor<6xf32>
  %0 = sinter.matmul %x, %w : (tensor<4x8xf32>, tensor<8x6xf32>) -> tensor<4x6xf32>
  %1 = sinter.add %0, %b : (tensor<4x6xf32>, tensor<6xf32>) -> tensor<4x6xf32>
  %2 = sinter.relu %1 : (tensor<4x6xf32>) -> tensor<4x6xf32>
  return %2 : tensor<4x6xf32>
}

// What is computed from parameters alone is not lowered.
// CHECK-LABEL: func.func @update
// CHECK-NOT: f16
// CHECK: return
func.func @update(%p: tensor<8xf32>, %g: tensor<8xf32>) -> tensor<8xf32> {
  %r = sinter.constant dense<0.1> : tensor<f32>
  %0 = sinter.mul %g, %r : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %1 = sinter.sub %p, %0 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %1 : tensor<8xf32>
}

// Statistics are f32; what they are subtracted from stays low, computed in f32. Each operation has its own conversion.
// CHECK-LABEL: func.func @statistics
// CHECK: %[[P:.*]] = sinter.matmul {{.*}} -> tensor<4x6xf16>
// CHECK: %[[A:.*]] = sinter.cast %[[P]] {to = f32}
// CHECK: %[[M:.*]] = sinter.reduce_mean %[[A]] {{.*}} -> tensor<4x1xf32>
// CHECK: %[[B:.*]] = sinter.cast %[[P]] {to = f32}
// CHECK: %[[D:.*]] = sinter.sub %[[B]], %[[M]] : (tensor<4x6xf32>, tensor<4x1xf32>) -> tensor<4x6xf32>
// CHECK: %[[L:.*]] = sinter.cast %[[D]] {sinter.unrounded, to = f16}
// CHECK: sinter.matmul %[[L]]
func.func @statistics(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %v: tensor<6x5xf32>) -> tensor<4x5xf32> {
  %0 = sinter.matmul %x, %w : (tensor<4x8xf32>, tensor<8x6xf32>) -> tensor<4x6xf32>
  %1 = sinter.reduce_mean %0 {axes = array<i64: 1>, keep_dims = true} : (tensor<4x6xf32>) -> tensor<4x1xf32>
  %2 = sinter.sub %0, %1 : (tensor<4x6xf32>, tensor<4x1xf32>) -> tensor<4x6xf32>
  %3 = sinter.matmul %2, %v : (tensor<4x6xf32>, tensor<6x5xf32>) -> tensor<4x5xf32>
  return %3 : tensor<4x5xf32>
}

// A softmax is low and computed in f32, and so is what it alone reads of a mask; exponentials, logarithms and
// losses are f32.
// CHECK-LABEL: func.func @softmax
// CHECK: %[[P:.*]] = sinter.matmul {{.*}} -> tensor<4x6xf16>
// CHECK: %[[A:.*]] = sinter.cast %[[P]] {to = f32}
// CHECK: %[[M:.*]] = sinter.add %[[A]], %{{.*}} -> tensor<4x6xf32>
// CHECK-NEXT: %[[S:.*]] = sinter.softmax %[[M]] {{.*}} -> tensor<4x6xf32>
// CHECK-NEXT: %[[E:.*]] = sinter.cast %[[P]] {to = f32}
// CHECK-NEXT: sinter.exp %[[E]] {{.*}} -> tensor<4x6xf32>
func.func @softmax(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %mask: tensor<1x6xf32>) -> (tensor<4x6xf32>, tensor<4x6xf32>) {
  %0 = sinter.matmul %x, %w : (tensor<4x8xf32>, tensor<8x6xf32>) -> tensor<4x6xf32>
  %1 = sinter.add %0, %mask : (tensor<4x6xf32>, tensor<1x6xf32>) -> tensor<4x6xf32>
  %2 = sinter.softmax %1 {axis = 1 : i64} : (tensor<4x6xf32>) -> tensor<4x6xf32>
  %3 = sinter.exp %0 : (tensor<4x6xf32>) -> tensor<4x6xf32>
  return %2, %3 : tensor<4x6xf32>, tensor<4x6xf32>
}

// CHECK-LABEL: func.func @norm
// CHECK: %[[A:.*]] = sinter.cast %{{.*}} {to = f32}
// CHECK-NEXT: %[[N:.*]] = sinter.layer_norm %[[A]], {{.*}} -> tensor<4x6xf32>
// CHECK-NEXT: %[[L:.*]] = sinter.cast %[[N]] {sinter.unrounded, to = f16}
// CHECK: sinter.matmul %[[L]]
func.func @norm(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %s: tensor<6xf32>) -> tensor<4x8xf32> {
  %0 = sinter.matmul %x, %w : (tensor<4x8xf32>, tensor<8x6xf32>) -> tensor<4x6xf32>
  %1 = sinter.layer_norm %0, %s {axis = 1 : i64, epsilon = 1.000000e-12 : f64} : (tensor<4x6xf32>, tensor<6xf32>) -> tensor<4x6xf32>
  %2 = sinter.matmul %1, %w {transpose_rhs = true} : (tensor<4x6xf32>, tensor<8x6xf32>) -> tensor<4x8xf32>
  return %2 : tensor<4x8xf32>
}

// A number that f16 cannot hold stays f32. bf16 can.
// CHECK-LABEL: func.func @large
// CHECK: %[[C:.*]] = sinter.constant dense<-1.000000e+09> : tensor<f32>
// CHECK: sinter.add %{{.*}}, %[[C]] : (tensor<4x6xf32>, tensor<f32>) -> tensor<4x6xf32>
// BF-LABEL: func.func @large
// BF: sinter.add %{{.*}} -> tensor<4x6xbf16>
func.func @large(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>) -> tensor<4x6xf32> {
  %c = sinter.constant dense<-1.0e9> : tensor<f32>
  %0 = sinter.matmul %x, %w : (tensor<4x8xf32>, tensor<8x6xf32>) -> tensor<4x6xf32>
  %1 = sinter.add %0, %c : (tensor<4x6xf32>, tensor<f32>) -> tensor<4x6xf32>
  return %1 : tensor<4x6xf32>
}

// Integers, f64 and what is f16 already are left alone.
// CHECK-LABEL: func.func @others
// CHECK: sinter.matmul {{.*}} -> tensor<2x2xf64>
// CHECK-NEXT: sinter.add {{.*}} -> tensor<2xi64>
// CHECK-NEXT: sinter.exp {{.*}} -> tensor<2xf16>
// CHECK-NEXT: return
func.func @others(%a: tensor<2x2xf64>, %i: tensor<2xi64>, %h: tensor<2xf16>) -> (tensor<2x2xf64>, tensor<2xi64>, tensor<2xf16>) {
  %0 = sinter.matmul %a, %a : (tensor<2x2xf64>, tensor<2x2xf64>) -> tensor<2x2xf64>
  %1 = sinter.add %i, %i : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
  %2 = sinter.exp %h : (tensor<2xf16>) -> tensor<2xf16>
  return %0, %1, %2 : tensor<2x2xf64>, tensor<2xi64>, tensor<2xf16>
}

// What goes in and out of loops is f32; their bodies are lowered.
// CHECK-LABEL: func.func @loop
// CHECK: sinter.scan %{{.*}} : (tensor<4x4xf32>) -> tensor<4x4xf32>
// CHECK: sinter.matmul {{.*}} -> tensor<4x4xf16>
// CHECK: sinter.yield %{{.*}} : tensor<4x4xf32>
func.func @loop(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %0 = sinter.scan %x {operandSegmentSizes = array<i32: 1, 0, 0>, steps = 3 : i64} : (tensor<4x4xf32>) -> tensor<4x4xf32> {
  ^bb0(%c: tensor<4x4xf32>):
    %1 = sinter.matmul %c, %c : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
    sinter.yield %1 : tensor<4x4xf32>
  }
  return %0 : tensor<4x4xf32>
}

// Conversions that have become one are several again.
// CHECK-LABEL: func.func @again
// CHECK: %[[A:.*]] = sinter.cast %arg0
// CHECK-NEXT: %[[B:.*]] = sinter.cast %arg0
// CHECK-NEXT: sinter.exp %[[B]]
// CHECK-NEXT: sinter.log %[[A]]
func.func @again(%x: tensor<4xf16>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = sinter.cast %x {to = f32} : (tensor<4xf16>) -> tensor<4xf32>
  %1 = sinter.exp %0 : (tensor<4xf32>) -> tensor<4xf32>
  %2 = sinter.log %0 : (tensor<4xf32>) -> tensor<4xf32>
  return %1, %2 : tensor<4xf32>, tensor<4xf32>
}
