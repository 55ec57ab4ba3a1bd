// RUN: sinter-opt %s --sinter-place-concats --split-input-file | FileCheck %s
// RUN: sinter-opt %s --sinter-place-concats --sinter-fuse --sinter-outline-kernels --sinter-plan-memory --split-input-file | FileCheck %s --check-prefix=PLAN

// Computed operands lie in their result; arguments, and what lies in it already, are copied, neighbours together.
// CHECK-LABEL: func.func @copies
// CHECK: %[[E:.*]] = sinter.transpose
// CHECK: %[[T:.*]] = sinter.concat %arg0, %[[E]] {axis = 0 : i64} : {{.*}} -> tensor<8x16xf32>
// CHECK: sinter.concat %[[E]], %[[T]] {axis = 0 : i64, in_place}
// PLAN-LABEL: func.func @copies
// PLAN: %[[E:.*]] = sinter.launch @transpose_0({{.*}}) {offsets = array<i64: 0>}
// PLAN: %[[T:.*]] = sinter.launch @concat_0(%arg0, %[[E]]) {offsets = array<i64: 256>}
// PLAN: %[[C:.*]] = sinter.concat %[[E]], %[[T]] {axis = 0 : i64, in_place}
// PLAN: sinter.launch @transpose_1(%[[C]]) {offsets = array<i64: -1>}
func.func @copies(%x: tensor<4x16xf32>, %y: tensor<16x4xf32>) -> tensor<16x12xf32> {
  %0 = sinter.transpose %y {permutation = array<i64: 1, 0>} : (tensor<16x4xf32>) -> tensor<4x16xf32>
  %1 = sinter.concat %0, %x, %0 {axis = 0} : (tensor<4x16xf32>, tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<12x16xf32>
  %2 = sinter.transpose %1 {permutation = array<i64: 1, 0>} : (tensor<12x16xf32>) -> tensor<16x12xf32>
  return %2 : tensor<16x12xf32>
}

// -----

// Concatenations of concatenations, one way or the other, are slices of one buffer. No part of it is alive before it
// is computed: the lower bound is what is needed at once.
// CHECK-LABEL: func.func @nested
// CHECK-COUNT-3: in_place
// CHECK-NOT: sinter.concat
// PLAN: sinter.arena_bytes = 192 : i64, sinter.arena_lower_bound = 192 : i64
// PLAN-LABEL: func.func @nested
// PLAN: sinter.launch @reduce_sum_0(%arg0) {offsets = array<i64: 0>}
// PLAN: sinter.launch @reduce_sum_0({{.*}}) {offsets = array<i64: 64>}
// PLAN: in_place
// PLAN: sinter.launch @reduce_sum_1({{.*}}) {offsets = array<i64: 128>}
// PLAN-COUNT-2: in_place
func.func @nested(%x: tensor<1x16xf32>) -> (tensor<1x1xf32>, tensor<1x1xf32>) {
  %0 = sinter.reduce_sum %x {axes = array<i64: 0>, keep_dims = true} : (tensor<1x16xf32>) -> tensor<1x16xf32>
  %1 = sinter.reduce_sum %0 {axes = array<i64: 0>, keep_dims = true} : (tensor<1x16xf32>) -> tensor<1x16xf32>
  %2 = sinter.concat %0, %1 {axis = 0} : (tensor<1x16xf32>, tensor<1x16xf32>) -> tensor<2x16xf32>
  %3 = sinter.reduce_sum %2 {axes = array<i64: 0>, keep_dims = true} : (tensor<2x16xf32>) -> tensor<1x16xf32>
  %4 = sinter.concat %2, %3 {axis = 0} : (tensor<2x16xf32>, tensor<1x16xf32>) -> tensor<3x16xf32>
  %5 = sinter.concat %1, %3 {axis = 0} : (tensor<1x16xf32>, tensor<1x16xf32>) -> tensor<2x16xf32>
  %6 = sinter.reduce_sum %4 {axes = array<i64: 0, 1>, keep_dims = true} : (tensor<3x16xf32>) -> tensor<1x1xf32>
  %7 = sinter.reduce_sum %5 {axes = array<i64: 0, 1>, keep_dims = true} : (tensor<2x16xf32>) -> tensor<1x1xf32>
  return %6, %7 : tensor<1x1xf32>, tensor<1x1xf32>
}

// -----

// What lies beside one tensor cannot lie beside it again, as something else.
// CHECK-LABEL: func.func @elsewhere
// CHECK: %[[A:.*]] = sinter.reduce_sum
// CHECK: %[[B:.*]] = sinter.reduce_max
// CHECK: sinter.concat %[[A]], %[[B]] {axis = 0 : i64, in_place}
// CHECK: %[[C:.*]] = sinter.reduce_min
// CHECK: %[[COPY:.*]] = sinter.concat %[[A]] {axis = 0 : i64} :
// CHECK: sinter.concat %[[COPY]], %[[C]] {axis = 0 : i64, in_place}
func.func @elsewhere(%x: tensor<2x16xf32>) -> tensor<1x16xf32> {
  %0 = sinter.reduce_sum %x {axes = array<i64: 0>, keep_dims = true} : (tensor<2x16xf32>) -> tensor<1x16xf32>
  %1 = sinter.reduce_max %x {axes = array<i64: 0>, keep_dims = true} : (tensor<2x16xf32>) -> tensor<1x16xf32>
  %2 = sinter.concat %0, %1 {axis = 0} : (tensor<1x16xf32>, tensor<1x16xf32>) -> tensor<2x16xf32>
  %3 = sinter.reduce_min %2 {axes = array<i64: 0>, keep_dims = true} : (tensor<2x16xf32>) -> tensor<1x16xf32>
  %4 = sinter.concat %0, %3 {axis = 0} : (tensor<1x16xf32>, tensor<1x16xf32>) -> tensor<2x16xf32>
  %5 = sinter.reduce_min %4 {axes = array<i64: 0>, keep_dims = true} : (tensor<2x16xf32>) -> tensor<1x16xf32>
  return %5 : tensor<1x16xf32>
}

// -----

// An output is written by those who compute its parts; one that lies in another tensor, too, is copied to there.
// CHECK-LABEL: func.func @outputs
// CHECK: %[[A:.*]] = sinter.reduce_sum
// CHECK: %[[B:.*]] = sinter.reduce_max
// CHECK: %[[C:.*]] = sinter.concat %[[A]], %[[B]] {axis = 0 : i64, in_place}
// CHECK: %[[COPY:.*]] = sinter.concat %[[C]] {axis = 0 : i64} :
// CHECK: %[[D:.*]] = sinter.concat %[[COPY]], {{.*}} {axis = 0 : i64, in_place}
// PLAN-LABEL: func.func @outputs
// PLAN: sinter.launch @reduce_sum_0(%arg0) {offsets = array<i64: -1>}
// PLAN: sinter.launch @reduce_max_0(%arg0) {offsets = array<i64: -1>}
func.func @outputs(%x: tensor<2x16xf32>) -> (tensor<32xf32>, tensor<1x1xf32>) {
  %0 = sinter.reduce_sum %x {axes = array<i64: 0>, keep_dims = true} : (tensor<2x16xf32>) -> tensor<1x16xf32>
  %1 = sinter.reduce_max %x {axes = array<i64: 0>, keep_dims = true} : (tensor<2x16xf32>) -> tensor<1x16xf32>
  %2 = sinter.concat %0, %1 {axis = 0} : (tensor<1x16xf32>, tensor<1x16xf32>) -> tensor<2x16xf32>
  %3 = sinter.reshape %2 {shape = array<i64: 32>} : (tensor<2x16xf32>) -> tensor<32xf32>
  %4 = sinter.reduce_min %2 {axes = array<i64: 0>, keep_dims = true} : (tensor<2x16xf32>) -> tensor<1x16xf32>
  %5 = sinter.concat %2, %4 {axis = 0} : (tensor<2x16xf32>, tensor<1x16xf32>) -> tensor<3x16xf32>
  %6 = sinter.reduce_min %5 {axes = array<i64: 0, 1>, keep_dims = true} : (tensor<3x16xf32>) -> tensor<1x1xf32>
  return %3, %6 : tensor<32xf32>, tensor<1x1xf32>
}

// -----

// Blocks of one operand each; only the last operand may be padded. Elements of a batch of two do not lie together.
#nchw8c = #sinter.layout<order = [0, 1, 2, 3], blocked = 1, block = 8>
// CHECK-LABEL: func.func @blocks
// CHECK: sinter.concat {{.*}} {axis = 1 : i64, in_place} : {{.*}} -> tensor<1x13x3x3xf32, #{{.*}}>
// CHECK: sinter.concat {{.*}} {axis = 1 : i64} : {{.*}} -> tensor<1x13x3x3xf32, #{{.*}}>
// CHECK: sinter.concat {{.*}} {axis = 2 : i64} : {{.*}} -> tensor<1x16x2x1xf32, #{{.*}}>
// CHECK: sinter.concat {{.*}} {axis = 2 : i64, in_place} : {{.*}} -> tensor<1x8x4x3xf32, #{{.*}}>
// CHECK: sinter.concat {{.*}} {axis = 1 : i64} : {{.*}} -> tensor<2x16x3x3xf32, #{{.*}}>
func.func @blocks(%x: tensor<1x8x3x3xf32, #nchw8c>, %y: tensor<1x5x3x3xf32, #nchw8c>, %z: tensor<1x16x1x1xf32, #nchw8c>, %v: tensor<2x8x3x3xf32, #nchw8c>)
    -> (tensor<1x13x1x1xf32, #nchw8c>, tensor<1x13x1x1xf32, #nchw8c>, tensor<1x16x1x1xf32, #nchw8c>, tensor<1x8x1x1xf32, #nchw8c>, tensor<2x16x1x1xf32, #nchw8c>) {
  %a = sinter.neg %x : (tensor<1x8x3x3xf32, #nchw8c>) -> tensor<1x8x3x3xf32, #nchw8c>
  %b = sinter.neg %y : (tensor<1x5x3x3xf32, #nchw8c>) -> tensor<1x5x3x3xf32, #nchw8c>
  %0 = sinter.concat %a, %b {axis = 1} : (tensor<1x8x3x3xf32, #nchw8c>, tensor<1x5x3x3xf32, #nchw8c>) -> tensor<1x13x3x3xf32, #nchw8c>
  %1 = sinter.reduce_sum %0 {axes = array<i64: 2, 3>, keep_dims = true} : (tensor<1x13x3x3xf32, #nchw8c>) -> tensor<1x13x1x1xf32, #nchw8c>
  %c = sinter.exp %x : (tensor<1x8x3x3xf32, #nchw8c>) -> tensor<1x8x3x3xf32, #nchw8c>
  %d = sinter.exp %y : (tensor<1x5x3x3xf32, #nchw8c>) -> tensor<1x5x3x3xf32, #nchw8c>
  %2 = sinter.concat %d, %c {axis = 1} : (tensor<1x5x3x3xf32, #nchw8c>, tensor<1x8x3x3xf32, #nchw8c>) -> tensor<1x13x3x3xf32, #nchw8c>
  %3 = sinter.reduce_sum %2 {axes = array<i64: 2, 3>, keep_dims = true} : (tensor<1x13x3x3xf32, #nchw8c>) -> tensor<1x13x1x1xf32, #nchw8c>
  %e = sinter.exp %z : (tensor<1x16x1x1xf32, #nchw8c>) -> tensor<1x16x1x1xf32, #nchw8c>
  %f = sinter.neg %z : (tensor<1x16x1x1xf32, #nchw8c>) -> tensor<1x16x1x1xf32, #nchw8c>
  %4 = sinter.concat %e, %f {axis = 2} : (tensor<1x16x1x1xf32, #nchw8c>, tensor<1x16x1x1xf32, #nchw8c>) -> tensor<1x16x2x1xf32, #nchw8c>
  %5 = sinter.reduce_sum %4 {axes = array<i64: 2, 3>, keep_dims = true} : (tensor<1x16x2x1xf32, #nchw8c>) -> tensor<1x16x1x1xf32, #nchw8c>
  %g = sinter.tanh %x : (tensor<1x8x3x3xf32, #nchw8c>) -> tensor<1x8x3x3xf32, #nchw8c>
  %h = sinter.slice %x {starts = array<i64: 0, 0, 0, 0>, sizes = array<i64: 1, 8, 1, 3>, steps = array<i64: 1, 1, 1, 1>} : (tensor<1x8x3x3xf32, #nchw8c>) -> tensor<1x8x1x3xf32, #nchw8c>
  %6 = sinter.concat %g, %h {axis = 2} : (tensor<1x8x3x3xf32, #nchw8c>, tensor<1x8x1x3xf32, #nchw8c>) -> tensor<1x8x4x3xf32, #nchw8c>
  %7 = sinter.reduce_sum %6 {axes = array<i64: 2, 3>, keep_dims = true} : (tensor<1x8x4x3xf32, #nchw8c>) -> tensor<1x8x1x1xf32, #nchw8c>
  %i = sinter.neg %v : (tensor<2x8x3x3xf32, #nchw8c>) -> tensor<2x8x3x3xf32, #nchw8c>
  %j = sinter.exp %v : (tensor<2x8x3x3xf32, #nchw8c>) -> tensor<2x8x3x3xf32, #nchw8c>
  %8 = sinter.concat %i, %j {axis = 1} : (tensor<2x8x3x3xf32, #nchw8c>, tensor<2x8x3x3xf32, #nchw8c>) -> tensor<2x16x3x3xf32, #nchw8c>
  %9 = sinter.reduce_sum %8 {axes = array<i64: 2, 3>, keep_dims = true} : (tensor<2x16x3x3xf32, #nchw8c>) -> tensor<2x16x1x1xf32, #nchw8c>
  return %1, %3, %5, %7, %9 : tensor<1x13x1x1xf32, #nchw8c>, tensor<1x13x1x1xf32, #nchw8c>, tensor<1x16x1x1xf32, #nchw8c>, tensor<1x8x1x1xf32, #nchw8c>, tensor<2x16x1x1xf32, #nchw8c>
}

// -----

// What follows with numbers only goes into the kernels before; otherwise the kernel that follows reads the operands
// itself.
// CHECK-LABEL: func.func @followed
// CHECK-DAG: %[[A:.*]] = sinter.reduce_sum
// CHECK-DAG: %[[RA:.*]] = sinter.relu %[[A]]
// CHECK-DAG: %[[B:.*]] = sinter.reduce_max
// CHECK-DAG: %[[RB:.*]] = sinter.relu %[[B]]
// CHECK: sinter.concat %[[RA]], %[[RB]] {axis = 0 : i64, in_place}
// CHECK: %[[C:.*]] = sinter.concat {{.*}} {axis = 0 : i64} :
// CHECK: sinter.add %[[C]], %arg0
func.func @followed(%x: tensor<2x16xf32>) -> (tensor<1x16xf32>, tensor<2x16xf32>) {
  %0 = sinter.reduce_sum %x {axes = array<i64: 0>, keep_dims = true} : (tensor<2x16xf32>) -> tensor<1x16xf32>
  %1 = sinter.reduce_max %x {axes = array<i64: 0>, keep_dims = true} : (tensor<2x16xf32>) -> tensor<1x16xf32>
  %2 = sinter.concat %0, %1 {axis = 0} : (tensor<1x16xf32>, tensor<1x16xf32>) -> tensor<2x16xf32>
  %3 = sinter.relu %2 : (tensor<2x16xf32>) -> tensor<2x16xf32>
  %4 = sinter.reduce_min %3 {axes = array<i64: 0>, keep_dims = true} : (tensor<2x16xf32>) -> tensor<1x16xf32>
  %5 = sinter.reduce_sum %3 {axes = array<i64: 0>, keep_dims = true} : (tensor<2x16xf32>) -> tensor<1x16xf32>
  %6 = sinter.concat %4, %5 {axis = 0} : (tensor<1x16xf32>, tensor<1x16xf32>) -> tensor<2x16xf32>
  %7 = sinter.add %6, %x : (tensor<2x16xf32>, tensor<2x16xf32>) -> tensor<2x16xf32>
  %8 = sinter.reduce_min %3 {axes = array<i64: 0>, keep_dims = true} : (tensor<2x16xf32>) -> tensor<1x16xf32>
  return %8, %7 : tensor<1x16xf32>, tensor<2x16xf32>
}
