// The time of a workload's runs.
#pragma once

#include "workload.h"

namespace sinter::bench {

struct Measuring {
  double seconds = 1;      ///< to run it for
  std::string output;      ///< where to write what it computes; "": nowhere
  std::size_t kernels = 0; ///< how many of the slowest to list
};

/// The figures as one line of JSON. Times are in milliseconds: those of a run are medians over batches of
/// runs, each batch waited for once.
std::string measured(const Settings& settings, const Measuring& measuring);

} // namespace sinter::bench
