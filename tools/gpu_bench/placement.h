// Where the benchmark's tensors lie, and when what was asked of a device is done.
#pragma once

#include <sinter/sinter.h>

#include <string>

namespace sinter::bench {

struct Settings;

/// How a function is compiled to run as the settings say.
CompileOptions compile_options(const Settings& settings);

/// `tensor` where the programs of these settings read it without copying.
Tensor placed(const Tensor& tensor, const Settings& settings);

/// `tensor` in the host's memory.
Tensor on_host(const Tensor& tensor);

/// Waits until all that was run is done.
void wait(const Settings& settings);

} // namespace sinter::bench
