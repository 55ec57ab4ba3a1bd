// backward(): trains a small network to tell two spirals apart, in the style of PyTorch.
#include <sinter/sinter.h>

#include <cmath>
#include <cstdio>
#include <exception>
#include <vector>

using sinter::Tensor;

namespace {

struct Layer {
  Tensor weight, bias;
};

struct Net {
  std::vector<Layer> layers;

  Tensor operator()(Tensor x) const {
    for (std::size_t i = 0; i < layers.size(); ++i) {
      x = linear(x, layers[i].weight, layers[i].bias);
      if (i + 1 < layers.size())
        x = tanh(x);
    }
    return x;
  }
};

// Points of one spiral, and those of the same turned by half a circle.
std::pair<Tensor, Tensor> spirals(int points) {
  std::vector<float> at, which;
  for (int i = 0; i < 2 * points; ++i) {
    const double t = (i / 2 + 1.0) / points, angle = 5 * t + (i % 2) * 3.14159265;
    at.insert(at.end(), {static_cast<float>(t * std::cos(angle)), static_cast<float>(t * std::sin(angle))});
    which.push_back(static_cast<float>(i % 2));
  }
  return {Tensor::of(at, {2 * points, 2}), Tensor::of(which, {2 * points, 1})};
}

void train() {
  const auto [x, target] = spirals(100);
  Net net;
  for (int64_t i = 0, in = 2; i < 3; ++i) {
    const int64_t out = i < 2 ? 32 : 1;
    net.layers.push_back(
        {Tensor::normal({out, in}, /*seed=*/static_cast<uint64_t>(i + 1), 0, 1 / std::sqrt(in)),
         Tensor::zeros({out})});
    in = out;
  }
  for (Layer& layer : net.layers)
    sinter::set_requires_grad(layer);
  // Momentum, one tensor for each parameter.
  std::vector<Tensor> velocity;
  for (const Tensor& w : sinter::tensors_of(net.layers))
    velocity.push_back(Tensor::zeros(w.shape()));

  for (int step = 0; step <= 1000; ++step) {
    const Tensor p = clip(sigmoid(net(x)), 1e-6, 1 - 1e-6); // nothing is computed yet: it is recorded
    const Tensor loss = -mean(target * log(p) + (1 - target) * log(1 - p));
    loss.backward(); // compiled in the first step, found again in the others

    const sinter::NoGrad no_grad;
    std::size_t at = 0;
    sinter::for_each_tensor(net.layers, [&](Tensor& w) {
      velocity[at] = velocity[at] * 0.9 + w.grad();
      w.assign(w - velocity[at++] * 0.05);
    });
    sinter::zero_grad(net.layers);
    if (step % 250 == 0) {
      const Tensor right = equal(greater(p, 0.5), greater(target, 0.5));
      std::printf("step %4d: loss %.4f, %.1f %% right\n", step, loss.item(),
                  100 * mean(cast(right, sinter::DType::f32)).item());
    }
  }
}

} // namespace

int main() {
  try {
    train();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "train_tape: %s\n", error.what());
    return 1;
  }
}
