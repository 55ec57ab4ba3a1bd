// What the processor this runs on can do.
#pragma once

namespace sinter::rt::aot {

/// The x86-64 microarchitecture level (x86-64 psABI, 3.1.1): 1 to 4, as far as the operating system supports
/// its registers. 0 on other architectures.
int processor_level();

} // namespace sinter::rt::aot
