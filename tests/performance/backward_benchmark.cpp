// Speed of the derivatives of convolutions: ResNet-18's layers one by one, and all of them as a network,
// forward against reverse mode. Weights are arguments, as in training.
//   backward_benchmark [--threads N] [--batch N] [--kernels] [FILTER]
// FILTER: layers whose names contain it; "network": all of them as one.
#include "codegen/compile.h"
#include "ir/gradient.h"
#include "ir/ops.h"
#include "passes/differentiate.h"
#include "sinter/runtime/storage.h"
#include "sinter/runtime/thread_pool.h"
#include "tools/sinter/fma_peak.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

namespace sinter {
namespace {

using Values = llvm::SmallVector<mlir::Value>;
using Dims = llvm::SmallVector<int64_t>;

struct Options {
  int threads = 1;
  int64_t batch = 16;
  bool kernels = false;
  std::string filter;
};

struct Layer {
  const char* name;
  int64_t in, out, size, kernel, stride;

  int64_t result() const { return (size + kernel / 2 * 2 - kernel) / stride + 1; }
  double flops(int64_t batch) const {
    return 2.0 * static_cast<double>(batch * in * out * kernel * kernel * result() * result());
  }
};

constexpr Layer kLayers[] = {
    {"7x7 s2 3-64@64", 3, 64, 64, 7, 2},     {"3x3 64@16", 64, 64, 16, 3, 1},
    {"3x3 s2 64-128@16", 64, 128, 16, 3, 2}, {"1x1 s2 64-128@16", 64, 128, 16, 1, 2},
    {"3x3 128@8", 128, 128, 8, 3, 1},        {"3x3 s2 128-256@8", 128, 256, 8, 3, 2},
    {"1x1 s2 128-256@8", 128, 256, 8, 1, 2}, {"3x3 256@4", 256, 256, 4, 3, 1},
    {"3x3 s2 256-512@4", 256, 512, 4, 3, 2}, {"1x1 s2 256-512@4", 256, 512, 4, 1, 2},
    {"3x3 512@2", 512, 512, 2, 3, 1},        {"3x3 64@56", 64, 64, 56, 3, 1},
    {"3x3 128@28", 128, 128, 28, 3, 1},      {"3x3 256@14", 256, 256, 14, 3, 1},
    {"3x3 512@7", 512, 512, 7, 3, 1},
};

/// A function under construction whose arguments are made as they are needed.
class Builder {
public:
  explicit Builder(mlir::MLIRContext& context)
      : builder_(&context), module_(mlir::ModuleOp::create(builder_.getUnknownLoc())) {
    builder_.setInsertionPointToStart(module_->getBody());
    main_ = mlir::func::FuncOp::create(builder_, builder_.getUnknownLoc(), "main",
                                       builder_.getFunctionType({}, {}));
    builder_.setInsertionPointToStart(main_.addEntryBlock());
  }

  mlir::Value argument(llvm::ArrayRef<int64_t> shape) {
    const auto type = mlir::RankedTensorType::get(shape, builder_.getF32Type());
    const unsigned at = main_.getNumArguments();
    static_cast<void>(main_.insertArgument(at, type, name("x", at), builder_.getUnknownLoc()));
    return main_.getArgument(at);
  }

  template <class Op, class... Args>
  mlir::Value make(Args&&... args) {
    return ir::create<Op>(builder_, builder_.getUnknownLoc(), std::forward<Args>(args)...);
  }

  mlir::Value conv(mlir::Value x, mlir::Value filter, const Layer& layer) {
    const Dims strides(2, layer.stride), ones(2, 1), pads(2, layer.kernel / 2);
    return make<ir::ConvOp>(x, filter, mlir::Value(), strides, ones, pads, pads, uint64_t{1});
  }

  /// Ends the function with what reverse mode makes of `output`, or with itself.
  mlir::OwningOpRef<mlir::ModuleOp> finish(mlir::Value output, const Values& variables) {
    Values results{output};
    if (!variables.empty()) {
      const mlir::Value seed = argument(ir::tensorType(output).getShape());
      results = ir::buildVjp(builder_, {output}, {seed}, variables);
    }
    mlir::func::ReturnOp::create(builder_, builder_.getUnknownLoc(), results);
    for (auto [i, value] : llvm::enumerate(results))
      static_cast<void>(main_.insertResult(static_cast<unsigned>(i), value.getType(), name("y", i)));
    return std::move(module_);
  }

private:
  mlir::DictionaryAttr name(const char* kind, size_t number) {
    return builder_.getDictionaryAttr(
        builder_.getNamedAttr("sinter.name", builder_.getStringAttr(kind + std::to_string(number))));
  }

  mlir::OpBuilder builder_;
  mlir::OwningOpRef<mlir::ModuleOp> module_;
  mlir::func::FuncOp main_;
};

/// A compiled program with operands of its own.
class Program {
public:
  Program(mlir::OwningOpRef<mlir::ModuleOp> module, rt::ThreadPool& pool)
      : executable_(codegen::compile(*module)), pool_(pool), profiler_(executable_->steps().size()) {
    for (const auto* specs : {&executable_->inputs(), &executable_->outputs()})
      for (const rt::TensorSpec& spec : *specs) {
        const View shape = View::dense(nullptr, spec.dtype, spec.shape);
        storages_.push_back(Storage::allocate(shape.bytes()));
        auto* data = reinterpret_cast<float*>(storages_.back()->data());
        for (int64_t i = 0; i < shape.elements(); ++i)
          data[i] = static_cast<float>(i % 13) * 0.01f - 0.06f;
        (specs == &executable_->inputs() ? inputs_ : outputs_)
            .push_back(View::dense(data, spec.dtype, spec.shape));
      }
  }

  void run() {
    const auto start = std::chrono::steady_clock::now();
    executable_->run(inputs_, outputs_, pool_);
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
    best_ = std::min(best_, time.count());
    executable_->run(inputs_, outputs_, pool_, &profiler_);
  }

  double milliseconds() const { return best_; }
  /// Of the kernels that are contractions.
  double contractionMilliseconds() const {
    double sum = 0;
    forEachStep([&](const rt::Kernel& kernel, double ms) { sum += kernel.algorithm != "loops" ? ms : 0; });
    return sum;
  }

  void printKernels() const {
    forEachStep([](const rt::Kernel& kernel, double ms) {
      std::printf("    %-40s %-28s %8.3f ms\n", kernel.name.c_str(), kernel.algorithm.c_str(), ms);
    });
  }

private:
  template <class Visit>
  void forEachStep(Visit&& visit) const {
    for (size_t i = 0; i < executable_->steps().size(); ++i)
      visit(executable_->kernels()[executable_->steps()[i].kernel], profiler_.samples()[i].min_ms);
  }

  std::shared_ptr<rt::Executable> executable_;
  rt::ThreadPool& pool_;
  rt::Profiler profiler_;
  std::vector<std::shared_ptr<Storage>> storages_;
  std::vector<View> inputs_, outputs_;
  double best_ = 1e30;
};

class Benchmark {
public:
  explicit Benchmark(Options options)
      : options_(std::move(options)), context_(mlir::MLIRContext::Threading::DISABLED),
        pool_(options_.threads) {
    context_.loadDialect<ir::SinterDialect, mlir::func::FuncDialect>();
    peak_ = tool::measure_fma_peak(options_.threads, 0.2);
    std::printf("%d thread(s), batch %ld, peak %.1f GFLOP/s. Share of the peak: of the contraction alone (of "
                "all kernels)\n",
                options_.threads, static_cast<long>(options_.batch), peak_);
  }

  void layer(const Layer& layer) {
    std::vector<Program> programs;
    for (int what = 0; what < 3; ++what) {
      Builder builder(context_);
      const mlir::Value x = builder.argument({options_.batch, layer.in, layer.size, layer.size});
      const mlir::Value filter = builder.argument({layer.out, layer.in, layer.kernel, layer.kernel});
      const mlir::Value y = builder.conv(x, filter, layer);
      const Values variables[] = {{}, {x}, {filter}};
      programs.emplace_back(builder.finish(y, variables[what]), pool_);
    }
    measure(programs);
    std::printf("%-18s", layer.name);
    for (const Program& program : programs) {
      const double share = layer.flops(options_.batch) / 1e6 / peak_;
      std::printf("  %8.3f ms %3.0f %% (%3.0f %%)", program.milliseconds(),
                  100 * share / program.contractionMilliseconds(), 100 * share / program.milliseconds());
    }
    std::printf("  backward / forward %.2f\n",
                (programs[1].milliseconds() + programs[2].milliseconds()) / programs[0].milliseconds());
    print(programs);
  }

  /// ResNet-18's convolutions with rectifiers and residuals between them, without normalisation and pooling.
  void network() {
    std::vector<Program> programs;
    for (const bool reverse : {false, true}) {
      Builder builder(context_);
      Values filters;
      mlir::Value x = builder.argument({options_.batch, 3, 64, 64});
      const auto conv = [&](mlir::Value input, int64_t out, int64_t kernel, int64_t stride) {
        const int64_t in = ir::tensorType(input).getDimSize(1), size = ir::tensorType(input).getDimSize(2);
        filters.push_back(builder.argument({out, in, kernel, kernel}));
        return builder.conv(input, filters.back(), {"", in, out, size, kernel, stride});
      };
      x = builder.make<ir::ReluOp>(conv(x, 64, 7, 4));
      for (const int64_t channels : {64, 128, 256, 512})
        for (int block = 0; block < 2; ++block) {
          const int64_t stride = block == 0 && channels > 64 ? 2 : 1;
          mlir::Value y = builder.make<ir::ReluOp>(conv(x, channels, 3, stride));
          y = conv(y, channels, 3, 1);
          if (stride > 1)
            x = conv(x, channels, 1, stride);
          x = builder.make<ir::ReluOp>(builder.make<ir::AddOp>(y, x));
        }
      programs.emplace_back(builder.finish(x, reverse ? filters : Values()), pool_);
    }
    measure(programs);
    const double forward = programs[0].milliseconds(), both = programs[1].milliseconds();
    std::printf("network: forward %.2f ms, forward and backward %.2f ms, backward / forward %.2f\n", forward,
                both, (both - forward) / forward);
    print(programs);
  }

private:
  static void measure(std::vector<Program>& programs) {
    const auto start = std::chrono::steady_clock::now();
    for (int round = 0; round < 60; ++round) {
      for (Program& program : programs)
        program.run();
      if (round >= 5 && std::chrono::steady_clock::now() - start > std::chrono::seconds(1))
        break;
    }
  }

  void print(const std::vector<Program>& programs) const {
    if (options_.kernels)
      for (const Program& program : programs) {
        program.printKernels();
        std::printf("\n");
      }
    std::fflush(stdout);
  }

  const Options options_;
  mlir::MLIRContext context_;
  rt::ThreadPool pool_;
  double peak_ = 0;
};

void benchmark(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "--threads") && i + 1 < argc)
      options.threads = std::atoi(argv[++i]);
    else if (!std::strcmp(argv[i], "--batch") && i + 1 < argc)
      options.batch = std::atoll(argv[++i]);
    else if (!std::strcmp(argv[i], "--kernels"))
      options.kernels = true;
    else
      options.filter = argv[i];
  }
  Benchmark all(options);
  std::printf("%-18s  %-24s  %-24s  %-24s\n", "layer", "forward", "gradient by the input",
              "gradient by the filter");
  for (const Layer& layer : kLayers)
    if (std::strstr(layer.name, options.filter.c_str()))
      all.layer(layer);
  if (std::string("network").find(options.filter) != std::string::npos)
    all.network();
}

} // namespace
} // namespace sinter

int main(int argc, char** argv) {
  try {
    sinter::benchmark(argc, argv);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "backward_benchmark: %s\n", error.what());
    return 1;
  }
}
