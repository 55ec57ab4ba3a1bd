// How fast this machine multiplies and adds.
#pragma once

namespace sinter::tool {

/// Single-precision GFLOP/s of `threads` threads running fused multiply-adds in registers for about
/// `seconds`, by the widest vectors the processor has.
double measure_fma_peak(int threads, double seconds);

/// The instruction set that measure_fma_peak uses here: "AVX-512", "AVX2" or "baseline".
const char* fma_instruction_set();

} // namespace sinter::tool
