// Levels of x86-64 by what the instruction cpuid says.
#include "aot/processor.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <cstdint>

namespace sinter::rt::aot {
namespace {

struct Registers {
  uint32_t a = 0, b = 0, c = 0, d = 0;
};

// All zero for leaves that the processor does not have.
Registers cpuid(uint32_t leaf, uint32_t subleaf = 0) {
  Registers r;
  __get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d);
  return r;
}

constexpr bool has(uint32_t word, uint32_t bits) {
  return (word & bits) == bits;
}

// Which registers the operating system saves; Intel's manual, volume 1, chapter 13.
uint64_t saved_registers() {
  uint32_t low = 0, high = 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

} // namespace

int processor_level() {
  constexpr uint32_t kYmm = 0x6, kZmm = 0xe6;
  const Registers basic = cpuid(1), extended = cpuid(7), amd = cpuid(0x80000001);
  if (!has(basic.c, bit_SSE3 | bit_SSSE3 | bit_SSE4_1 | bit_SSE4_2 | bit_POPCNT | bit_CMPXCHG16B) ||
      !has(amd.c, bit_LAHF_LM))
    return 1;
  if (!has(basic.c, bit_AVX | bit_FMA | bit_F16C | bit_MOVBE | bit_OSXSAVE) ||
      !has(extended.b, bit_AVX2 | bit_BMI | bit_BMI2) || !has(amd.c, bit_LZCNT) ||
      (saved_registers() & kYmm) != kYmm)
    return 2;
  if (!has(extended.b, bit_AVX512F | bit_AVX512BW | bit_AVX512CD | bit_AVX512DQ | bit_AVX512VL) ||
      (saved_registers() & kZmm) != kZmm)
    return 3;
  return 4;
}

} // namespace sinter::rt::aot

#else

int sinter::rt::aot::processor_level() {
  return 0;
}

#endif
