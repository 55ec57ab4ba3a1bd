// The program of the README.
#include <sinter/sinter.h>

#include <cstdio>

int main() {
  const sinter::Tensor weight = sinter::Tensor::normal({64, 128}, /*seed=*/1, 0.0, 0.1);
  // Called with tensors, this runs at once, operation by operation ...
  auto layer = [&](sinter::Tensor x) { return softmax(gelu(linear(x, weight)) * 0.5 + 1); };
  // ... compiled, it is traced once per shape, fused into two kernels, and runs as native code.
  auto fast = sinter::compile(layer);

  const sinter::Tensor x = sinter::Tensor::uniform({32, 128}, /*seed=*/2);
  std::printf("difference: %g\n", max(abs(layer(x) - fast(x))).item());
  for (const auto& kernel : fast.executable(x)->kernels())
    std::printf("kernel: %s\n", kernel.name.c_str());
}
