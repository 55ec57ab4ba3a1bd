// Conversions to and from numbers of 16 bits that code for x86-64 calls, by the names of GCC's and LLVM's
// run-time libraries: not every process has those of its compiler, and an ahead-of-time model must not need
// them.
#include "sinter/runtime/half.h"

#if defined(__x86_64__)

#include <cstring>

// Such numbers are handed over in the lower 16 bits of a vector register, where a float lies as well.
#define SINTER_CONVERSION(name) __asm__(name) __attribute__((visibility("hidden")))

namespace sinter::rt {
namespace {

float in_register(uint16_t bits) {
  return std::bit_cast<float>(uint32_t{bits});
}

} // namespace

float float_to_f16(float x) SINTER_CONVERSION("__truncsfhf2");
float double_to_f16(double x) SINTER_CONVERSION("__truncdfhf2");
float f16_to_float(float x) SINTER_CONVERSION("__extendhfsf2");
float float_to_bf16(float x) SINTER_CONVERSION("__truncsfbf2");
float double_to_bf16(double x) SINTER_CONVERSION("__truncdfbf2");

float float_to_f16(float x) {
  return in_register(f16_bits(x));
}
float double_to_f16(double x) {
  return in_register(f16_bits(to_odd_float(x)));
}
float f16_to_float(float x) {
  return from_f16_bits(static_cast<uint16_t>(std::bit_cast<uint32_t>(x)));
}
float float_to_bf16(float x) {
  return in_register(bf16_bits(x));
}
float double_to_bf16(double x) {
  return in_register(bf16_bits(to_odd_float(x)));
}

void* find_half_conversion(const char* name) {
  static const struct {
    const char* name;
    void* function;
  } known[] = {{"__truncsfhf2", reinterpret_cast<void*>(float_to_f16)},
               {"__truncdfhf2", reinterpret_cast<void*>(double_to_f16)},
               {"__extendhfsf2", reinterpret_cast<void*>(f16_to_float)},
               {"__truncsfbf2", reinterpret_cast<void*>(float_to_bf16)},
               {"__truncdfbf2", reinterpret_cast<void*>(double_to_bf16)}};
  for (const auto& conversion : known)
    if (std::strcmp(conversion.name, name) == 0)
      return conversion.function;
  return nullptr;
}

} // namespace sinter::rt

#else

void* sinter::rt::find_half_conversion(const char*) {
  return nullptr;
}

#endif
