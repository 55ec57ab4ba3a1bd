// RUN: sinter-opt %s --sinter-assign-layout=block=8 --cse --mlir-elide-resource-strings-if-larger=8 | FileCheck %s "-DC8=sinter.layout<order = [0, 1, 2, 3], blocked = 1, block = 8>"
// RUN: sinter-opt %s "--sinter-assign-layout=block=8 propagate=false" --mlir-elide-resource-strings-if-larger=8 | FileCheck %s --check-prefix=APART

// Filters are packed now; between convolutions everything runs blocked; one conversion in, one out.
// CHECK-LABEL: func.func @chain
// CHECK: %[[IN:.*]] = sinter.convert_layout %arg0
// CHECK-NOT: convert_layout
// CHECK: %[[A:.*]] = sinter.conv %[[IN]], %{{.*}} -> tensor<1x16x8x8xf32, #[[C8]]>
// CHECK-NOT: convert_layout
// CHECK: sinter.relu %[[A]] : {{.*}} -> tensor<1x16x8x8xf32, #[[C8]]>
// CHECK-NOT: convert_layout
// CHECK: sinter.max_pool {{.*}} -> tensor<1x16x4x4xf32, #[[C8]]>
// CHECK-NOT: convert_layout
// CHECK: %[[B:.*]] = sinter.conv {{.*}} -> tensor<1x16x4x4xf32, #[[C8]]>
// CHECK-NOT: convert_layout
// CHECK: %[[SUM:.*]] = sinter.add %[[B]], {{.*}} -> tensor<1x16x4x4xf32, #[[C8]]>
// CHECK: %[[OUT:.*]] = sinter.convert_layout %[[SUM]]
// CHECK: return %[[OUT]]
// Apart, every convolution converts for itself.
// APART-LABEL: func.func @chain
// APART: convert_layout
// APART: sinter.conv %
// APART-NEXT: convert_layout
// APART-NEXT: sinter.relu
// APART-NEXT: sinter.max_pool {{.*}} -> tensor<1x16x4x4xf32>
// APART: convert_layout
// APART: sinter.conv %
// APART-NEXT: convert_layout
// APART-NEXT: sinter.add {{.*}} -> tensor<1x16x4x4xf32>
func.func @chain(%x: tensor<1x16x8x8xf32>) -> tensor<1x16x4x4xf32> {
  %s = sinter.constant dense<0.5> : tensor<16x16x1x1xf32>
  %0 = sinter.conv %x, %s {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x16x8x8xf32>, tensor<16x16x1x1xf32>) -> tensor<1x16x8x8xf32>
  %1 = sinter.relu %0 : (tensor<1x16x8x8xf32>) -> tensor<1x16x8x8xf32>
  %2 = sinter.max_pool %1 {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x16x8x8xf32>) -> tensor<1x16x4x4xf32>
  %3 = sinter.conv %2, %s {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x16x4x4xf32>, tensor<16x16x1x1xf32>) -> tensor<1x16x4x4xf32>
  %4 = sinter.add %3, %2 : (tensor<1x16x4x4xf32>, tensor<1x16x4x4xf32>) -> tensor<1x16x4x4xf32>
  return %4 : tensor<1x16x4x4xf32>
}

// The image with its three channels is read as it comes.
// CHECK-LABEL: func.func @first_layer
// CHECK-NOT: convert_layout
// CHECK: sinter.conv %arg0, {{.*}} -> tensor<1x8x8x8xf32, #[[C8]]>
func.func @first_layer(%x: tensor<1x3x8x8xf32>) -> tensor<1x8x8x8xf32> {
  %f = sinter.constant dense<0.5> : tensor<8x3x1x1xf32>
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x3x8x8xf32>, tensor<8x3x1x1xf32>) -> tensor<1x8x8x8xf32>
  return %0 : tensor<1x8x8x8xf32>
}

// Squeeze and excite: the gate [1, C, 1, 1] stays blocked; the pooled values of the head are reshaped row-major.
// CHECK-LABEL: func.func @head
// CHECK: %[[C:.*]] = sinter.conv
// CHECK: %[[M:.*]] = sinter.reduce_mean %[[C]] {axes = array<i64: 2, 3>, keep_dims = true} : {{.*}} -> tensor<1x8x1x1xf32, #[[C8]]>
// CHECK: %[[G:.*]] = sinter.mul %[[C]], %[[M]] : {{.*}} -> tensor<1x8x4x4xf32, #[[C8]]>
// CHECK: %[[P:.*]] = sinter.reduce_mean %[[G]] {axes = array<i64: 2, 3>, keep_dims = true} : {{.*}} -> tensor<1x8x1x1xf32, #[[C8]]>
// CHECK: %[[R:.*]] = sinter.convert_layout %[[P]]
// CHECK: %[[F:.*]] = sinter.reshape %[[R]] {shape = array<i64: 1, 8>}
// CHECK: return %[[F]]
func.func @head(%x: tensor<1x3x4x4xf32>) -> tensor<1x8xf32> {
  %f = sinter.constant dense<0.5> : tensor<8x3x1x1xf32>
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x3x4x4xf32>, tensor<8x3x1x1xf32>) -> tensor<1x8x4x4xf32>
  %1 = sinter.reduce_mean %0 {axes = array<i64: 2, 3>, keep_dims = true} : (tensor<1x8x4x4xf32>) -> tensor<1x8x1x1xf32>
  %2 = sinter.mul %0, %1 : (tensor<1x8x4x4xf32>, tensor<1x8x1x1xf32>) -> tensor<1x8x4x4xf32>
  %3 = sinter.reduce_mean %2 {axes = array<i64: 2, 3>} : (tensor<1x8x4x4xf32>) -> tensor<1x8xf32>
  return %3 : tensor<1x8xf32>
}

// Whole blocks are concatenated blocked, parts of blocks are not.
// CHECK-LABEL: func.func @concat
// CHECK: sinter.concat {{.*}} -> tensor<1x16x4x4xf32, #[[C8]]>
// CHECK: sinter.concat {{.*}} -> tensor<1x12x4x4xf32>
func.func @concat(%x: tensor<1x3x4x4xf32>) -> (tensor<1x16x4x4xf32>, tensor<1x12x4x4xf32>) {
  %f = sinter.constant dense<0.5> : tensor<8x3x1x1xf32>
  %g = sinter.constant dense<0.5> : tensor<4x3x1x1xf32>
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x3x4x4xf32>, tensor<8x3x1x1xf32>) -> tensor<1x8x4x4xf32>
  %1 = sinter.conv %x, %g {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x3x4x4xf32>, tensor<4x3x1x1xf32>) -> tensor<1x4x4x4xf32>
  %2 = sinter.concat %0, %0 {axis = 1} : (tensor<1x8x4x4xf32>, tensor<1x8x4x4xf32>) -> tensor<1x16x4x4xf32>
  %3 = sinter.concat %1, %0 {axis = 1} : (tensor<1x4x4x4xf32>, tensor<1x8x4x4xf32>) -> tensor<1x12x4x4xf32>
  return %2, %3 : tensor<1x16x4x4xf32>, tensor<1x12x4x4xf32>
}

// CHECK-LABEL: func.func @matmul
// CHECK: sinter.matmul %arg0, %{{.*}} : (tensor<4x8xf32>, tensor<8x16xf32, #sinter.layout<order = [1, 0], blocked = 1, block = 8>>) -> tensor<4x16xf32>
func.func @matmul(%x: tensor<4x8xf32>) -> tensor<4x16xf32> {
  %w = sinter.constant dense<0.5> : tensor<8x16xf32>
  %0 = sinter.matmul %x, %w : (tensor<4x8xf32>, tensor<8x16xf32>) -> tensor<4x16xf32>
  return %0 : tensor<4x16xf32>
}

// What the derivative of a pool is made of runs blocked, the numbers of taps included.
// CHECK-LABEL: func.func @pool_derivative
// CHECK-COUNT-2: sinter.convert_layout
// CHECK-NOT: convert_layout
// CHECK: sinter.max_pool_index {{.*}} -> tensor<1x16x4x4xi32, #[[C8]]>
// CHECK-NOT: convert_layout
// CHECK: sinter.window_scatter {{.*}} -> tensor<1x16x8x8xf32, #[[C8]]>
// CHECK: convert_layout
// CHECK-NOT: convert_layout
// CHECK: return
func.func @pool_derivative(%x: tensor<1x16x8x8xf32>, %ct: tensor<1x16x4x4xf32>) -> tensor<1x16x8x8xf32> {
  %s = sinter.constant dense<0.5> : tensor<16x16x1x1xf32>
  %0 = sinter.conv %x, %s {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x16x8x8xf32>, tensor<16x16x1x1xf32>) -> tensor<1x16x8x8xf32>
  %1 = sinter.conv %ct, %s {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x16x4x4xf32>, tensor<16x16x1x1xf32>) -> tensor<1x16x4x4xf32>
  %2 = sinter.max_pool_index %0 {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x16x8x8xf32>) -> tensor<1x16x4x4xi32>
  %3 = sinter.window_scatter %1, %2 {sizes = array<i64: 8, 8>, kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x16x4x4xf32>, tensor<1x16x4x4xi32>) -> tensor<1x16x8x8xf32>
  return %3 : tensor<1x16x8x8xf32>
}

// What lies blocked becomes what the gradient of a filter reads in one step.
// CHECK-LABEL: func.func @filter_gradient
// CHECK: %[[X:.*]] = sinter.relu {{.*}} -> tensor<4x16x8x8xf32, #[[C8]]>
// CHECK: %[[IN:.*]] = sinter.convert_layout %[[X]] : (tensor<4x16x8x8xf32, #[[C8]]>) -> tensor<4x16x8x8xf32, #sinter.layout<order = [1, 2, 3, 0], blocked = 0, block = 1>>
// CHECK: %[[Y:.*]] = sinter.convert_layout %arg2
// CHECK: %[[F:.*]] = sinter.conv_filter_gradient %[[IN]], %[[Y]]
// CHECK: %[[R:.*]] = sinter.convert_layout %[[F]]
// CHECK: return %[[R]]
func.func @filter_gradient(%x: tensor<4x16x8x8xf32>, %f: tensor<16x16x1x1xf32>, %y: tensor<4x16x8x8xf32>) -> tensor<16x16x3x3xf32> {
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<4x16x8x8xf32>, tensor<16x16x1x1xf32>) -> tensor<4x16x8x8xf32>
  %1 = sinter.relu %0 : (tensor<4x16x8x8xf32>) -> tensor<4x16x8x8xf32>
  %2 = sinter.conv_filter_gradient %1, %y {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 1, 1>, pad_end = array<i64: 1, 1>} : (tensor<4x16x8x8xf32>, tensor<4x16x8x8xf32>) -> tensor<16x16x3x3xf32>
  return %2 : tensor<16x16x3x3xf32>
}
