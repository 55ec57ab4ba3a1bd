// For tensor cores: channels innermost around convolutions.
// RUN: sinter-opt %s "--sinter-assign-layout=channels-last" --cse --mlir-elide-resource-strings-if-larger=8 | FileCheck %s "-DCL=sinter.layout<order = [0, 2, 3, 1], blocked = 1, block = 1>"
// RUN: sinter-opt %s "--sinter-pipeline=backend=cuda channels-last=true stage=optimized" --mlir-elide-resource-strings-if-larger=8 | FileCheck %s --check-prefix=PIPELINE

// One conversion in, one out; the filter is stored so now, the same for both.
// CHECK-LABEL: func.func @chain
// CHECK: %[[IN:.*]] = sinter.convert_layout %arg0
// CHECK: sinter.constant {{.*}} : tensor<16x16x3x3xf32, #[[CL]]>
// CHECK-NOT: convert_layout
// CHECK: sinter.conv %[[IN]], {{.*}} -> tensor<1x16x8x8xf32, #[[CL]]>
// CHECK: sinter.max_pool {{.*}} -> tensor<1x16x4x4xf32, #[[CL]]>
// CHECK: sinter.conv {{.*}} -> tensor<1x16x4x4xf32, #[[CL]]>
// CHECK-NOT: convert_layout
// CHECK: %[[SUM:.*]] = sinter.add {{.*}} -> tensor<1x16x4x4xf32, #[[CL]]>
// CHECK: %[[OUT:.*]] = sinter.convert_layout %[[SUM]]
// CHECK: return %[[OUT]]
// PIPELINE-LABEL: func.func @chain
// PIPELINE: sinter.conv {{.*}}, #sinter.layout<order = [0, 2, 3, 1], blocked = 1, block = 1>>
func.func @chain(%x: tensor<1x16x8x8xf32>) -> tensor<1x16x4x4xf32> {
  %f = sinter.constant dense<0.5> : tensor<16x16x3x3xf32>
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 1, 1>, pad_end = array<i64: 1, 1>} : (tensor<1x16x8x8xf32>, tensor<16x16x3x3xf32>) -> tensor<1x16x8x8xf32>
  %1 = sinter.max_pool %0 {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x16x8x8xf32>) -> tensor<1x16x4x4xf32>
  %2 = sinter.conv %1, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 1, 1>, pad_end = array<i64: 1, 1>} : (tensor<1x16x4x4xf32>, tensor<16x16x3x3xf32>) -> tensor<1x16x4x4xf32>
  %3 = sinter.add %2, %1 : (tensor<1x16x4x4xf32>, tensor<1x16x4x4xf32>) -> tensor<1x16x4x4xf32>
  return %3 : tensor<1x16x4x4xf32>
}

// What is the same either way is not converted: filters of 1x1, images of one channel, channels of one position.
// CHECK-LABEL: func.func @either_way
// CHECK-NOT: convert_layout
// CHECK: sinter.conv %arg0, %arg1 {{.*}} -> tensor<1x16x8x8xf32, #[[CL]]>
// CHECK-NOT: convert_layout
// CHECK: %[[M:.*]] = sinter.reduce_mean {{.*}}keep_dims = true} : {{.*}} -> tensor<1x16x1x1xf32>
// CHECK-NOT: convert_layout
// CHECK: sinter.conv %[[M]], %arg2 {{.*}} -> tensor<1x16x1x1xf32>
// CHECK: sinter.mul {{.*}} -> tensor<1x16x8x8xf32, #[[CL]]>
// CHECK: sinter.conv {{.*}} -> tensor<1x1x8x8xf32>
// CHECK-NOT: convert_layout
// CHECK: return
func.func @either_way(%x: tensor<1x1x8x8xf32>, %f: tensor<16x1x1x1xf32>, %g: tensor<16x16x1x1xf32>, %h: tensor<1x16x1x1xf32>) -> tensor<1x1x8x8xf32> {
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x1x8x8xf32>, tensor<16x1x1x1xf32>) -> tensor<1x16x8x8xf32>
  %1 = sinter.reduce_mean %0 {axes = array<i64: 2, 3>, keep_dims = true} : (tensor<1x16x8x8xf32>) -> tensor<1x16x1x1xf32>
  %2 = sinter.conv %1, %g {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x16x1x1xf32>, tensor<16x16x1x1xf32>) -> tensor<1x16x1x1xf32>
  %3 = sinter.mul %0, %2 : (tensor<1x16x8x8xf32>, tensor<1x16x1x1xf32>) -> tensor<1x16x8x8xf32>
  %4 = sinter.conv %3, %h {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (tensor<1x16x8x8xf32>, tensor<1x16x1x1xf32>) -> tensor<1x1x8x8xf32>
  return %4 : tensor<1x1x8x8xf32>
}

// Statistics of a batch read what lies so; their results are vectors.
// CHECK-LABEL: func.func @statistics
// CHECK-COUNT-2: convert_layout
// CHECK-NOT: convert_layout
// CHECK: sinter.reduce_sum {{.*}} : (tensor<2x16x8x8xf32, #[[CL]]>) -> tensor<16xf32>
// CHECK: sinter.reduce_max {{.*}} : (tensor<2x16x8x8xf32, #[[CL]]>) -> tensor<2x8x8xf32>
// CHECK-NOT: convert_layout
// CHECK: return
func.func @statistics(%x: tensor<2x16x8x8xf32>, %f: tensor<16x16x3x3xf32>) -> (tensor<16xf32>, tensor<2x8x8xf32>) {
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 1, 1>, pad_end = array<i64: 1, 1>} : (tensor<2x16x8x8xf32>, tensor<16x16x3x3xf32>) -> tensor<2x16x8x8xf32>
  %1 = sinter.reduce_sum %0 {axes = array<i64: 0, 2, 3>, keep_dims = false} : (tensor<2x16x8x8xf32>) -> tensor<16xf32>
  %2 = sinter.reduce_max %0 {axes = array<i64: 1>, keep_dims = false} : (tensor<2x16x8x8xf32>) -> tensor<2x8x8xf32>
  return %1, %2 : tensor<16xf32>, tensor<2x8x8xf32>
}

// Of a step of training: image, filter and cotangent are converted once each, the gradients once back. f16 as
// well.
// CHECK-LABEL: func.func @gradients
// CHECK-COUNT-3: convert_layout
// CHECK-NOT: convert_layout
// CHECK: sinter.conv_filter_gradient {{.*}} : (tensor<2x16x8x8xf16, #[[CL]]>, tensor<2x16x8x8xf16, #[[CL]]>) -> tensor<16x16x3x3xf16, #[[CL]]>
// CHECK: %[[STEP:.*]] = sinter.sub {{.*}} -> tensor<16x16x3x3xf16, #[[CL]]>
// CHECK: sinter.convert_layout %[[STEP]]
// CHECK-NOT: convert_layout
// CHECK: %[[CT:.*]] = sinter.conv_transpose {{.*}} -> tensor<2x16x8x8xf16, #[[CL]]>
// CHECK: sinter.convert_layout %[[CT]]
// CHECK-NOT: convert_layout
// CHECK: return
func.func @gradients(%x: tensor<2x16x8x8xf16>, %f: tensor<16x16x3x3xf16>, %ct: tensor<2x16x8x8xf16>) -> (tensor<16x16x3x3xf16>, tensor<2x16x8x8xf16>) {
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 1, 1>, pad_end = array<i64: 1, 1>} : (tensor<2x16x8x8xf16>, tensor<16x16x3x3xf16>) -> tensor<2x16x8x8xf16>
  %1 = sinter.mul %0, %ct : (tensor<2x16x8x8xf16>, tensor<2x16x8x8xf16>) -> tensor<2x16x8x8xf16>
  %2 = sinter.conv_filter_gradient %x, %1 {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 1, 1>, pad_end = array<i64: 1, 1>} : (tensor<2x16x8x8xf16>, tensor<2x16x8x8xf16>) -> tensor<16x16x3x3xf16>
  %3 = sinter.sub %f, %2 : (tensor<16x16x3x3xf16>, tensor<16x16x3x3xf16>) -> tensor<16x16x3x3xf16>
  %4 = sinter.conv_transpose %1, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 1, 1>, pad_end = array<i64: 1, 1>, output_padding = array<i64: 0, 0>} : (tensor<2x16x8x8xf16>, tensor<16x16x3x3xf16>) -> tensor<2x16x8x8xf16>
  return %3, %4 : tensor<16x16x3x3xf16>, tensor<2x16x8x8xf16>
}

// Depthwise filters have channels innermost, too; concatenations along channels take any number of them.
// CHECK-LABEL: func.func @depthwise
// CHECK: sinter.constant {{.*}} : tensor<6x1x3x3xf16, #sinter.layout<order = [1, 2, 3, 0], blocked = 0, block = 1>>
// CHECK: sinter.conv {{.*}} -> tensor<1x6x8x8xf16, #[[CL]]>
// CHECK: sinter.concat {{.*}} -> tensor<1x13x8x8xf16, #[[CL]]>
func.func @depthwise(%x: tensor<1x6x8x8xf16>, %y: tensor<1x1x8x8xf16>) -> tensor<1x13x8x8xf16> {
  %f = sinter.constant dense<0.5> : tensor<6x1x3x3xf16>
  %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 1, 1>, pad_end = array<i64: 1, 1>, groups = 6 : i64} : (tensor<1x6x8x8xf16>, tensor<6x1x3x3xf16>) -> tensor<1x6x8x8xf16>
  %1 = sinter.concat %0, %y, %0 {axis = 1} : (tensor<1x6x8x8xf16>, tensor<1x1x8x8xf16>, tensor<1x6x8x8xf16>) -> tensor<1x13x8x8xf16>
  return %1 : tensor<1x13x8x8xf16>
}

// Without convolutions nothing is laid out anew.
// CHECK-LABEL: func.func @none
// CHECK-NOT: sinter.layout
// CHECK: return
func.func @none(%x: tensor<1x16x8x8xf32>, %y: tensor<1x1x8x8xf32>) -> tensor<1x17x8x8xf32> {
  %0 = sinter.relu %x : (tensor<1x16x8x8xf32>) -> tensor<1x16x8x8xf32>
  %1 = sinter.concat %0, %y {axis = 1} : (tensor<1x16x8x8xf32>, tensor<1x1x8x8xf32>) -> tensor<1x17x8x8xf32>
  return %1 : tensor<1x17x8x8xf32>
}
