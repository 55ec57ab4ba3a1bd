// What is measured: a network or an operation, compiled, with its inputs.
#pragma once

#include <sinter/sinter.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace sinter::bench {

struct Settings {
  std::string network;
  std::string file;  ///< weights and inputs, of the kind that inputs.h describes
  int64_t batch = 0; ///< so many of the inputs in the file; 0: all
  std::string device = "cpu";
  std::string precision = "f32";
  bool fuse = true;
};

class Workload {
public:
  virtual ~Workload() = default;
  /// Asks for one run, and returns as soon as it may.
  virtual void run() = 0;
  /// What a first run computes from the weights and inputs in the file, by name, in the host's memory.
  virtual std::map<std::string, Tensor> results() = 0;
  /// The compiled program and its inputs, in the host's memory.
  virtual std::shared_ptr<const rt::Executable> program() = 0;
  virtual const std::vector<Tensor>& inputs() const = 0;
};

/// Throws Error for a network that is not known, and for a file that does not fit it.
std::unique_ptr<Workload> make_workload(const Settings& settings);

/// The names that Settings::network takes.
std::vector<std::string> networks();

} // namespace sinter::bench
