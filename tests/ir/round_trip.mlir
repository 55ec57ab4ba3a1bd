// What is printed parses, and prints the same again.
// RUN: sinter-opt %s | sinter-opt | FileCheck %s
// RUN: sinter-opt %s --mlir-print-op-generic | sinter-opt | FileCheck %s

// CHECK-LABEL: func.func @elementwise
// CHECK: sinter.add %arg0, %arg1 : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
// CHECK: sinter.gelu %{{.*}} {tanh_approximation = true} : (tensor<2x4xf32>) -> tensor<2x4xf32>
// CHECK: sinter.clip %{{.*}} {high = 6.000000e+00 : f64, low = 0.000000e+00 : f64}
// CHECK: sinter.less %{{.*}}, %arg1 : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xi1>
// CHECK: sinter.select %{{.*}}, %arg0, %{{.*}} : (tensor<2x4xi1>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
// CHECK: sinter.cast %{{.*}} {to = i64} : (tensor<2x4xf32>) -> tensor<2x4xi64>
func.func @elementwise(%x: tensor<2x4xf32>, %y: tensor<4xf32>) -> tensor<2x4xi64> {
  %0 = sinter.add %x, %y : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %1 = sinter.gelu %0 {tanh_approximation = true} : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %2 = sinter.clip %1 {low = 0.0, high = 6.0} : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %3 = sinter.less %2, %y : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xi1>
  %4 = sinter.select %3, %x, %2 : (tensor<2x4xi1>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %5 = sinter.cast %4 {to = i64} : (tensor<2x4xf32>) -> tensor<2x4xi64>
  return %5 : tensor<2x4xi64>
}

// CHECK-LABEL: func.func @structured
// CHECK: sinter.conv %arg0, %arg1 {{{.*}}strides = array<i64: 2, 2>} : (tensor<1x3x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<1x4x4x4xf32>
// CHECK: sinter.max_pool %{{.*}} {{{.*}}kernel = array<i64: 2, 2>
// CHECK: sinter.resize %{{.*}} {coordinates = {{.*}}, mode = {{.*}}, scales = array<f64: 1.000000e+00, 1.000000e+00, 2.000000e+00, 2.000000e+00>, sizes = array<i64: 1, 4, 4, 4>}
// CHECK: sinter.pad %{{.*}} {high = array<i64: 0, 0, 1, 1>, low = array<i64: 0, 0, 1, 1>, mode = {{.*}}}
// CHECK: sinter.reduce_mean %{{.*}} {axes = array<i64: 2, 3>} : (tensor<1x4x6x6xf32>) -> tensor<1x4xf32>
// CHECK: sinter.softmax %{{.*}} {axis = 1 : i64}
func.func @structured(%x: tensor<1x3x8x8xf32>, %f: tensor<4x3x3x3xf32>) -> tensor<1x4xf32> {
  %0 = sinter.conv %x, %f {strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 1, 1>, pad_end = array<i64: 1, 1>} : (tensor<1x3x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<1x4x4x4xf32>
  %1 = sinter.max_pool %0 {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x4x4x4xf32>) -> tensor<1x4x2x2xf32>
  %2 = sinter.resize %1 {sizes = array<i64: 1, 4, 4, 4>, scales = array<f64: 1.0, 1.0, 2.0, 2.0>, mode = 1 : i32, coordinates = 0 : i32} : (tensor<1x4x2x2xf32>) -> tensor<1x4x4x4xf32>
  %3 = sinter.pad %2 {low = array<i64: 0, 0, 1, 1>, high = array<i64: 0, 0, 1, 1>, mode = 1 : i32} : (tensor<1x4x4x4xf32>) -> tensor<1x4x6x6xf32>
  %4 = sinter.reduce_mean %3 {axes = array<i64: 2, 3>} : (tensor<1x4x6x6xf32>) -> tensor<1x4xf32>
  %5 = sinter.softmax %4 {axis = 1} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  return %5 : tensor<1x4xf32>
}

// CHECK-LABEL: sinter.kernel @relu_0 {
// CHECK-NEXT: ^bb0(%{{.*}}: tensor<1x16x4x4xf32, #sinter.layout<order = [0, 1, 2, 3], blocked = 1, block = 8>>):
// CHECK: sinter.yield %{{.*}} : tensor<1x16x4x4xf32, #sinter.layout<order = [0, 1, 2, 3], blocked = 1, block = 8>>
sinter.kernel @relu_0 {
^bb0(%x: tensor<1x16x4x4xf32, #sinter.layout<order = [0, 1, 2, 3], blocked = 1, block = 8>>):
  %0 = sinter.relu %x : (tensor<1x16x4x4xf32, #sinter.layout<order = [0, 1, 2, 3], blocked = 1, block = 8>>) -> tensor<1x16x4x4xf32, #sinter.layout<order = [0, 1, 2, 3], blocked = 1, block = 8>>
  sinter.yield %0 : tensor<1x16x4x4xf32, #sinter.layout<order = [0, 1, 2, 3], blocked = 1, block = 8>>
}

// CHECK-LABEL: func.func @program
// CHECK: sinter.constant dense<1.000000e+00> : tensor<4xf32>
// CHECK: sinter.convert_layout %arg0
// CHECK: sinter.launch @relu_0(%{{.*}}) {offsets = array<i64: 64>}
// CHECK: sinter.fusion %arg1, %{{.*}} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> {
// CHECK-NEXT: ^bb0(%{{.*}}: tensor<4xf32>, %{{.*}}: tensor<4xf32>):
// CHECK: sinter.yield
func.func @program(%x: tensor<1x16x4x4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %one = sinter.constant dense<1.0> : tensor<4xf32>
  %0 = sinter.convert_layout %x : (tensor<1x16x4x4xf32>) -> tensor<1x16x4x4xf32, #sinter.layout<order = [0, 1, 2, 3], blocked = 1, block = 8>>
  %1 = sinter.launch @relu_0(%0) {offsets = array<i64: 64>} : (tensor<1x16x4x4xf32, #sinter.layout<order = [0, 1, 2, 3], blocked = 1, block = 8>>) -> tensor<1x16x4x4xf32, #sinter.layout<order = [0, 1, 2, 3], blocked = 1, block = 8>>
  %2 = sinter.fusion %y, %one : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>):
    %3 = sinter.mul %a, %b : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    sinter.yield %3 : tensor<4xf32>
  }
  return %2 : tensor<4xf32>
}

// CHECK-LABEL: func.func @control
// CHECK: sinter.cond %arg0, %arg1 : (tensor<i1>, tensor<4xf32>) -> tensor<4xf32> {
// CHECK-NEXT: ^bb0(%{{.*}}: tensor<4xf32>):
// CHECK: sinter.yield %{{.*}} : tensor<4xf32>
// CHECK-NEXT: } else {
// CHECK: sinter.while %{{.*}}, %arg2 {max_iterations = 7 : i64, operandSegmentSizes = array<i32: 1, 1>} : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32> {
// CHECK: sinter.yield %{{.*}} : tensor<i1>
// CHECK-NEXT: } do {
// CHECK: sinter.scan %{{.*}}, %arg3, %arg2 {operandSegmentSizes = array<i32: 1, 1, 1>, reverse, steps = 3 : i64} : (tensor<4xf32>, tensor<3xf32>, tensor<f32>) -> (tensor<4xf32>, tensor<3x4xf32>) {
// CHECK-NEXT: ^bb0(%{{.*}}: tensor<4xf32>, %{{.*}}: tensor<f32>, %{{.*}}: tensor<f32>):
func.func @control(%p: tensor<i1>, %x: tensor<4xf32>, %most: tensor<f32>, %s: tensor<3xf32>) -> (tensor<4xf32>, tensor<3x4xf32>) {
  %0 = sinter.cond %p, %x : (tensor<i1>, tensor<4xf32>) -> tensor<4xf32> {
  ^bb0(%a: tensor<4xf32>):
    sinter.yield %a : tensor<4xf32>
  } else {
  ^bb0(%a: tensor<4xf32>):
    %n = sinter.neg %a : (tensor<4xf32>) -> tensor<4xf32>
    sinter.yield %n : tensor<4xf32>
  }
  %1 = sinter.while %0, %most {max_iterations = 7 : i64, operandSegmentSizes = array<i32: 1, 1>} : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32> {
  ^bb0(%c: tensor<4xf32>, %m: tensor<f32>):
    %sum = sinter.reduce_sum %c {axes = array<i64: 0>} : (tensor<4xf32>) -> tensor<f32>
    %less = sinter.less %sum, %m : (tensor<f32>, tensor<f32>) -> tensor<i1>
    sinter.yield %less : tensor<i1>
  } do {
  ^bb0(%c: tensor<4xf32>, %m: tensor<f32>):
    %d = sinter.add %c, %c : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    sinter.yield %d : tensor<4xf32>
  }
  %2:2 = sinter.scan %1, %s, %most {operandSegmentSizes = array<i32: 1, 1, 1>, reverse, steps = 3 : i64} : (tensor<4xf32>, tensor<3xf32>, tensor<f32>) -> (tensor<4xf32>, tensor<3x4xf32>) {
  ^bb0(%c: tensor<4xf32>, %i: tensor<f32>, %m: tensor<f32>):
    %d = sinter.mul %c, %i : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    %e = sinter.mul %d, %m : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    sinter.yield %e, %c : tensor<4xf32>, tensor<4xf32>
  }
  return %2#0, %2#1 : tensor<4xf32>, tensor<3x4xf32>
}
