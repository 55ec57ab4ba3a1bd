// Speed of single contraction kernels on one thread, as a share of the multiply-add peak measured in the same
// run.
//   contraction_benchmark [--cpu NAME] [--assembly] [FILTER]
#include "codegen/cpu/contraction/generator.h"
#include "codegen/cpu/contraction/kernel_builder.h"
#include "codegen/cpu/jit.h"
#include "sinter/runtime/storage.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <vector>

namespace sinter::codegen::cpu {
namespace {

using Clock = std::chrono::steady_clock;
using ir::Contraction;

struct Layer {
  std::string name;
  Contraction shape;
  bool inputBlocked = true;
  bool rhsPacked = true;
};

Layer convolution(const char* name, int64_t ic, int64_t oc, int64_t in, int64_t kernel, int64_t stride,
                  int64_t groups = 1) {
  Layer layer{name, {}, ic > 4 || groups > 1, true};
  Contraction& s = layer.shape;
  s.groups = groups;
  s.inChannels = ic / groups;
  s.outChannels = oc / groups;
  s.input = {1, in, in};
  s.kernel = {1, kernel, kernel};
  s.stride = {1, stride, stride};
  s.padBegin = {0, kernel / 2, kernel / 2};
  const int64_t out = (in + kernel / 2 * 2 - kernel) / stride + 1;
  s.output = {1, out, out};
  return layer;
}

Layer matmul(const char* name, int64_t batch, int64_t m, int64_t k, int64_t n, bool packed) {
  Layer layer{name, {}, false, packed};
  Contraction& s = layer.shape;
  s.kind = Contraction::Kind::matmul;
  s.batch = batch;
  s.inChannels = k;
  s.outChannels = n;
  s.input = s.output = {1, 1, m};
  return layer;
}

Layer transposed(Layer layer) {
  layer.shape.transposeRhs = true;
  return layer;
}

std::vector<Layer> layers() {
  return {
      convolution("stem 7x7 s2", 3, 64, 224, 7, 2),
      convolution("stem 3x3 s2", 3, 32, 224, 3, 2),
      convolution("3x3 64@56", 64, 64, 56, 3, 1),
      convolution("3x3 128@28", 128, 128, 28, 3, 1),
      convolution("3x3 256@14", 256, 256, 14, 3, 1),
      convolution("3x3 512@7", 512, 512, 7, 3, 1),
      convolution("3x3 128@56 s2", 128, 128, 56, 3, 2),
      convolution("3x3 256@28 s2", 256, 256, 28, 3, 2),
      convolution("3x3 512@14 s2", 512, 512, 14, 3, 2),
      convolution("1x1 64-64@56", 64, 64, 56, 1, 1),
      convolution("1x1 64-256@56", 64, 256, 56, 1, 1),
      convolution("1x1 256-64@56", 256, 64, 56, 1, 1),
      convolution("1x1 256-128@56", 256, 128, 56, 1, 1),
      convolution("1x1 512-128@28", 512, 128, 28, 1, 1),
      convolution("1x1 128-512@28", 128, 512, 28, 1, 1),
      convolution("1x1 1024-256@14", 1024, 256, 14, 1, 1),
      convolution("1x1 256-1024@14", 256, 1024, 14, 1, 1),
      convolution("1x1 2048-512@7", 2048, 512, 7, 1, 1),
      convolution("1x1 512-2048@7", 512, 2048, 7, 1, 1),
      convolution("1x1 256-512@56 s2", 256, 512, 56, 1, 2),
      convolution("1x1 1024-2048@14 s2", 1024, 2048, 14, 1, 2),
      convolution("grouped 3x3 256/8@28", 256, 256, 28, 3, 1, 8),
      convolution("depthwise 3x3 144@56", 144, 144, 56, 3, 1, 144),
      convolution("depthwise 3x3 96@112 s2", 96, 96, 112, 3, 2, 96),
      convolution("depthwise 5x5 240@28", 240, 240, 28, 5, 1, 240),
      matmul("matmul 128x768x768", 1, 128, 768, 768, true),
      matmul("matmul 128x768x3072", 1, 128, 768, 3072, true),
      matmul("matmul 128x3072x768", 1, 128, 3072, 768, true),
      matmul("matmul 512x512x512 rows", 1, 512, 512, 512, false),
      matmul("attention 12x128x64x128 rows", 12, 128, 64, 128, false),
      matmul("attention 12x128x128x64 rows", 12, 128, 128, 64, false),
      transposed(matmul("attention 12x128x64x128 transposed", 12, 128, 64, 128, false)),
      transposed(matmul("attention 12x512x64x512 transposed", 12, 512, 64, 512, false)),
      matmul("attention 12x512x512x64 rows", 12, 512, 512, 64, false),
      matmul("gemv 2048x1000", 1, 1, 2048, 1000, true),
      matmul("gemv 4096x4096", 1, 1, 4096, 4096, true),
  };
}

// Best of several rounds: others may be using the machine.
double bestSeconds(const std::function<void()>& body) {
  body();
  double best = 1e30, total = 0;
  for (int i = 0; i < 200 && (i < 5 || total < 0.15); ++i) {
    const auto start = Clock::now();
    body();
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    best = std::min(best, seconds);
    total += seconds;
  }
  return best;
}

// A kernel of nothing but independent multiply-adds in registers. Gives its GFLOP/s.
double measurePeak(const Target& target) {
  llvm::LLVMContext context;
  EmittedKernel kernel;
  kernel.module = std::make_unique<llvm::Module>("peak", context);
  contraction::KernelBuilder b(*kernel.module, llvm::Type::getFloatTy(context), target.lanes());
  llvm::Type* pointer = b.getPtrTy();
  llvm::Type* number = b.getInt64Ty();
  auto* function = llvm::Function::Create(
      llvm::FunctionType::get(b.getVoidTy(), {pointer, number, number, pointer}, false),
      llvm::GlobalValue::ExternalLinkage, "peak", *kernel.module);
  b.SetInsertPoint(llvm::BasicBlock::Create(context, "entry", function));
  llvm::Value* data = b.CreateLoad(pointer, function->getArg(0));
  llvm::Value* factor = b.loadVector(data);
  llvm::Value* term = b.loadVector(b.advance(data, target.lanes()));
  constexpr int64_t chains = 10, rounds = 200000, unrolled = 4;
  contraction::Values sums(chains, factor);
  sums = b.loop(b.index(rounds), false, sums, [&](llvm::Value*, llvm::ArrayRef<llvm::Value*> now) {
    contraction::Values next(now.begin(), now.end());
    for (int64_t u = 0; u < unrolled; ++u)
      for (llvm::Value*& sum : next)
        sum = b.multiplyAdd(factor, sum, term);
    return next;
  });
  for (auto [i, sum] : llvm::enumerate(sums))
    b.storeVector(sum, b.advance(data, static_cast<int64_t>(i) * target.lanes()));
  b.CreateRetVoid();
  Jit::Code code = Jit::instance().link(compileToObject(*kernel.module, target), "peak");
  auto memory = Storage::allocate(4096);
  std::memset(memory->data(), 0, 4096);
  void* buffers[] = {memory->data()};
  const double seconds = bestSeconds([&] { code.function(buffers, 0, 1, nullptr); });
  return 2.0 * chains * rounds * unrolled * static_cast<double>(target.lanes()) / seconds / 1e9;
}

contraction::Problem problemOf(const Layer& layer, int64_t lanes) {
  if (layer.shape.kind == Contraction::Kind::convolution)
    return contraction::convolutionProblem(layer.shape, lanes, layer.inputBlocked, 2);
  const llvm::SmallVector<int64_t> one{1}, batch{layer.shape.batch};
  return contraction::matmulProblem(layer.shape, lanes, layer.rhsPacked, batch, layer.rhsPacked ? one : batch,
                                    batch);
}

std::shared_ptr<Storage> filled(int64_t floats) {
  auto storage = Storage::allocate(static_cast<size_t>(floats) * 4);
  auto* data = reinterpret_cast<float*>(storage->data());
  for (int64_t i = 0; i < floats; ++i)
    data[i] = static_cast<float>(i % 7) * 0.1f - 0.3f;
  return storage;
}

int64_t positions(const std::array<int64_t, 3>& extent) {
  return extent[0] * extent[1] * extent[2];
}

void measure(const Layer& layer, const Target& target, double peak, bool assembly) {
  const Contraction& s = layer.shape;
  const int64_t lanes = target.lanes();
  auto rounded = [&](int64_t channels) { return (channels + lanes - 1) / lanes * lanes; };
  auto input = filled(s.batch * rounded(s.groups * s.inChannels) * positions(s.input));
  auto output = filled(s.batch * rounded(s.groups * s.outChannels) * positions(s.output));
  const int64_t filterBatch = s.kind == Contraction::Kind::matmul && !layer.rhsPacked ? s.batch : 1;
  auto filter = filled(filterBatch * rounded(s.groups * s.outChannels) * s.inChannels * positions(s.kernel));

  llvm::LLVMContext context;
  const contraction::Problem problem = problemOf(layer, lanes);
  const auto start = Clock::now();
  EmittedKernel kernel = contraction::generate(problem, {0, 1, 0, 2}, target, "kernel", context);
  if (assembly) {
    std::printf("# %s: %s\n%s\n", layer.name.c_str(), kernel.algorithm.c_str(),
                compileToAssembly(*kernel.module, target).c_str());
    return;
  }
  Jit::Code code = Jit::instance().link(compileToObject(*kernel.module, target), kernel.symbol);
  const double compileMs = std::chrono::duration<double>(Clock::now() - start).count() * 1e3;
  void* buffers[] = {input->data(), filter->data(), output->data()};
  auto scratch = Storage::allocate(kernel.scratchBytes);
  const double seconds = bestSeconds([&] { code.function(buffers, 0, kernel.tasks, scratch->data()); });
  const double gflops = s.flops() / seconds / 1e9;
  const double filterGb = static_cast<double>(filter->bytes()) / seconds / 1e9;
  std::printf("%-30s %-22s %4ld tasks grain %3ld  %9.1f us %7.1f GFLOP/s %5.1f %%  filter %5.1f GB/s  "
              "compile %5.1f ms\n",
              layer.name.c_str(), kernel.algorithm.c_str(), static_cast<long>(kernel.tasks),
              static_cast<long>(kernel.grain), seconds * 1e6, gflops, 100 * gflops / peak, filterGb,
              compileMs);
  std::fflush(stdout);
}

int benchmark(int argc, char** argv) {
  Target target = Target::host();
  std::string filter;
  bool assembly = false;
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "--cpu") && i + 1 < argc)
      target = Target::ofLibrary(argv[++i]);
    else if (!std::strcmp(argv[i], "--assembly"))
      assembly = true;
    else
      filter = argv[i];
  }
  const double peak = assembly ? 0 : measurePeak(target);
  if (!assembly)
    std::printf("%s, %ld lanes, peak %.1f GFLOP/s on one thread\n", target.cpu.c_str(),
                static_cast<long>(target.lanes()), peak);
  for (const Layer& layer : layers())
    if (layer.name.find(filter) != std::string::npos)
      measure(layer, target, peak, assembly);
  return 0;
}

} // namespace
} // namespace sinter::codegen::cpu

int main(int argc, char** argv) {
  try {
    return sinter::codegen::cpu::benchmark(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "contraction_benchmark: %s\n", error.what());
    return 1;
  }
}
