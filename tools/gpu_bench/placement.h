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

/// What `device` names, made ready: "NVIDIA H200, sm_90", say. Throws Error if there is none.
std::string opened(const std::string& device);
/// Computes something on `device`. Throws Error if that fails: the compiler of its kernels is missing, say.
void check_computes(const std::string& device);

} // namespace sinter::bench
