// RUN: sinter-opt %s --sinter-fold-constants --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @arithmetic
// CHECK-NEXT: %[[C:.*]] = sinter.constant dense<[4.000000e+00, 6.000000e+00]>
// CHECK-NEXT: return %[[C]]
func.func @arithmetic() -> tensor<2xf32> {
  %a = sinter.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %b = sinter.constant dense<2.0> : tensor<f32>
  %c = sinter.constant dense<1.0> : tensor<f32>
  %0 = sinter.add %a, %c : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  %1 = sinter.mul %0, %b : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  return %1 : tensor<2xf32>
}

// -----

// Equal elements become a splat.
// CHECK-LABEL: func.func @splat
// CHECK-NEXT: sinter.constant dense<3.000000e+00> : tensor<2x2xf32>
func.func @splat() -> tensor<2x2xf32> {
  %a = sinter.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %b = sinter.constant dense<[[2.0, 1.0], [2.0, 1.0]]> : tensor<2x2xf32>
  %0 = sinter.add %a, %b : (tensor<2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  return %0 : tensor<2x2xf32>
}

// -----

// A constant much larger than what it is made of is computed at run time.
// CHECK-LABEL: func.func @bounded
// CHECK: sinter.broadcast_to
func.func @bounded() -> tensor<4096x16xf32> {
  %a = sinter.constant dense<[[1.0], [2.0], [3.0], [4.0], [5.0], [6.0], [7.0], [8.0]]> : tensor<8x1xf32>
  %0 = sinter.broadcast_to %a {shape = array<i64: 512, 8, 16>} : (tensor<8x1xf32>) -> tensor<512x8x16xf32>
  %1 = sinter.reshape %0 {shape = array<i64: 4096, 16>} : (tensor<512x8x16xf32>) -> tensor<4096x16xf32>
  return %1 : tensor<4096x16xf32>
}

// -----

// Packing a filter works on the physical order: output channels innermost.
// CHECK-LABEL: func.func @packed
// CHECK: sinter.constant
// CHECK-NOT: sinter.convert_layout
// CHECK: return
func.func @packed() -> tensor<4x2xf32, #sinter.layout<order = [0, 1], blocked = 0, block = 2>> {
  %a = sinter.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]> : tensor<4x2xf32>
  %0 = sinter.convert_layout %a : (tensor<4x2xf32>) -> tensor<4x2xf32, #sinter.layout<order = [0, 1], blocked = 0, block = 2>>
  return %0 : tensor<4x2xf32, #sinter.layout<order = [0, 1], blocked = 0, block = 2>>
}

// -----

// An operand that is used twice goes once.
// CHECK-LABEL: func.func @twice
// CHECK-NEXT: %[[C:.*]] = sinter.constant dense<[1.000000e+00, 4.000000e+00]>
// CHECK-NEXT: return %[[C]]
func.func @twice() -> tensor<2xf32> {
  %a = sinter.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %0 = sinter.mul %a, %a : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
