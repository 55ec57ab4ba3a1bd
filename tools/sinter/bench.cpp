// sinter bench: the fused program against the one that runs operation by operation, measured in turns.
#include "bench.h"

#include "arguments.h"
#include "commands.h"
#include "files.h"
#include "fma_peak.h"
#include "progress.h"
#include "usage.h"

#include "sinter/runtime/thread_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace sinter::tool {

namespace {

struct BenchOptions {
  std::string model;
  std::vector<std::string> inputs;
  std::vector<std::string> shapes;
  int threads = 0;
  int runs = 20;
  std::string json;
  CodeOptions code;
};

/// An executable with its own outputs, ready to be run again and again.
class Subject {
public:
  Subject(std::shared_ptr<const rt::Executable> executable, const std::vector<Tensor>& inputs)
      : executable_(std::move(executable)) {
    for (const Tensor& input : inputs)
      inputs_.push_back(input.contiguous());
    for (const Tensor& input : inputs_)
      input_views_.push_back(input.view());
    for (const rt::TensorSpec& spec : executable_->outputs())
      outputs_.push_back(Tensor::empty(spec.shape, spec.dtype));
    for (const Tensor& output : outputs_)
      output_views_.push_back(output.view());
  }

  /// Runs once; milliseconds.
  double run(rt::ThreadPool& pool, rt::Profiler* profiler = nullptr) const {
    const auto start = std::chrono::steady_clock::now();
    executable_->run(input_views_, output_views_, pool, profiler);
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  }

  const rt::Executable& executable() const { return *executable_; }

private:
  std::shared_ptr<const rt::Executable> executable_;
  std::vector<Tensor> inputs_;
  std::vector<Tensor> outputs_;
  std::vector<View> input_views_;
  std::vector<View> output_views_;
};

Side describe(const rt::Executable& executable) {
  Side side;
  side.compile_ms = executable.compile_ms();
  side.kernel_count = static_cast<int64_t>(executable.steps().size());
  side.distinct_kernels = static_cast<int64_t>(executable.kernels().size());
  side.arena_bytes = executable.memory().arena_bytes;
  side.arena_lower_bound = executable.memory().lower_bound;
  side.arena_without_reuse = executable.memory().without_reuse;
  return side;
}

std::vector<KernelRow> kernel_rows(const rt::Executable& executable, const rt::Profiler& profiler) {
  std::vector<KernelRow> rows;
  for (std::size_t i = 0; i < executable.steps().size(); ++i) {
    const rt::Step& step = executable.steps()[i];
    const rt::Kernel& kernel = executable.kernels()[step.kernel];
    rows.push_back(
        {kernel.name, kernel.algorithm, step.label, profiler.samples()[i].min_ms, step.flops, step.bytes});
  }
  return rows;
}

/// Runs both subjects in turns, then the fused one under the profiler; the machine's peak is the best before,
/// in between and after.
void measure(Measurement& m, const Subject& fused, const Subject& unfused, rt::ThreadPool& pool) {
  Progress progress("measuring");
  const int64_t total = 2 * m.runs;
  constexpr double kPeakSeconds = 0.03;
  const int peaks_every = std::max(1, m.runs / 8);
  auto measure_peak = [&] {
    m.peak_gflops = std::max(m.peak_gflops, measure_fma_peak(m.peak_threads, kPeakSeconds));
  };
  for (int i = 0; i < 2; ++i) {
    fused.run(pool);
    unfused.run(pool);
  }
  for (int i = 0; i < m.runs; ++i) {
    if (i % peaks_every == 0)
      measure_peak();
    m.fused.run_ms.push_back(fused.run(pool));
    m.unfused.run_ms.push_back(unfused.run(pool));
    progress.update(i, total);
  }
  rt::Profiler profiler(fused.executable().steps().size());
  for (int i = 0; i < m.runs; ++i) {
    if (i % peaks_every == 0)
      measure_peak();
    fused.run(pool, &profiler);
    progress.update(m.runs + i, total);
  }
  measure_peak();
  m.kernels = kernel_rows(fused.executable(), profiler);
}

int bench(const BenchOptions& options) {
  if (!options.json.empty())
    check_writable(options.json);
  ModelOptions model_options;
  model_options.threads = options.threads;
  options.code.apply(model_options);
  rt::ThreadPool pool(model_options.threads);

  auto compile = [&](bool fuse, const std::vector<Tensor>* given, std::vector<Tensor>* used) {
    Progress progress(fuse ? "compiling fused kernels" : "compiling unfused kernels");
    ModelOptions own = model_options;
    own.fuse = fuse;
    own.progress = [&](int64_t done, int64_t total) { progress.update(done, total); };
    Model model = Model::load(options.model, own);
    *used = given != nullptr ? *given : gather_inputs(model, options.inputs, options.shapes, true);
    return model.compile(*used);
  };
  std::vector<Tensor> inputs;
  std::vector<Tensor> same;
  const Subject fused(compile(true, nullptr, &inputs), inputs);
  const Subject unfused(compile(false, &inputs, &same), inputs);

  Measurement m;
  m.model = options.model;
  m.threads = pool.size();
  // Threads that share a processor would each count its whole speed.
  m.peak_threads = std::min(m.threads, rt::default_thread_pool().size());
  m.runs = options.runs;
  m.instruction_set = fma_instruction_set();
  m.fused = describe(fused.executable());
  m.unfused = describe(unfused.executable());
  for (const rt::Step& step : fused.executable().steps())
    m.flops += step.flops;
  measure(m, fused, unfused, pool);

  fmt::print("{}", to_text(m));
  if (!options.json.empty())
    write_text(options.json, to_json(m));
  return 0;
}

} // namespace

Command add_bench(CLI::App& app) {
  CLI::App* sub = app.add_subcommand("bench", "Measure a model: fused against unfused, and every kernel");
  auto options = std::make_shared<BenchOptions>();
  sub->add_option("MODEL", options->model, "The model, an .onnx file")->required();
  sub->add_option("--input", options->inputs, "[NAME=]FILE.npy for an input; repeat for several")
      ->type_name("[NAME=]FILE")
      ->allow_extra_args(false);
  sub->add_option("--shape", options->shapes,
                  "[NAME=]1x3x224x224: random numbers of this shape for an input; needed where the model "
                  "leaves it open")
      ->type_name("[NAME=]SHAPE")
      ->allow_extra_args(false);
  add_threads(*sub, options->threads);
  sub->add_option("--runs", options->runs, "Runs of each side")
      ->capture_default_str()
      ->check(whole_number(1, 1000000));
  sub->add_option("--json", options->json, "Write the figures to this file as well")->type_name("FILE");
  options->code.add_to(*sub);
  return [options] { return bench(*options); };
}

} // namespace sinter::tool
