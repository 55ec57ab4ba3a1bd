// Gradients in less memory: the gradient of ResNet-18 as it comes, and with half of the memory it takes then.
//
// limit_memory [BATCH] [IMAGE], by default 2 images of 32x32.
#include "resnet18.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>

using sinter::Tensor;

namespace {

double milliseconds(const std::function<void()>& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

// Compiles the gradient with a limit (0: none), prints what it costs, and returns what it takes.
int64_t measure(const char* name, const std::vector<Tensor>& inputs, const resnet18::ResNet& net,
                int64_t memory_limit) {
  const auto gradient = sinter::compile(
      [&](std::vector<Tensor> all) {
        std::size_t at = 2; // after the images and the targets
        const auto parameters = sinter::map_tensors(net, [&](const Tensor&) { return all[at++]; });
        const auto loss = [&](resnet18::ResNet n) { return resnet18::loss(n, all[0], all[1]); };
        return sinter::tensors_of(sinter::grad(loss)(parameters));
      },
      {.memory_limit = memory_limit});
  gradient(inputs); // compiles
  double best = 1e30;
  for (int i = 0; i < 5; ++i)
    best = std::min(best, milliseconds([&] { gradient(inputs); }));
  const auto program = gradient.executable(inputs);
  const auto bytes = static_cast<int64_t>(program->memory().arena_bytes);
  std::printf("%-12s %6.1f MB, %4zu kernels run, %7.2f ms\n", name, static_cast<double>(bytes) / 1e6,
              program->steps().size(), best);
  return bytes;
}

void compare(int64_t batch, int64_t image) {
  const resnet18::ResNet net = resnet18::make_net();
  std::vector<Tensor> inputs{
      Tensor::normal({batch, 3, image, image}, /*seed=*/100),
      cast(less(Tensor::uniform({batch, resnet18::kClasses}, 101), 0.001), sinter::DType::f32)};
  for (const Tensor& parameter : sinter::tensors_of(net))
    inputs.push_back(parameter);
  std::printf("the gradient of ResNet-18 for %lld images of %lldx%lld\n", static_cast<long long>(batch),
              static_cast<long long>(image), static_cast<long long>(image));
  const int64_t natural = measure("no limit:", inputs, net, 0);
  measure("half of it:", inputs, net, natural / 2);
}

} // namespace

int main(int argc, char** argv) {
  try {
    compare(argc > 1 ? std::atoll(argv[1]) : 2, argc > 2 ? std::atoll(argv[2]) : 32);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
