// Conversions between floating-point types that code for processors without such instructions calls.
// Compilers' run-time libraries have them under these names (GCC internals, "Routines for floating point
// emulation"); an ahead-of-time model brings its own. Round to nearest, ties to even, as IEEE 754 has it.

#if defined(__x86_64__)

#include <bit>
#include <cstdint>

namespace {

constexpr uint32_t kInfinity = 0x7f800000;

uint16_t to_half(float x) {
  constexpr uint32_t kOverflow = 0x477ff000;    // 65520: from here on, the nearest is infinity
  constexpr uint32_t kLeastNormal = 0x38800000; // 2^-14
  const uint32_t bits = std::bit_cast<uint32_t>(x), sign = bits >> 16 & 0x8000;
  uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > kInfinity)
    return static_cast<uint16_t>(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
  if (magnitude >= kOverflow)
    return static_cast<uint16_t>(sign | 0x7c00);
  if (magnitude < kLeastNormal) {
    // One half is so much larger that the sum keeps multiples of 2^-24, as the result does.
    const float sum = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(sum) - 0x3f000000));
  }
  magnitude += 0xfff + (magnitude >> 13 & 1);
  return static_cast<uint16_t>(sign | (magnitude - (uint32_t{112} << 23)) >> 13);
}

uint16_t to_brain(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  if ((bits & 0x7fffffff) > kInfinity)
    return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

float from_half(uint16_t x) {
  const uint32_t sign = uint32_t{x & 0x8000U} << 16, magnitude = x & 0x7fff;
  if (magnitude < 0x400) // a multiple of 2^-24
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(static_cast<float>(magnitude) * 0x1p-24F));
  const uint32_t exponent = uint32_t{magnitude >= 0x7c00 ? 224U : 112U} << 23;
  return std::bit_cast<float>(sign | ((magnitude << 13) + exponent));
}

// To odd where it is not exact, so that rounding once more rounds as if it were the first time.
float to_odd_float(double x) {
  const auto nearest = static_cast<float>(x);
  uint32_t bits = std::bit_cast<uint32_t>(nearest);
  if (static_cast<double>(nearest) == x || x != x)
    return nearest;
  const double magnitude = x < 0 ? -x : x;
  const float nearest_magnitude = nearest < 0 ? -nearest : nearest;
  if (static_cast<double>(nearest_magnitude) > magnitude)
    --bits;
  return std::bit_cast<float>(bits | 1);
}

} // namespace

extern "C" {

_Float16 __truncsfhf2(float x) {
  return std::bit_cast<_Float16>(to_half(x));
}
_Float16 __truncdfhf2(double x) {
  return std::bit_cast<_Float16>(to_half(to_odd_float(x)));
}
float __extendhfsf2(_Float16 x) {
  return from_half(std::bit_cast<uint16_t>(x));
}
__bf16 __truncsfbf2(float x) {
  return std::bit_cast<__bf16>(to_brain(x));
}
__bf16 __truncdfbf2(double x) {
  return std::bit_cast<__bf16>(to_brain(to_odd_float(x)));
}
}

#endif
