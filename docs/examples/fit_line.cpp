// Gradients: fits a small network to a curve by gradient descent, in a few lines of C++.
#include <sinter/sinter.h>

#include <cstdio>
#include <exception>

using sinter::Tensor;

namespace {

struct Net {
  Tensor hidden_weight, hidden_bias, weight;
};

Tensor predict(const Net& net, const Tensor& x) {
  return linear(tanh(linear(x, net.hidden_weight, net.hidden_bias)), net.weight);
}

void fit() {
  const Tensor x = Tensor::uniform({256, 1}, /*seed=*/1, -3, 3);
  const Tensor target = sin(x);
  Net net{Tensor::normal({32, 1}, 2), Tensor::normal({32}, 3), Tensor::normal({1, 32}, 4, 0, 0.1)};

  // A function of the parameters, and the function that gives its value and its gradient, a Net as well.
  const auto loss = [&](const Net& n) { return mean(square(predict(n, x) - target)); };
  const auto step = sinter::value_and_grad(loss);

  for (int i = 0; i <= 500; ++i) {
    // The first call records, differentiates and compiles; the others find the program again.
    const auto [value, gradient] = step(net);
    net = sinter::map_tensors(net, gradient, [](const Tensor& p, const Tensor& g) { return p - g * 0.1; });
    if (i % 100 == 0)
      std::printf("step %3d: loss %.5f\n", i, value.item());
  }
}

} // namespace

int main() {
  try {
    fit();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fit_line: %s\n", error.what());
    return 1;
  }
}
