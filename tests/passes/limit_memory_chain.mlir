// RUN: sinter-opt %s --sinter-limit-memory=bytes=1088 --sinter-plan-memory | FileCheck %s

// A chain is computed again as a whole, where what is between is not there; a reshape of what waits is one of what is
// computed again.
// CHECK: module attributes {sinter.arena_bytes = 1024 : i64
// CHECK-LABEL: func.func @main
// CHECK: sinter.launch @sum(%arg0)
// CHECK: sinter.launch @sum
// CHECK: sinter.launch @repeat
// CHECK: sinter.launch @transpose
// CHECK: %[[LAST:.*]] = sinter.launch @narrow
// CHECK: %[[FIRST:.*]] = sinter.launch @sum(%arg0)
// CHECK: %[[SECOND:.*]] = sinter.launch @sum(%[[FIRST]])
// CHECK: %[[FLAT:.*]] = sinter.reshape %[[SECOND]]
// CHECK: sinter.launch @add(%[[LAST]], %[[FLAT]])
sinter.kernel @sum {
^bb0(%x: tensor<1x32xf32>):
  %0 = sinter.reduce_sum %x {axes = array<i64: 0>, keep_dims = true} : (tensor<1x32xf32>) -> tensor<1x32xf32>
  sinter.yield %0 : tensor<1x32xf32>
}
sinter.kernel @repeat {
^bb0(%x: tensor<1x32xf32>):
  %0 = sinter.broadcast_to %x {shape = array<i64: 4, 32>} : (tensor<1x32xf32>) -> tensor<4x32xf32>
  sinter.yield %0 : tensor<4x32xf32>
}
sinter.kernel @transpose {
^bb0(%x: tensor<4x32xf32>):
  %0 = sinter.transpose %x {permutation = array<i64: 1, 0>} : (tensor<4x32xf32>) -> tensor<32x4xf32>
  sinter.yield %0 : tensor<32x4xf32>
}
sinter.kernel @narrow {
^bb0(%x: tensor<32x4xf32>):
  %0 = sinter.reduce_sum %x {axes = array<i64: 1>} : (tensor<32x4xf32>) -> tensor<32xf32>
  sinter.yield %0 : tensor<32xf32>
}
sinter.kernel @add {
^bb0(%x: tensor<32xf32>, %y: tensor<32xf32>):
  %0 = sinter.add %x, %y : (tensor<32xf32>, tensor<32xf32>) -> tensor<32xf32>
  sinter.yield %0 : tensor<32xf32>
}
func.func @main(%x: tensor<1x32xf32>) -> tensor<32xf32> {
  %a = sinter.launch @sum(%x) : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %b = sinter.launch @sum(%a) : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %flat = sinter.reshape %b {shape = array<i64: 32>} : (tensor<1x32xf32>) -> tensor<32xf32>
  %c = sinter.launch @repeat(%b) : (tensor<1x32xf32>) -> tensor<4x32xf32>
  %d = sinter.launch @transpose(%c) : (tensor<4x32xf32>) -> tensor<32x4xf32>
  %e = sinter.launch @narrow(%d) : (tensor<32x4xf32>) -> tensor<32xf32>
  %f = sinter.launch @add(%e, %flat) : (tensor<32xf32>, tensor<32xf32>) -> tensor<32xf32>
  return %f : tensor<32xf32>
}
