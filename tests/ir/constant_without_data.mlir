// RUN: not sinter-opt %s 2>&1 | FileCheck %s

// CHECK: 'sinter.constant' op has no data of the 4096 bytes its type asks for
func.func @missing() -> tensor<1024xf32> {
  %0 = sinter.constant dense_resource<nowhere> : tensor<1024xf32>
  return %0 : tensor<1024xf32>
}
