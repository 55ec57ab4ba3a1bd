// What is added for a derivative is told by its locations, through fusion.
// RUN: sinter-opt --sinter-differentiate --mlir-print-debuginfo --mlir-print-local-scope %s | FileCheck %s
// RUN: sinter-opt --sinter-differentiate --sinter-pipeline=stage=fused --mlir-print-debuginfo --mlir-print-local-scope %s | FileCheck %s --check-prefix=FUSED

// CHECK-LABEL: func.func @main
// CHECK: sinter.exp {{.*}} loc("exp")
// CHECK: sinter.sin {{.*}} loc("sin")
// CHECK: sinter.cos {{.*}} loc(fused<"backward">["sin"])
// CHECK: sinter.mul {{.*}} loc(fused<"backward">["sin"])
// CHECK: sinter.mul {{.*}} loc(fused<"backward">["exp"])
// CHECK-NEXT: return
// FUSED-LABEL: func.func @main
// FUSED: sinter.fusion
// FUSED: } loc("sin")
// FUSED: } loc(fused[fused<"backward">["sin"], fused<"backward">["exp"]])
func.func @main(%x: tensor<300xf32> {sinter.name = "x"}) -> (tensor<300xf32> {sinter.name = "y"}) {
  %0 = sinter.exp %x : (tensor<300xf32>) -> tensor<300xf32> loc("exp")
  %1 = sinter.sin %0 : (tensor<300xf32>) -> tensor<300xf32> loc("sin")
  return %1 : tensor<300xf32>
}
