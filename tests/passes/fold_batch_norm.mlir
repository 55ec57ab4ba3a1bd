// RUN: sinter-opt %s --sinter-fold-batch-norm --cse | FileCheck %s

// CHECK-LABEL: func.func @conv
// CHECK-DAG: %[[FILTER:.*]] = sinter.constant dense<{{.*}}2.000000e+00{{.*}}3.000000e+00{{.*}}> : tensor<2x1x1x1xf32>
// CHECK-DAG: %[[BIAS:.*]] = sinter.constant dense<[5.000000e+00, 1.000000e+00]> : tensor<2xf32>
// CHECK: %[[R:.*]] = sinter.conv %arg0, %[[FILTER]], %[[BIAS]]
// CHECK-NEXT: return %[[R]]
func.func @conv(%x: tensor<1x1x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %f = sinter.constant dense<1.0> : tensor<2x1x1x1xf32>
  %b = sinter.constant dense<[3.0, 2.0]> : tensor<2xf32>
  %scale = sinter.constant dense<[4.0, 6.0]> : tensor<2xf32>
  %bias = sinter.constant dense<[1.0, 1.0]> : tensor<2xf32>
  %mean = sinter.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %variance = sinter.constant dense<4.0> : tensor<2xf32>
  %0 = sinter.conv %x, %f, %b {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x1x4x4xf32>, tensor<2x1x1x1xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
  %1 = sinter.batch_norm %0, %scale, %bias, %mean, %variance {epsilon = 0.0} : (tensor<1x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
  return %1 : tensor<1x2x4x4xf32>
}

// A transposed convolution of two groups: the filter's rows belong to groups, its columns to channels in them.
// CHECK-LABEL: func.func @conv_transpose
// CHECK-DAG: %[[FILTER:.*]] = sinter.constant dense<{{\[\[\[\[}}1.000000e+00]]], {{\[\[\[}}2.000000e+00]]]]>
// CHECK: %[[R:.*]] = sinter.conv_transpose %arg0, %[[FILTER]] {
// CHECK-NEXT: return %[[R]]
func.func @conv_transpose(%x: tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %f = sinter.constant dense<1.0> : tensor<2x1x1x1xf32>
  %c = sinter.constant dense<[[[1.0]], [[2.0]]]> : tensor<2x1x1xf32>
  %0 = sinter.conv_transpose %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>, output_padding = array<i64: 0, 0>, groups = 2} : (tensor<1x2x4x4xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x4x4xf32>
  %1 = sinter.mul %0, %c : (tensor<1x2x4x4xf32>, tensor<2x1x1xf32>) -> tensor<1x2x4x4xf32>
  return %1 : tensor<1x2x4x4xf32>
}

// Scale and shift by constants, one after the other.
// CHECK-LABEL: func.func @affine
// CHECK-DAG: %[[FILTER:.*]] = sinter.constant dense<2.000000e+00> : tensor<2x1x1x1xf32>
// CHECK-DAG: %[[BIAS:.*]] = sinter.constant dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32>
// CHECK: sinter.conv %arg0, %[[FILTER]], %[[BIAS]]
// CHECK-NEXT: return
func.func @affine(%x: tensor<1x1x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %f = sinter.constant dense<1.0> : tensor<2x1x1x1xf32>
  %scale = sinter.constant dense<2.0> : tensor<1xf32>
  %shift = sinter.constant dense<[[[[1.0]], [[2.0]]]]> : tensor<1x2x1x1xf32>
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x1x4x4xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x4x4xf32>
  %1 = sinter.mul %0, %scale : (tensor<1x2x4x4xf32>, tensor<1xf32>) -> tensor<1x2x4x4xf32>
  %2 = sinter.add %shift, %1 : (tensor<1x2x1x1xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  return %2 : tensor<1x2x4x4xf32>
}

// A constant that differs along another dimension stays, and so does what a second user sees.
// CHECK-LABEL: func.func @not_folded
// CHECK: sinter.conv
// CHECK: sinter.mul
// CHECK: sinter.add
func.func @not_folded(%x: tensor<1x1x2x2xf32>) -> (tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>) {
  %f = sinter.constant dense<1.0> : tensor<1x1x1x1xf32>
  %rows = sinter.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32>
  %one = sinter.constant dense<1.0> : tensor<f32>
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x1x2x2xf32>, tensor<1x1x1x1xf32>) -> tensor<1x1x2x2xf32>
  %1 = sinter.mul %0, %rows : (tensor<1x1x2x2xf32>, tensor<2x1xf32>) -> tensor<1x1x2x2xf32>
  %2 = sinter.add %0, %one : (tensor<1x1x2x2xf32>, tensor<f32>) -> tensor<1x1x2x2xf32>
  return %1, %2 : tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>
}

// CHECK-LABEL: func.func @matmul
// CHECK-DAG: %[[W:.*]] = sinter.constant dense<{{\[\[}}2.000000e+00, 3.000000e+00]]> : tensor<1x2xf32>
// CHECK-DAG: %[[B:.*]] = sinter.constant dense<[2.000000e+00, 6.000000e+00]> : tensor<2xf32>
// CHECK: %[[P:.*]] = sinter.matmul %arg0, %[[W]]
// CHECK-NEXT: sinter.add %[[P]], %[[B]]
func.func @matmul(%x: tensor<4x1xf32>) -> tensor<4x2xf32> {
  %w = sinter.constant dense<1.0> : tensor<1x2xf32>
  %b = sinter.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %s = sinter.constant dense<[2.0, 3.0]> : tensor<2xf32>
  %0 = sinter.matmul %x, %w : (tensor<4x1xf32>, tensor<1x2xf32>) -> tensor<4x2xf32>
  %1 = sinter.add %0, %b : (tensor<4x2xf32>, tensor<2xf32>) -> tensor<4x2xf32>
  %2 = sinter.mul %1, %s : (tensor<4x2xf32>, tensor<2xf32>) -> tensor<4x2xf32>
  return %2 : tensor<4x2xf32>
}

// CHECK-LABEL: func.func @alone
// CHECK: %[[P:.*]] = sinter.mul %arg0, %{{.*}} : (tensor<1x2x4xf32>, tensor<2x1xf32>)
// CHECK: sinter.add %[[P]], %{{.*}} : (tensor<1x2x4xf32>, tensor<2x1xf32>)
func.func @alone(%x: tensor<1x2x4xf32>) -> tensor<1x2x4xf32> {
  %scale = sinter.constant dense<[4.0, 6.0]> : tensor<2xf32>
  %bias = sinter.constant dense<[1.0, 1.0]> : tensor<2xf32>
  %mean = sinter.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %variance = sinter.constant dense<4.0> : tensor<2xf32>
  %0 = sinter.batch_norm %x, %scale, %bias, %mean, %variance {epsilon = 0.0} : (tensor<1x2x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x4xf32>
  return %0 : tensor<1x2x4xf32>
}

// Parameters known only when the program runs: weights stay, and what follows them can join their kernel.
// CHECK-LABEL: func.func @unknown_parameters
// CHECK: %[[CONV:.*]] = sinter.conv %arg0
// CHECK: %[[SCALE:.*]] = sinter.div %arg1, %{{.*}} : (tensor<2xf32>, tensor<2xf32>)
// CHECK: %[[M:.*]] = sinter.reshape %arg3 {{.*}} -> tensor<2x1x1xf32>
// CHECK: %[[C:.*]] = sinter.sub %[[CONV]], %[[M]]
// CHECK: %[[A:.*]] = sinter.reshape %[[SCALE]] {{.*}} -> tensor<2x1x1xf32>
// CHECK: %[[P:.*]] = sinter.mul %[[C]], %[[A]]
// CHECK: %[[B:.*]] = sinter.reshape %arg2 {{.*}} -> tensor<2x1x1xf32>
// CHECK: %[[R:.*]] = sinter.add %[[P]], %[[B]]
// CHECK-NEXT: return %[[R]]
func.func @unknown_parameters(%x: tensor<1x1x4x4xf32>, %scale: tensor<2xf32>, %bias: tensor<2xf32>, %mean: tensor<2xf32>, %variance: tensor<2xf32>) -> tensor<1x2x4x4xf32> {
  %f = sinter.constant dense<1.0> : tensor<2x1x1x1xf32>
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x1x4x4xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x4x4xf32>
  %1 = sinter.batch_norm %0, %scale, %bias, %mean, %variance {epsilon = 1.0e-5} : (tensor<1x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
  return %1 : tensor<1x2x4x4xf32>
}

// What would make weights or a bias that are not finite stays: their products would be summed to NaN.
// CHECK-LABEL: func.func @division_by_zero
// CHECK: %[[CONV:.*]] = sinter.conv %arg0
// CHECK: %[[R:.*]] = sinter.div %[[CONV]]
// CHECK-NEXT: return %[[R]]
func.func @division_by_zero(%x: tensor<1x1x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %f = sinter.constant dense<1.0> : tensor<2x1x1x1xf32>
  %c = sinter.constant dense<[[[2.0]], [[0.0]]]> : tensor<2x1x1xf32>
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x1x4x4xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x4x4xf32>
  %1 = sinter.div %0, %c : (tensor<1x2x4x4xf32>, tensor<2x1x1xf32>) -> tensor<1x2x4x4xf32>
  return %1 : tensor<1x2x4x4xf32>
}

// CHECK-LABEL: func.func @infinite_reciprocal
// CHECK: %[[CONV:.*]] = sinter.conv %arg0
// CHECK: %[[R:.*]] = sinter.div %[[CONV]]
// CHECK-NEXT: return %[[R]]
func.func @infinite_reciprocal(%x: tensor<1x1x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %f = sinter.constant dense<1.0e-9> : tensor<2x1x1x1xf32>
  %c = sinter.constant dense<1.0e-39> : tensor<2x1x1xf32>
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x1x4x4xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x4x4xf32>
  %1 = sinter.div %0, %c : (tensor<1x2x4x4xf32>, tensor<2x1x1xf32>) -> tensor<1x2x4x4xf32>
  return %1 : tensor<1x2x4x4xf32>
}

// CHECK-LABEL: func.func @infinite_factor
// CHECK: %[[CONV:.*]] = sinter.conv %arg0
// CHECK: %[[R:.*]] = sinter.mul %[[CONV]]
// CHECK-NEXT: return %[[R]]
func.func @infinite_factor(%x: tensor<1x1x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %f = sinter.constant dense<1.0> : tensor<2x1x1x1xf32>
  %c = sinter.constant dense<[[[2.0]], [[0x7F800000]]]> : tensor<2x1x1xf32>
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x1x4x4xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x4x4xf32>
  %1 = sinter.mul %0, %c : (tensor<1x2x4x4xf32>, tensor<2x1x1xf32>) -> tensor<1x2x4x4xf32>
  return %1 : tensor<1x2x4x4xf32>
}

// CHECK-LABEL: func.func @nan_factor
// CHECK: %[[CONV:.*]] = sinter.conv %arg0
// CHECK: %[[R:.*]] = sinter.mul %[[CONV]]
// CHECK-NEXT: return %[[R]]
func.func @nan_factor(%x: tensor<1x1x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %f = sinter.constant dense<1.0> : tensor<2x1x1x1xf32>
  %c = sinter.constant dense<[[[2.0]], [[0x7FC00000]]]> : tensor<2x1x1xf32>
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x1x4x4xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x4x4xf32>
  %1 = sinter.mul %0, %c : (tensor<1x2x4x4xf32>, tensor<2x1x1xf32>) -> tensor<1x2x4x4xf32>
  return %1 : tensor<1x2x4x4xf32>
}

// CHECK-LABEL: func.func @infinite_product
// CHECK: %[[CONV:.*]] = sinter.conv %arg0
// CHECK: %[[R:.*]] = sinter.mul %[[CONV]]
// CHECK-NEXT: return %[[R]]
func.func @infinite_product(%x: tensor<1x1x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %f = sinter.constant dense<1.0e20> : tensor<2x1x1x1xf32>
  %c = sinter.constant dense<1.0e20> : tensor<2x1x1xf32>
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x1x4x4xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x4x4xf32>
  %1 = sinter.mul %0, %c : (tensor<1x2x4x4xf32>, tensor<2x1x1xf32>) -> tensor<1x2x4x4xf32>
  return %1 : tensor<1x2x4x4xf32>
}

// CHECK-LABEL: func.func @infinite_quotient
// CHECK: %[[CONV:.*]] = sinter.conv %arg0
// CHECK: %[[R:.*]] = sinter.div %[[CONV]]
// CHECK-NEXT: return %[[R]]
func.func @infinite_quotient(%x: tensor<1x1x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %f = sinter.constant dense<1.0e20> : tensor<2x1x1x1xf32>
  %c = sinter.constant dense<1.0e-20> : tensor<2x1x1xf32>
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x1x4x4xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x4x4xf32>
  %1 = sinter.div %0, %c : (tensor<1x2x4x4xf32>, tensor<2x1x1xf32>) -> tensor<1x2x4x4xf32>
  return %1 : tensor<1x2x4x4xf32>
}

// CHECK-LABEL: func.func @infinite_addend
// CHECK: %[[CONV:.*]] = sinter.conv %arg0
// CHECK: %[[R:.*]] = sinter.add %[[CONV]]
// CHECK-NEXT: return %[[R]]
func.func @infinite_addend(%x: tensor<1x1x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %f = sinter.constant dense<1.0> : tensor<2x1x1x1xf32>
  %c = sinter.constant dense<0x7F800000> : tensor<2x1x1xf32>
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x1x4x4xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x4x4xf32>
  %1 = sinter.add %0, %c : (tensor<1x2x4x4xf32>, tensor<2x1x1xf32>) -> tensor<1x2x4x4xf32>
  return %1 : tensor<1x2x4x4xf32>
}

// CHECK-LABEL: func.func @infinite_subtrahend
// CHECK: %[[CONV:.*]] = sinter.conv %arg0
// CHECK: %[[R:.*]] = sinter.sub %[[CONV]]
// CHECK-NEXT: return %[[R]]
func.func @infinite_subtrahend(%x: tensor<1x1x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %f = sinter.constant dense<1.0> : tensor<2x1x1x1xf32>
  %c = sinter.constant dense<0x7F800000> : tensor<2x1x1xf32>
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x1x4x4xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x4x4xf32>
  %1 = sinter.sub %0, %c : (tensor<1x2x4x4xf32>, tensor<2x1x1xf32>) -> tensor<1x2x4x4xf32>
  return %1 : tensor<1x2x4x4xf32>
}

// Close to the largest numbers, but not too close.
// CHECK-LABEL: func.func @large_but_finite
// CHECK-DAG: %[[FILTER:.*]] = sinter.constant dense<9.99999993E+36> : tensor<2x1x1x1xf32>
// CHECK: %[[R:.*]] = sinter.conv %arg0, %[[FILTER]]
// CHECK-NEXT: return %[[R]]
func.func @large_but_finite(%x: tensor<1x1x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %f = sinter.constant dense<1.0e18> : tensor<2x1x1x1xf32>
  %c = sinter.constant dense<1.0e19> : tensor<2x1x1xf32>
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x1x4x4xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x4x4xf32>
  %1 = sinter.mul %0, %c : (tensor<1x2x4x4xf32>, tensor<2x1x1xf32>) -> tensor<1x2x4x4xf32>
  return %1 : tensor<1x2x4x4xf32>
}

// A scale that is not finite goes to the difference: apart, scale and shift would meet as infinity minus infinity. The
// mean, which is finite, goes into the bias.
// CHECK-LABEL: func.func @no_variance
// CHECK-DAG: %[[BIAS:.*]] = sinter.constant dense<[-1.000000e+00, -2.000000e+00]> : tensor<2xf32>
// CHECK-DAG: %[[SCALE:.*]] = sinter.constant {{.*}}0x7F800000{{.*}} : tensor<2x1x1xf32>
// CHECK-DAG: %[[B:.*]] = sinter.constant dense<3.000000e+00> : tensor<2x1x1xf32>
// CHECK: %[[CONV:.*]] = sinter.conv %arg0, %{{.*}}, %[[BIAS]]
// CHECK: %[[P:.*]] = sinter.mul %[[CONV]], %[[SCALE]]
// CHECK: %[[R:.*]] = sinter.add %[[P]], %[[B]]
// CHECK-NEXT: return %[[R]]
func.func @no_variance(%x: tensor<1x1x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %f = sinter.constant dense<1.0> : tensor<2x1x1x1xf32>
  %one = sinter.constant dense<1.0> : tensor<2xf32>
  %bias = sinter.constant dense<3.0> : tensor<2xf32>
  %mean = sinter.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %variance = sinter.constant dense<[4.0, 0.0]> : tensor<2xf32>
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x1x4x4xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x4x4xf32>
  %1 = sinter.batch_norm %0, %one, %bias, %mean, %variance {epsilon = 0.0} : (tensor<1x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
  return %1 : tensor<1x2x4x4xf32>
}

// Scale and shift are finite, the weights would not be.
// CHECK-LABEL: func.func @large_scale
// CHECK: %[[CONV:.*]] = sinter.conv %arg0
// CHECK: %[[P:.*]] = sinter.mul %[[CONV]]
// CHECK: %[[R:.*]] = sinter.add %[[P]]
// CHECK-NEXT: return %[[R]]
func.func @large_scale(%x: tensor<1x1x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %f = sinter.constant dense<1.0e20> : tensor<2x1x1x1xf32>
  %scale = sinter.constant dense<1.0e20> : tensor<2xf32>
  %one = sinter.constant dense<1.0> : tensor<2xf32>
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x1x4x4xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x4x4xf32>
  %1 = sinter.batch_norm %0, %scale, %one, %one, %one {epsilon = 0.0} : (tensor<1x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
  return %1 : tensor<1x2x4x4xf32>
}

// (matmul + bias) * infinity is not matmul * infinity + bias * infinity.
// CHECK-LABEL: func.func @infinite_factor_of_sum
// CHECK: %[[P:.*]] = sinter.matmul %arg0
// CHECK-NEXT: %[[S:.*]] = sinter.add %[[P]]
// CHECK-NEXT: %[[R:.*]] = sinter.mul %[[S]]
// CHECK-NEXT: return %[[R]]
func.func @infinite_factor_of_sum(%x: tensor<4x1xf32>) -> tensor<4x2xf32> {
  %w = sinter.constant dense<1.0> : tensor<1x2xf32>
  %b = sinter.constant dense<[1.0, -2.0]> : tensor<2xf32>
  %s = sinter.constant dense<0x7F800000> : tensor<2xf32>
  %0 = sinter.matmul %x, %w : (tensor<4x1xf32>, tensor<1x2xf32>) -> tensor<4x2xf32>
  %1 = sinter.add %0, %b : (tensor<4x2xf32>, tensor<2xf32>) -> tensor<4x2xf32>
  %2 = sinter.mul %1, %s : (tensor<4x2xf32>, tensor<2xf32>) -> tensor<4x2xf32>
  return %2 : tensor<4x2xf32>
}
