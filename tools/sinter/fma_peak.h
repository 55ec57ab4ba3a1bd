// How fast this machine multiplies and adds.
#pragma once

namespace sinter::tool {

/// Single-precision GFLOP/s of `threads` threads running fused multiply-adds in registers, by the widest
/// vectors the processor has: the best few milliseconds, all threads together, of about `seconds`. What else
/// runs on the machine can only take away from it.
double measure_fma_peak(int threads, double seconds);

/// The instruction set that measure_fma_peak uses here: "AVX-512", "AVX2" or "baseline".
const char* fma_instruction_set();

} // namespace sinter::tool
