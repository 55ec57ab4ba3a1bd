// sinter bench: the fused program against the one that runs operation by operation, measured in turns.
#include "bench.h"

#include "arguments.h"
#include "bench_peers.h"
#include "commands.h"
#include "files.h"
#include "fma_peak.h"
#include "process.h"
#include "progress.h"
#include "usage.h"

#include "sinter/runtime/thread_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>

namespace sinter::tool {

namespace {

struct BenchOptions {
  ModelFiles model;
  std::vector<std::string> inputs;
  std::vector<std::string> shapes;
  int threads = 0;
  int runs = 20;
  std::string json;
  PeerOptions peers;
  CodeOptions code;
};

/// Inputs and outputs of a program in the memory of the device that it runs on.
class Resident {
public:
  Resident(const rt::Executable& executable, const std::vector<View>& inputs)
      : executable_(executable), device_(*executable.device()) {
    for (const View& input : inputs)
      device_.upload(add(inputs_, input.dtype, input.shape).data, input.data, input.bytes());
    for (const rt::TensorSpec& spec : executable.outputs())
      add(outputs_, spec.dtype, spec.shape);
    run_ms(kWarmUps);
    runs_ = std::clamp(static_cast<int>(kBatchMs / std::max(run_ms(1), 1e-3)), 1, 10000);
  }

  /// Milliseconds of a run: of several in a row, which are waited for at the end.
  double run_ms() const { return run_ms(runs_); }

private:
  static constexpr double kBatchMs = 5; // long against the wait
  static constexpr int kWarmUps = 3;

  const View& add(std::vector<View>& views, DType dtype, const Shape& shape) {
    View view = View::dense(nullptr, dtype, shape);
    memory_.push_back(device_.allocate(std::max<std::size_t>(1, view.bytes())));
    view.data = memory_.back()->data();
    return views.emplace_back(view);
  }

  double run_ms(int runs) const {
    device_.synchronize();
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < runs; ++i)
      executable_.enqueue(inputs_, outputs_);
    device_.synchronize();
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
    return time.count() / runs;
  }

  const rt::Executable& executable_;
  rt::Device& device_;
  std::vector<std::shared_ptr<Storage>> memory_;
  std::vector<View> inputs_, outputs_;
  int runs_ = 1;
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
    if (executable_->device())
      resident_ = std::make_unique<Resident>(*executable_, input_views_);
  }

  /// One turn: a run that brings code, weights and threads back after somebody else's turn, then one that
  /// counts; milliseconds of that. On a device, without copies of inputs and outputs.
  double turn(rt::ThreadPool& pool) const {
    if (resident_)
      return resident_->run_ms();
    run(pool);
    return run(pool);
  }

  /// Runs once; milliseconds.
  double run(rt::ThreadPool& pool, rt::Profiler* profiler = nullptr) const {
    const auto start = std::chrono::steady_clock::now();
    executable_->run(input_views_, output_views_, pool, profiler);
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  }

  const rt::Executable& executable() const { return *executable_; }
  const std::vector<Tensor>& outputs() const { return outputs_; }

private:
  std::shared_ptr<const rt::Executable> executable_;
  std::vector<Tensor> inputs_;
  std::vector<Tensor> outputs_;
  std::vector<View> input_views_;
  std::vector<View> output_views_;
  std::unique_ptr<Resident> resident_; ///< null: it runs on the host
};

Side describe(const rt::Executable& executable) {
  Side side;
  side.compile_ms = executable.compile_ms();
  side.kernel_count = static_cast<int64_t>(executable.steps().size());
  side.distinct_kernels = static_cast<int64_t>(executable.kernels().size());
  side.kernels_compiled = executable.kernels_compiled();
  side.kernels_loaded = executable.kernels_loaded();
  side.arena_bytes = executable.memory().arena_bytes;
  side.arena_lower_bound = executable.memory().lower_bound;
  side.arena_without_reuse = executable.memory().without_reuse;
  side.scratch_bytes = executable.scratch_bytes();
  return side;
}

std::vector<KernelRow> kernel_rows(const rt::Executable& executable, const rt::Profiler& profiler) {
  std::vector<KernelRow> rows;
  for (std::size_t i = 0; i < executable.steps().size(); ++i) {
    const rt::Step& step = executable.steps()[i];
    const double ms = profiler.samples()[i].min_ms;
    if (step.control) {
      rows.push_back({"", "a program for every body", step.label, ms, step.flops, step.bytes});
      continue;
    }
    const rt::Kernel& kernel = executable.kernels()[step.kernel];
    rows.push_back({kernel.name, kernel.algorithm, step.label, ms, step.flops, step.bytes});
  }
  return rows;
}

/// Runs everybody in turns, then the fused program under the profiler; the machine's peak is the best before,
/// in between and after.
void measure(Measurement& m, const Subject& fused, const Subject& unfused,
             const std::vector<std::unique_ptr<Peer>>& peers, rt::ThreadPool& pool) {
  Progress progress("measuring");
  const int64_t total = 2 * m.runs;
  constexpr double kPeakSeconds = 0.03;
  const int peaks_every = std::max(1, m.runs / 8);
  auto measure_peak = [&] {
    if (m.device.empty())
      m.peak_gflops = std::max(m.peak_gflops, measure_fma_peak(m.peak_threads, kPeakSeconds));
  };
  for (int i = 0; i < m.runs; ++i) {
    if (i % peaks_every == 0)
      measure_peak();
    m.fused.run_ms.push_back(fused.turn(pool));
    m.unfused.run_ms.push_back(unfused.turn(pool));
    for (const std::unique_ptr<Peer>& peer : peers)
      if (peer->supported())
        peer->row().run_ms.push_back(peer->run());
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
  for (const std::unique_ptr<Peer>& peer : peers)
    m.peers.push_back(peer->row());
}

/// The other engines, each with the model loaded; what `fused` computed is what they are held against.
std::vector<std::unique_ptr<Peer>> start_peers(const BenchOptions& options,
                                               const std::vector<std::string>& names, const Subject& fused,
                                               const std::vector<Tensor>& inputs, rt::ThreadPool& pool) {
  std::vector<std::unique_ptr<Peer>> peers;
  if (options.peers.names.empty())
    return peers;
  fused.run(pool);
  std::vector<std::pair<std::string, Tensor>> outputs;
  for (std::size_t i = 0; i < fused.outputs().size(); ++i)
    outputs.emplace_back(names[i], fused.outputs()[i]);
  Progress progress("loading other engines");
  for (const std::string& name : options.peers.names) {
    progress.update(static_cast<int64_t>(peers.size()), static_cast<int64_t>(options.peers.names.size()));
    peers.push_back(
        std::make_unique<Peer>(name, options.peers, options.model.model, pool.size(), inputs, outputs));
  }
  return peers;
}

/// Compiles the model one way or the other. `inputs` are made up where there are none yet, `names` become
/// those of its outputs.
Subject compile(const BenchOptions& options, const ModelOptions& common, bool fuse,
                std::vector<Tensor>& inputs, std::vector<std::string>& names) {
  Progress progress(fuse ? "compiling fused kernels" : "compiling unfused kernels");
  ModelOptions own = common;
  own.fuse = fuse;
  own.progress = [&](int64_t done, int64_t total) { progress.update(done, total); };
  Model model = options.model.load(own);
  if (inputs.empty())
    inputs = gather_inputs(model, options.inputs, options.shapes, true);
  names.clear();
  for (const ModelValue& output : model.outputs())
    names.push_back(output.name);
  return {model.compile(inputs), inputs};
}

void check_against(const BenchOptions& options) {
  if (options.peers.names.empty())
    return;
  if (options.code.device != "cpu")
    throw Error("--against compares on the processor, not on " + options.code.device);
  if (!options.model.caffemodel.empty() || options.model.model.ends_with(".prototxt"))
    throw Error("--against compares ONNX models; " + options.model.model + " is a Caffe network");
  check_peers(options.peers);
}

int bench(const BenchOptions& options) {
  if (!options.json.empty())
    check_writable(options.json);
  check_against(options);
  options.code.check_device(true);
  ModelOptions model_options;
  model_options.threads = options.threads;
  options.code.apply(model_options);
  rt::ThreadPool pool(model_options.threads);

  std::vector<Tensor> inputs;
  std::vector<std::string> names;
  const Subject fused = compile(options, model_options, true, inputs, names);
  const Subject unfused = compile(options, model_options, false, inputs, names);
  std::optional<InterruptGuard> guard;
  if (!options.peers.names.empty())
    guard.emplace(); // engines and their files are cleared away, whatever ends this
  const std::vector<std::unique_ptr<Peer>> peers = start_peers(options, names, fused, inputs, pool);

  Measurement m;
  m.model = options.model.model;
  m.threads = pool.size();
  // Threads that share a processor would each count its whole speed.
  m.peak_threads = std::min(m.threads, rt::default_thread_pool().size());
  if (const std::shared_ptr<rt::Device>& device = fused.executable().device())
    m.device = device->name();
  m.runs = options.runs;
  m.instruction_set = fma_instruction_set();
  m.fused = describe(fused.executable());
  m.unfused = describe(unfused.executable());
  for (const rt::Step& step : fused.executable().steps())
    m.flops += step.flops;
  measure(m, fused, unfused, peers, pool);
  m.peak_rss_bytes = peak_rss_bytes();

  fmt::print("{}", to_text(m));
  if (!options.json.empty())
    write_text(options.json, to_json(m));
  return 0;
}

} // namespace

Command add_bench(CLI::App& app) {
  CLI::App* sub = app.add_subcommand("bench", "Measure a model: fused against unfused, and every kernel");
  auto options = std::make_shared<BenchOptions>();
  options->model.add_to(*sub);
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
  CLI::Option* against =
      sub->add_option("--against", options->peers.names,
                      "Other engines to measure in turns with the model, separated by commas: onnxruntime, "
                      "openvino, torch")
          ->delimiter(',')
          ->type_name("ENGINE,...")
          ->allow_extra_args(false)
          ->check(one_of(peer_names()));
  sub->add_option("--python", options->peers.python,
                  "The Python that has these engines. Default: the one that tools/setup_peers.sh makes")
      ->type_name("FILE")
      ->needs(against);
  sub->add_option("--patience", options->peers.patience,
                  "Seconds to wait for another engine to load the model, and for each run")
      ->capture_default_str()
      ->check(whole_number(1, 86400))
      ->needs(against);
  options->code.add_to(*sub);
  options->code.add_device_to(*sub);
  options->code.add_running_to(*sub);
  return [options] { return bench(*options); };
}

} // namespace sinter::tool
