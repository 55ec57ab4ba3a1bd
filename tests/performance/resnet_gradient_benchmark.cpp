// The gradient of ResNet-18 at batch 16, 64x64 images: time against the forward pass, memory
// against the plan's lower bound, and, with --check, its elements against the eager kernels in f64. Rounding
// in f32 takes a few of its rectifiers to the other side of their kink, where the derivative is another one;
// --smooth takes SiLU and average pooling instead, so that errors are those of kernels.
//
// resnet_gradient_benchmark [--threads N] [--runs N] [--kernels] [--check] [--smooth]
#include "docs/examples/resnet18.h"
#include "sinter/runtime/thread_pool.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace sinter;

namespace {

using namespace resnet18;

constexpr int64_t kBatch = 16, kImage = 64;

struct Timing {
  double forward = 1e30, gradient = 1e30; // ms, the least of all runs
};

double milliseconds(const std::function<void()>& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

void print_kernels(const rt::Executable& program, const std::vector<Tensor>& inputs, rt::ThreadPool& pool,
                   int runs) {
  std::vector<View> in, out;
  std::vector<Tensor> outputs;
  for (const Tensor& input : inputs)
    in.push_back(input.view());
  for (const rt::TensorSpec& spec : program.outputs())
    out.push_back(outputs.emplace_back(Tensor::empty(spec.shape, spec.dtype)).view());
  rt::Profiler profiler(program.steps().size());
  for (int i = 0; i < runs; ++i)
    program.run(in, out, pool, &profiler);
  for (std::size_t i = 0; i < program.steps().size(); ++i) {
    const rt::Step& step = program.steps()[i];
    std::printf("%8.3f ms %7.1f GFLOP/s  %-20s %s\n", profiler.samples()[i].min_ms,
                step.flops / profiler.samples()[i].min_ms / 1e6,
                program.kernels()[step.kernel].algorithm.c_str(), step.label.c_str());
  }
}

// The largest distance of an element from that of the same tensor in `expected`, over the largest of its
// tensor.
double distance(const ResNet& found, const ResNet& expected) {
  const std::vector<Tensor> a = tensors_of(found), b = tensors_of(expected);
  double worst = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    const std::vector<double> f = cast(a[i], DType::f64).to_vector<double>(), e = b[i].to_vector<double>();
    double largest = 0, furthest = 0;
    for (std::size_t j = 0; j < e.size(); ++j) {
      largest = std::max(largest, std::abs(e[j]));
      furthest = std::max(furthest, std::abs(e[j] - f[j]));
    }
    worst = std::max(worst, furthest / largest);
  }
  return worst;
}

// Compares with what the eager kernels compute in f64: `gradient`, and what is compiled of the same in f64.
void print_errors(Activations kind, const ResNet& net, const Tensor& images, const Tensor& targets,
                  const ResNet& gradient) {
  const auto wide = [](const Tensor& tensor) { return cast(tensor, DType::f64); };
  const auto of_loss = grad([=](ResNet n, Tensor x, Tensor y) { return loss(n, x, y, kind); });
  const ResNet net64 = map_tensors(net, wide);
  const Tensor images64 = wide(images), targets64 = wide(targets);
  const ResNet compiled = compile(of_loss)(net64, images64, targets64);
  // Inside a function that is being recorded, elements that are read are computed operation by operation.
  grad([&](Tensor unused) {
    const ResNet exact = of_loss(net64, images64, targets64);
    std::printf("largest error of a gradient %.2g of its tensor's largest element; compiled in f64: %.2g\n",
                distance(gradient, exact), distance(compiled, exact));
    return unused;
  })(Tensor(1));
}

} // namespace

int main(int argc, char** argv) {
  int threads = 1, runs = 10;
  bool check = false, kernels = false;
  Activations kind = Activations::rectified;
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "--threads") && i + 1 < argc)
      threads = std::atoi(argv[++i]);
    else if (!std::strcmp(argv[i], "--runs") && i + 1 < argc)
      runs = std::atoi(argv[++i]);
    else if (!std::strcmp(argv[i], "--check"))
      check = true;
    else if (!std::strcmp(argv[i], "--kernels"))
      kernels = true;
    else if (!std::strcmp(argv[i], "--smooth"))
      kind = Activations::smooth;
    else
      return std::fprintf(stderr, "usage: %s [--threads N] [--runs N] [--kernels] [--check] [--smooth]\n",
                          argv[0]),
             2;
  }
  try {
    const ResNet net = make_net();
    const Tensor images = Tensor::normal({kBatch, 3, kImage, kImage}, 100);
    const Tensor targets = cast(less(Tensor::uniform({kBatch, kClasses}, 101), 0.001), DType::f32);
    const auto as_net = [&](const std::vector<Tensor>& tensors) {
      std::size_t at = 0;
      return map_tensors(net, [&](const Tensor&) { return tensors[at++]; });
    };
    const auto last = [](const std::vector<Tensor>& tensors, std::size_t back) {
      return tensors[tensors.size() - back];
    };
    const auto forward =
        compile([&](std::vector<Tensor> t) { return loss(as_net(t), last(t, 2), last(t, 1), kind); },
                {.threads = threads});
    const auto gradient = compile(
        [&](std::vector<Tensor> t) {
          const auto of_net = [&](ResNet n) { return loss(n, last(t, 2), last(t, 1), kind); };
          const auto [value, g] = value_and_grad(of_net)(as_net(t));
          std::vector<Tensor> all = tensors_of(g);
          all.push_back(value);
          return all;
        },
        {.threads = threads});
    std::vector<Tensor> inputs = tensors_of(net);
    inputs.insert(inputs.end(), {images, targets});

    std::vector<Tensor> result;
    const double first_forward = milliseconds([&] { forward(inputs); });
    const double first_gradient = milliseconds([&] { result = gradient(inputs); });
    Timing best;
    for (int i = 0; i < runs; ++i) { // in turns
      best.forward = std::min(best.forward, milliseconds([&] { forward(inputs); }));
      best.gradient = std::min(best.gradient, milliseconds([&] { gradient(inputs); }));
    }
    const double backward = best.gradient - best.forward;
    std::printf("ResNet-18, batch %lld, %lldx%lld, threads: %d\n", static_cast<long long>(kBatch),
                static_cast<long long>(kImage), static_cast<long long>(kImage), threads);
    std::printf("first call: forward %.0f ms, gradient %.0f ms\n", first_forward, first_gradient);
    std::printf("forward %.1f ms, forward and backward %.1f ms: backward %.1f ms, %.2f times forward\n",
                best.forward, best.gradient, backward, backward / best.forward);
    const auto program = gradient.executable(inputs);
    const rt::MemoryPlan& memory = program->memory();
    std::printf("arena of the gradient %.1f MB, lower bound %.1f MB (%.3f), without reuse %.1f MB\n",
                static_cast<double>(memory.arena_bytes) / 1e6, static_cast<double>(memory.lower_bound) / 1e6,
                static_cast<double>(memory.arena_bytes) / static_cast<double>(memory.lower_bound),
                static_cast<double>(memory.without_reuse) / 1e6);
    if (kernels) {
      rt::ThreadPool pool(threads);
      std::printf("\nforward\n");
      print_kernels(*forward.executable(inputs), inputs, pool, runs);
      std::printf("\nforward and backward\n");
      print_kernels(*program, inputs, pool, runs);
    }
    if (check)
      print_errors(kind, net, images, targets, as_net(result));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
