// What sinter bench measures, and how it is shown.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sinter::tool {

/// One way of compiling the model: fused or operation by operation.
struct Side {
  std::vector<double> run_ms;
  double compile_ms = 0;
  int64_t kernel_count = 0; ///< launches of one run
  int64_t distinct_kernels = 0;
  uint64_t arena_bytes = 0;
  uint64_t arena_lower_bound = 0;
  uint64_t arena_without_reuse = 0;

  double min_ms() const;
  double median_ms() const;
};

/// One launch of the fused program.
struct KernelRow {
  std::string name;
  std::string algorithm;
  std::string operations;
  double ms = 0; ///< the fastest of the profiled runs
  double flops = 0;
  double bytes = 0;
};

struct Measurement {
  std::string model;
  int threads = 1;
  int peak_threads = 1; ///< of the peak: no more than there are processors
  int runs = 0;
  double peak_gflops = 0; ///< the best that was measured before, between and after the runs
  std::string instruction_set;
  double flops = 0; ///< of one run of the fused program
  Side fused;
  Side unfused;
  std::vector<KernelRow> kernels; ///< in the order of the program
};

/// The tables for people.
std::string to_text(const Measurement& measurement);
/// The same for programs.
std::string to_json(const Measurement& measurement);

} // namespace sinter::tool
