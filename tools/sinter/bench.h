// What sinter bench measures, and how it is shown.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sinter::tool {

/// The times of the runs of one program.
struct Samples {
  std::vector<double> run_ms;

  double min_ms() const;
  double median_ms() const;
};

/// One way of compiling the model: fused or operation by operation.
struct Side : Samples {
  double compile_ms = 0;
  int64_t kernel_count = 0; ///< launches of one run
  int64_t distinct_kernels = 0;
  int64_t kernels_compiled = 0; ///< of the distinct ones
  int64_t kernels_loaded = 0;   ///< ... from the cache on disk; other programs of this process had the rest
  uint64_t arena_bytes = 0;
  uint64_t arena_lower_bound = 0;
  uint64_t arena_without_reuse = 0;
  uint64_t scratch_bytes = 0; ///< of each thread
};

/// Another inference engine that ran the same model on the same inputs.
struct PeerRow : Samples {
  std::string name;
  std::string version;
  std::string settings;
  std::string unsupported;       ///< what of the model it lacks; it has no figures then
  double largest_difference = 0; ///< between its outputs and those of the fused program
  bool restless = false;         ///< its threads went on after a run, into the turns of others
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
  std::string device; ///< "": the host's processors; else its name, and there is no peak
  int threads = 1;
  int peak_threads = 1; ///< of the peak: no more than there are processors
  int runs = 0;
  double peak_gflops = 0; ///< the best that was measured before, between and after the runs
  std::string instruction_set;
  double flops = 0; ///< of one run of the fused program
  Side fused;
  Side unfused;
  std::vector<KernelRow> kernels; ///< in the order of the program
  std::vector<PeerRow> peers;
  uint64_t peak_rss_bytes = 0; ///< of this process: both programs with their weights, inputs and outputs
};

/// The other engines against the fused program, for people and for programs.
std::string peers_text(const Measurement& measurement);
std::string peers_json(const Measurement& measurement);

// Parts of the JSON: text in quotes, and a finite number in full precision (JSON has no other).
std::string json_text(const std::string& text);
std::string json_number(double value);

/// The tables for people.
std::string to_text(const Measurement& measurement);
/// The same for programs.
std::string to_json(const Measurement& measurement);

} // namespace sinter::tool
