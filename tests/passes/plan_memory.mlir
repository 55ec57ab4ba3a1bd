// RUN: sinter-opt %s --sinter-plan-memory --split-input-file | FileCheck %s

// Three buffers in a row need two places; the last one is the program's output, also when it is reshaped.
// CHECK: module attributes {sinter.arena_bytes = 256 : i64, sinter.arena_lower_bound = 256 : i64, sinter.arena_without_reuse = 384 : i64}
// CHECK-LABEL: func.func @main
// CHECK: sinter.launch @sum({{.*}}) {offsets = array<i64: [[A:0|128]]>}
// CHECK: sinter.launch @sum({{.*}}) {offsets = array<i64: [[B:0|128]]>}
// CHECK: sinter.launch @sum({{.*}}) {offsets = array<i64: [[A]]>}
// CHECK: sinter.launch @sum({{.*}}) {offsets = array<i64: -1>}
sinter.kernel @sum {
^bb0(%x: tensor<1x32xf32>):
  %0 = sinter.reduce_sum %x {axes = array<i64: 0>, keep_dims = true} : (tensor<1x32xf32>) -> tensor<1x32xf32>
  sinter.yield %0 : tensor<1x32xf32>
}
func.func @main(%x: tensor<1x32xf32>) -> tensor<32xf32> {
  %0 = sinter.launch @sum(%x) : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %1 = sinter.launch @sum(%0) : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %2 = sinter.launch @sum(%1) : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %3 = sinter.launch @sum(%2) : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %4 = sinter.reshape %3 {shape = array<i64: 32>} : (tensor<1x32xf32>) -> tensor<32xf32>
  return %4 : tensor<32xf32>
}

// -----

// A pointwise kernel writes over the operand that dies there, one whose operand lives on does not, and a transpose
// never does. A reshape is the same memory.
// CHECK: module attributes {sinter.arena_bytes = 128 : i64, sinter.arena_lower_bound = 128 : i64, sinter.arena_without_reuse = 256 : i64}
// CHECK-LABEL: func.func @main
// CHECK: %[[A:.*]] = sinter.launch @neg(%arg0) {offsets = array<i64: [[A0:0|64]]>}
// CHECK: sinter.launch @neg(%[[A]]) {offsets = array<i64: [[B0:0|64]]>}
// CHECK: sinter.launch @add({{.*}}) {offsets = array<i64: [[A0]]>}
// CHECK: sinter.launch @transpose({{.*}}) {offsets = array<i64: [[B0]]>}
sinter.kernel @neg {
^bb0(%x: tensor<4x4xf32>):
  %0 = sinter.neg %x : (tensor<4x4xf32>) -> tensor<4x4xf32>
  sinter.yield %0 : tensor<4x4xf32>
}
sinter.kernel @add {
^bb0(%x: tensor<4x4xf32>, %y: tensor<4x4xf32>):
  %0 = sinter.add %x, %y : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = sinter.relu %0 : (tensor<4x4xf32>) -> tensor<4x4xf32>
  sinter.yield %1 : tensor<4x4xf32>
}
sinter.kernel @transpose {
^bb0(%x: tensor<4x4xf32>):
  %0 = sinter.transpose %x {permutation = array<i64: 1, 0>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  sinter.yield %0 : tensor<4x4xf32>
}
func.func @main(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %0 = sinter.launch @neg(%x) : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = sinter.launch @neg(%0) : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %2 = sinter.reshape %0 {shape = array<i64: 16>} : (tensor<4x4xf32>) -> tensor<16xf32>
  %3 = sinter.reshape %2 {shape = array<i64: 4, 4>} : (tensor<16xf32>) -> tensor<4x4xf32>
  %4 = sinter.launch @add(%3, %1) : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %5 = sinter.launch @transpose(%4) : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %6 = sinter.launch @neg(%5) : (tensor<4x4xf32>) -> tensor<4x4xf32>
  return %6 : tensor<4x4xf32>
}

// -----

// A slice of a concatenation is written over when nobody needs it any more, by itself and with its neighbour; what
// becomes a slice may take the place of what it is computed from. Never while the concatenation is needed.
// CHECK: module attributes {sinter.arena_bytes = 192 : i64
// CHECK-LABEL: func.func @main
// CHECK: sinter.launch @neg(%arg0) {offsets = array<i64: [[A:[0-9]+]]>}
// CHECK: %[[B:.*]] = sinter.launch @neg({{.*}}) {offsets = array<i64: [[B0:[0-9]+]]>}
// CHECK: sinter.concat {{.*}} {axis = 0 : i64, in_place}
// CHECK: sinter.launch @neg(%[[B]]) {offsets = array<i64: [[C:[0-9]+]]>}
// CHECK: %[[D:.*]] = sinter.launch @exp({{.*}}) {offsets = array<i64: [[A]]>}
// CHECK: sinter.launch @sum
sinter.kernel @neg {
^bb0(%x: tensor<1x16xf32>):
  %0 = sinter.neg %x : (tensor<1x16xf32>) -> tensor<1x16xf32>
  sinter.yield %0 : tensor<1x16xf32>
}
sinter.kernel @exp {
^bb0(%x: tensor<2x16xf32>):
  %0 = sinter.exp %x : (tensor<2x16xf32>) -> tensor<2x16xf32>
  sinter.yield %0 : tensor<2x16xf32>
}
sinter.kernel @sum {
^bb0(%x: tensor<2x16xf32>, %y: tensor<1x16xf32>):
  %0 = sinter.reduce_sum %x {axes = array<i64: 0>, keep_dims = true} : (tensor<2x16xf32>) -> tensor<1x16xf32>
  %1 = sinter.add %0, %y : (tensor<1x16xf32>, tensor<1x16xf32>) -> tensor<1x16xf32>
  sinter.yield %1 : tensor<1x16xf32>
}
func.func @main(%x: tensor<1x16xf32>) -> tensor<1x16xf32> {
  %0 = sinter.launch @neg(%x) : (tensor<1x16xf32>) -> tensor<1x16xf32>
  %1 = sinter.launch @neg(%0) : (tensor<1x16xf32>) -> tensor<1x16xf32>
  %2 = sinter.concat %0, %1 {axis = 0, in_place} : (tensor<1x16xf32>, tensor<1x16xf32>) -> tensor<2x16xf32>
  %3 = sinter.launch @neg(%1) : (tensor<1x16xf32>) -> tensor<1x16xf32>
  %4 = sinter.launch @exp(%2) : (tensor<2x16xf32>) -> tensor<2x16xf32>
  %5 = sinter.launch @sum(%4, %3) : (tensor<2x16xf32>, tensor<1x16xf32>) -> tensor<1x16xf32>
  return %5 : tensor<1x16xf32>
}

// -----

// What a loop reads lies elsewhere than what it writes, as long as it runs.
// CHECK-LABEL: module attributes {sinter.arena_bytes = 192 : i64
// CHECK: %[[A:.*]] = sinter.launch @exp(%arg0) {offsets = array<i64: [[A0:[0-9]+]]>}
// CHECK: sinter.scan %[[A]] {offsets = array<i64: [[B0:[0-9]+]], [[B1:[0-9]+]]>
// CHECK: sinter.launch @sum
module {
  sinter.kernel @exp {
  ^bb0(%x: tensor<16xf32>):
    %0 = sinter.exp %x : (tensor<16xf32>) -> tensor<16xf32>
    sinter.yield %0 : tensor<16xf32>
  }
  sinter.kernel @sum {
  ^bb0(%x: tensor<16xf32>, %y: tensor<16xf32>):
    %1 = sinter.add %x, %y : (tensor<16xf32>, tensor<16xf32>) -> tensor<16xf32>
    sinter.yield %1 : tensor<16xf32>
  }
  func.func @main(%x: tensor<16xf32>) -> tensor<16xf32> {
    %0 = sinter.launch @exp(%x) : (tensor<16xf32>) -> tensor<16xf32>
    %1:2 = sinter.scan %0 {operandSegmentSizes = array<i32: 1, 0, 0>, steps = 1 : i64} : (tensor<16xf32>) -> (tensor<16xf32>, tensor<1x16xf32>) {
    ^bb0(%c: tensor<16xf32>):
      %3 = sinter.neg %c : (tensor<16xf32>) -> tensor<16xf32>
      sinter.yield %3, %c : tensor<16xf32>, tensor<16xf32>
    }
    %2 = sinter.reshape %1#1 {shape = array<i64: 16>} : (tensor<1x16xf32>) -> tensor<16xf32>
    %4 = sinter.launch @sum(%1#0, %2) : (tensor<16xf32>, tensor<16xf32>) -> tensor<16xf32>
    return %4 : tensor<16xf32>
  }
}
