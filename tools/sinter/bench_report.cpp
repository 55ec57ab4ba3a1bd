// The figures of sinter bench as tables and as JSON.
#include "bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace sinter::tool {

namespace {

double gflops(double flops, double ms) {
  return ms > 0 ? flops / ms / 1e6 : 0;
}
double gbps(double bytes, double ms) {
  return ms > 0 ? bytes / ms / 1e6 : 0;
}

std::string mebibytes(uint64_t bytes) {
  return fmt::format("{:.2f} MiB", static_cast<double>(bytes) / (1 << 20));
}

std::string row(const char* what, const std::string& fused, const std::string& unfused) {
  return fmt::format("  {:<26}{:>14}{:>14}\n", what, fused, unfused);
}

std::string shorten(const std::string& text, std::size_t width) {
  return text.size() <= width ? text : text.substr(0, width - 3) + "...";
}

/// A rate's share of the peak, where that is known.
std::string share(const Measurement& m, double gflops, fmt::format_string<double> format) {
  return m.peak_gflops > 0 ? fmt::format(format, 100 * gflops / m.peak_gflops) : "";
}

/// Where it ran, and how fast that is at best.
std::string machine(const Measurement& m) {
  if (!m.device.empty())
    return fmt::format(
        "on {}, where inputs and outputs lie; kernels are waited for one by one, which adds to "
        "their times",
        m.device);
  const std::string threads =
      m.peak_threads < m.threads
          ? fmt::format(" on {} thread{}, one per processor", m.peak_threads, m.peak_threads == 1 ? "" : "s")
          : std::string();
  return fmt::format("peak of the machine in the same time: {:.1f} GFLOP/s ({} multiply-adds{})",
                     m.peak_gflops, m.instruction_set, threads);
}

std::string comparison(const Measurement& m) {
  auto rate = [&](const Side& side) {
    const double value = gflops(m.flops, side.min_ms());
    return fmt::format("{:.1f}{}", value, share(m, value, " ({:.0f} %)"));
  };
  auto ms = [](double value) { return fmt::format("{:.3f}", value); };
  std::string text = row("", "fused", "unfused");
  text += row("fastest run, ms", ms(m.fused.min_ms()), ms(m.unfused.min_ms()));
  text += row("median run, ms", ms(m.fused.median_ms()), ms(m.unfused.median_ms()));
  text += row(m.device.empty() ? "GFLOP/s (of peak)" : "GFLOP/s", rate(m.fused), rate(m.unfused));
  text +=
      row("kernels launched", std::to_string(m.fused.kernel_count), std::to_string(m.unfused.kernel_count));
  text += row("distinct kernels", std::to_string(m.fused.distinct_kernels),
              std::to_string(m.unfused.distinct_kernels));
  text +=
      row("  compiled", std::to_string(m.fused.kernels_compiled), std::to_string(m.unfused.kernels_compiled));
  text += row("  from the cache on disk", std::to_string(m.fused.kernels_loaded),
              std::to_string(m.unfused.kernels_loaded));
  text += row("compiling, ms", fmt::format("{:.0f}", m.fused.compile_ms),
              fmt::format("{:.0f}", m.unfused.compile_ms));
  text += row("arena", mebibytes(m.fused.arena_bytes), mebibytes(m.unfused.arena_bytes));
  text += row("  lower bound", mebibytes(m.fused.arena_lower_bound), mebibytes(m.unfused.arena_lower_bound));
  text += row("  without reuse", mebibytes(m.fused.arena_without_reuse),
              mebibytes(m.unfused.arena_without_reuse));
  text += row("scratch of a thread", mebibytes(m.fused.scratch_bytes), mebibytes(m.unfused.scratch_bytes));
  text += fmt::format("  {:<26}{:>14}\n", "peak RSS of this process", mebibytes(m.peak_rss_bytes));
  if (m.fused.min_ms() > 0)
    text += fmt::format("  fused is {:.2f} times as fast\n", m.unfused.min_ms() / m.fused.min_ms());
  return text;
}

std::string kernel_table(const Measurement& m) {
  const double total = std::accumulate(m.kernels.begin(), m.kernels.end(), 0.0,
                                       [](double sum, const KernelRow& kernel) { return sum + kernel.ms; });
  std::vector<std::size_t> order(m.kernels.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return m.kernels[a].ms != m.kernels[b].ms ? m.kernels[a].ms > m.kernels[b].ms : a < b;
  });
  std::string text = fmt::format("\n  {:>8} {:>6} {:>9} {:>6} {:>7}  {:<28} {}\n", "ms", "share", "GFLOP/s",
                                 "peak", "GB/s", "algorithm", "operations");
  for (std::size_t i : order) {
    const KernelRow& kernel = m.kernels[i];
    const double rate = gflops(kernel.flops, kernel.ms);
    text += fmt::format("  {:>8.4f} {:>5.1f}% {:>9.1f} {:>6} {:>7.1f}  {:<28} {}\n", kernel.ms,
                        total > 0 ? 100 * kernel.ms / total : 0, rate, share(m, rate, "{:.1f}%"),
                        gbps(kernel.bytes, kernel.ms), shorten(kernel.algorithm, 28),
                        shorten(kernel.operations, 72));
  }
  return text;
}

/// What the shares of the peak do not say by themselves; "" if there is nothing.
std::string footnote(const Measurement& m) {
  const bool winograd = std::any_of(m.kernels.begin(), m.kernels.end(), [](const KernelRow& kernel) {
    return kernel.algorithm.starts_with("winograd");
  });
  return winograd ? "\n  Winograd's algorithm needs fewer multiply-adds than the convolution it computes, "
                    "which are "
                    "what is counted:\n  its shares of the peak may be above 100 %.\n"
                  : "";
}

std::string side_json(const Measurement& m, const Side& side) {
  const double rate = gflops(m.flops, side.min_ms());
  return fmt::format(
      R"({{"min_ms": {}, "median_ms": {}, "kernel_count": {}, "distinct_kernels": {}, )"
      R"("kernels_compiled": {}, "kernels_loaded": {}, "arena_bytes": {}, )"
      R"("arena_lower_bound": {}, "arena_without_reuse": {}, "scratch_bytes": {}, "compile_ms": {}, "gflops": {}, "peak_share": {}}})",
      json_number(side.min_ms()), json_number(side.median_ms()), side.kernel_count, side.distinct_kernels,
      side.kernels_compiled, side.kernels_loaded, side.arena_bytes, side.arena_lower_bound,
      side.arena_without_reuse, side.scratch_bytes, json_number(side.compile_ms), json_number(rate),
      json_number(m.peak_gflops > 0 ? rate / m.peak_gflops : 0));
}

std::string kernel_json(const Measurement& m, const KernelRow& kernel) {
  const double rate = gflops(kernel.flops, kernel.ms);
  return fmt::format(
      R"({{"name": {}, "algorithm": {}, "operations": {}, "ms": {}, "flops": {}, "bytes": {}, "gflops": {}, )"
      R"("peak_share": {}, "gbps": {}}})",
      json_text(kernel.name), json_text(kernel.algorithm), json_text(kernel.operations),
      json_number(kernel.ms), json_number(kernel.flops), json_number(kernel.bytes), json_number(rate),
      json_number(m.peak_gflops > 0 ? rate / m.peak_gflops : 0), json_number(gbps(kernel.bytes, kernel.ms)));
}

} // namespace

std::string json_text(const std::string& text) {
  std::string result = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      result += '\\';
    if (static_cast<unsigned char>(c) < 0x20)
      result += fmt::format("\\u{:04x}", static_cast<int>(c));
    else
      result += c;
  }
  return result + "\"";
}

std::string json_number(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : "null";
}

double Samples::min_ms() const {
  return run_ms.empty() ? 0 : *std::min_element(run_ms.begin(), run_ms.end());
}

double Samples::median_ms() const {
  if (run_ms.empty())
    return 0;
  std::vector<double> sorted = run_ms;
  std::sort(sorted.begin(), sorted.end());
  const std::size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

std::string to_text(const Measurement& m) {
  std::string text =
      fmt::format("{}: {} thread{}, {} of each in turns, {:.3f} GFLOP a run\n"
                  "{}\n\n",
                  m.model, m.threads, m.threads == 1 ? "" : "s",
                  m.runs == 1 ? "one run" : fmt::format("{} runs", m.runs), m.flops / 1e9, machine(m));
  return text + comparison(m) + peers_text(m) + kernel_table(m) + footnote(m);
}

std::string to_json(const Measurement& m) {
  std::string text = fmt::format(
      "{{\n \"model\": {},\n \"device\": {},\n \"threads\": {},\n \"runs\": {},\n \"peak_gflops\": {},\n"
      " \"instruction_set\": {},\n \"flops\": {},\n \"peak_rss_bytes\": {},\n \"fused\": {},\n \"unfused\": "
      "{},\n \"kernels\": [",
      json_text(m.model), json_text(m.device), m.threads, m.runs, json_number(m.peak_gflops),
      json_text(m.instruction_set), json_number(m.flops), m.peak_rss_bytes, side_json(m, m.fused),
      side_json(m, m.unfused));
  for (std::size_t i = 0; i < m.kernels.size(); ++i)
    text += (i > 0 ? ",\n  " : "\n  ") + kernel_json(m, m.kernels[i]);
  return text + "\n ]" + peers_json(m) + "\n}\n";
}

} // namespace sinter::tool
