// The time of a workload's runs, and what there is to say of its program.
#include "measure.h"

#include "placement.h"

#include "sinter/runtime/thread_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

namespace sinter::bench {

namespace {

constexpr double kBatchMs = 20; // long against the wait at its end
constexpr std::size_t kLeastBatches = 3;

class Clock {
public:
  double ms() const {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_).count();
  }

private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

double batch_ms(Workload& workload, const Settings& settings, int runs) {
  wait(settings);
  const Clock clock;
  for (int i = 0; i < runs; ++i)
    workload.run();
  wait(settings);
  return clock.ms();
}

struct Times {
  double median_ms = 0;
  double min_ms = 0;
  int64_t runs = 0;
};

// After a first run.
Times steady_times(Workload& workload, const Settings& settings, double seconds) {
  const Clock clock;
  const double single = batch_ms(workload, settings, 1);
  const int each = std::clamp(static_cast<int>(kBatchMs / std::max(single, 1e-3)), 1, 10000);
  batch_ms(workload, settings, each);
  std::vector<double> times;
  while (times.size() < kLeastBatches || clock.ms() < 1e3 * seconds)
    times.push_back(batch_ms(workload, settings, each) / each);
  std::sort(times.begin(), times.end());
  return {times[times.size() / 2], times.front(), static_cast<int64_t>(times.size()) * each};
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text)
    if (static_cast<unsigned char>(c) >= 0x20)
      (result += c == '"' || c == '\\' ? "\\" : "") += c;
  return result + "\"";
}

// The slowest steps, each waited for: their sum is more than the time of a run.
std::string slowest_kernels(Workload& workload, std::size_t count) {
  const auto program = workload.program();
  std::vector<View> in, out;
  std::vector<Tensor> outputs;
  for (const Tensor& input : workload.inputs())
    in.push_back(input.view());
  for (const rt::TensorSpec& spec : program->outputs())
    out.push_back(outputs.emplace_back(Tensor::empty(spec.shape, spec.dtype)).view());
  rt::Profiler profiler(program->steps().size());
  for (int i = 0; i < 3; ++i)
    program->run(in, out, rt::default_thread_pool(), &profiler);
  std::vector<std::size_t> order(program->steps().size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const double left = profiler.samples()[a].min_ms, right = profiler.samples()[b].min_ms;
    return left != right ? left > right : a < b;
  });
  order.resize(std::min(count, order.size()));
  std::string text;
  for (const std::size_t at : order) {
    const rt::Step& step = program->steps()[at];
    const std::string algorithm = step.control ? "control flow" : program->kernels()[step.kernel].algorithm;
    text += fmt::format(R"({}{{"ms": {:.4f}, "algorithm": {}, "operations": {}, "flops": {}, "bytes": {}}})",
                        text.empty() ? "" : ", ", profiler.samples()[at].min_ms, quoted(algorithm),
                        quoted(step.label), step.flops, step.bytes);
  }
  return text;
}

} // namespace

std::string measured(const Settings& settings, const Measuring& measuring) {
  const std::string device = quoted(opened(settings.device)); // before its first use is timed
  const Clock loading;
  const auto workload = make_workload(settings);
  const double load_ms = loading.ms();
  const double first_ms = batch_ms(*workload, settings, 1);
  if (!measuring.output.empty())
    save_safetensors(measuring.output, workload->results());
  const Times times = steady_times(*workload, settings, measuring.seconds);
  const auto program = workload->program();
  double flops = 0, bytes = 0;
  for (const rt::Step& step : program->steps()) {
    flops += step.flops;
    bytes += step.bytes;
  }
  std::string text = fmt::format(
      R"({{"median_ms": {:.6f}, "min_ms": {:.6f}, "runs": {}, "first_ms": {:.1f}, "compile_ms": {:.1f}, )"
      R"("load_ms": {:.1f}, "kernels_compiled": {}, "kernels_loaded": {}, "steps": {}, "flops": {}, "bytes": {}, )"
      R"("arena_bytes": {}, "device": {})",
      times.median_ms, times.min_ms, times.runs, first_ms, program->compile_ms(), load_ms,
      program->kernels_compiled(), program->kernels_loaded(), program->steps().size(), flops, bytes,
      program->memory().arena_bytes, device);
  if (measuring.kernels > 0)
    text += R"(, "kernels": [)" + slowest_kernels(*workload, measuring.kernels) + "]";
  return text + "}";
}

} // namespace sinter::bench
