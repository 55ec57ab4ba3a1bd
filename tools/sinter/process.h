// What the operating system knows about this process.
#pragma once

#include <cstdint>

namespace sinter::tool {

/// The most memory it held at any time: code, weights, tensors, everything.
uint64_t peak_rss_bytes();

/// Milliseconds since it was started, loading of the program and its libraries included.
double ms_since_start();

} // namespace sinter::tool
