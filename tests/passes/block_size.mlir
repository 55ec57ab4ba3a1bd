// Blocks that no vector has are refused, by the pipeline and by the pass alone.
// RUN: sinter-opt %s --sinter-pipeline=block=0 --verify-diagnostics
// RUN: sinter-opt %s --sinter-pipeline=block=-3 --verify-diagnostics
// RUN: sinter-opt %s --sinter-pipeline=block=100000000000 --verify-diagnostics
// RUN: sinter-opt %s --sinter-assign-layout=block=65 --verify-diagnostics

// expected-error-re @+1 {{layouts have blocks of 1 to 64 channels, not of {{0|-3|100000000000|65}}}}
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = sinter.exp %x : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
