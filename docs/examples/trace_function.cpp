// Traces a C++ function, compiles it, runs it, and shows which operations became one kernel.
#include <sinter/sinter.h>

#include <cstdio>

using sinter::Tensor;

int main() {
  // Weights that the function captures become constants of the program.
  const Tensor weight = Tensor::normal({64, 128}, /*seed=*/1, 0.0, 0.1);
  const Tensor bias = Tensor::zeros({64});

  // An ordinary function on tensors. Called directly, it runs operation by operation.
  const auto layer = [&](Tensor x) {
    const Tensor hidden = gelu(linear(x, weight, bias));
    return softmax(hidden * 0.5 + 1);
  };

  try {
    const Tensor x = Tensor::uniform({32, 128}, /*seed=*/2);
    const auto compiled = sinter::compile(layer);
    const Tensor eager = layer(x), fast = compiled(x);

    std::printf("largest difference to eager: %g\n", max(abs(eager - fast)).item());
    const auto program = compiled.executable(x);
    for (const auto& step : program->steps())
      std::printf("kernel %s, from %s\n", program->kernels()[step.kernel].name.c_str(), step.label.c_str());
  } catch (const sinter::Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
