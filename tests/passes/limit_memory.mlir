// RUN: sinter-opt %s --sinter-limit-memory=bytes=256 --sinter-plan-memory | FileCheck %s
// RUN: not sinter-opt %s --sinter-limit-memory=bytes=128 2>&1 | FileCheck %s --check-prefix=LESS

// %a waits for the last launch while two others are there: it is launched again, from the argument.
// CHECK: module attributes {sinter.arena_bytes = 256 : i64
// CHECK-LABEL: func.func @main
// CHECK: %[[A:.*]] = sinter.launch @sum(%arg0)
// CHECK: %[[B:.*]] = sinter.launch @sum(%[[A]])
// CHECK: %[[C:.*]] = sinter.launch @sum(%[[B]])
// CHECK: %[[AGAIN:.*]] = sinter.launch @sum(%arg0)
// CHECK: sinter.launch @add(%[[C]], %[[AGAIN]])
// LESS: error: memory_limit is 128 bytes, but 256 are needed here, with all computed again that can be
sinter.kernel @sum {
^bb0(%x: tensor<1x32xf32>):
  %0 = sinter.reduce_sum %x {axes = array<i64: 0>, keep_dims = true} : (tensor<1x32xf32>) -> tensor<1x32xf32>
  sinter.yield %0 : tensor<1x32xf32>
}
sinter.kernel @add {
^bb0(%x: tensor<1x32xf32>, %y: tensor<1x32xf32>):
  %0 = sinter.add %x, %y : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  sinter.yield %0 : tensor<1x32xf32>
}
func.func @main(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %a = sinter.launch @sum(%x) : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %b = sinter.launch @sum(%a) : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %c = sinter.launch @sum(%b) : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %d = sinter.launch @add(%c, %a) : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  return %d : tensor<1x32xf32>
}
