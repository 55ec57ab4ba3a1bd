// Gradients in less memory: the gradient of ResNet-18 as it comes, and with half of the memory it takes then.
//
// limit_memory [BATCH] [IMAGE], by default 2 images of 32x32.
#include "resnet18.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>

using sinter::Tensor;

namespace {

double milliseconds(const std::function<void()>& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

// Compiles the gradient with a limit (0: none), prints what it costs, and returns what it takes.
int64_t measure(const char* name, const resnet18::ResNet& net, const Tensor& images, const Tensor& targets,
                int64_t memory_limit) {
  const auto loss = [](resnet18::ResNet n, Tensor x, Tensor y) { return resnet18::loss(n, x, y); };
  const auto gradient = sinter::compile(sinter::grad(loss), {.memory_limit = memory_limit});
  gradient(net, images, targets); // compiles
  double best = 1e30;
  for (int i = 0; i < 5; ++i)
    best = std::min(best, milliseconds([&] { gradient(net, images, targets); }));
  const auto program = gradient.executable(net, images, targets);
  const auto bytes = static_cast<int64_t>(program->memory().arena_bytes);
  std::printf("%-12s %6.1f MB, %4zu kernels run, %7.2f ms\n", name, static_cast<double>(bytes) / 1e6,
              program->steps().size(), best);
  return bytes;
}

void compare(int64_t batch, int64_t image) {
  const resnet18::ResNet net = resnet18::make_net();
  const Tensor images = Tensor::normal({batch, 3, image, image}, /*seed=*/100);
  const Tensor targets =
      cast(less(Tensor::uniform({batch, resnet18::kClasses}, 101), 0.001), sinter::DType::f32);
  std::printf("the gradient of ResNet-18 for %lld images of %lldx%lld\n", static_cast<long long>(batch),
              static_cast<long long>(image), static_cast<long long>(image));
  const int64_t natural = measure("no limit:", net, images, targets, 0);
  measure("half of it:", net, images, targets, natural / 2);
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
