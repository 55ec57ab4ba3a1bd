// Numbers of 16 bits: IEEE 754's binary16 (f16) and the upper half of binary32 (bf16). Conversions round to
// nearest, ties to even; NaN stays NaN.
#pragma once

#include <bit>
#include <cstdint>

namespace sinter::rt {

inline uint16_t f16_bits(float x) {
  constexpr uint32_t kInfinity = 0x7f800000;
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

inline uint16_t bf16_bits(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  if ((bits & 0x7fffffff) > 0x7f800000)
    return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

inline float from_f16_bits(uint16_t x) {
  const uint32_t sign = uint32_t{x & 0x8000U} << 16, magnitude = x & 0x7fff;
  if (magnitude < 0x400) // a multiple of 2^-24
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(static_cast<float>(magnitude) * 0x1p-24F));
  const uint32_t exponent = uint32_t{magnitude >= 0x7c00 ? 224U : 112U} << 23;
  return std::bit_cast<float>(sign | ((magnitude << 13) + exponent));
}

inline float from_bf16_bits(uint16_t x) {
  return std::bit_cast<float>(uint32_t{x} << 16);
}

/// The nearest f32, but to odd where it is not exact: rounded once more, it is rounded as if it were the
/// first time.
inline float to_odd_float(double x) {
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

/// Compiled code calls conversions that its processor has no instruction for, by the names that compilers'
/// run-time libraries give them. The function of that name; null for other names, and on processors that need
/// none.
void* find_half_conversion(const char* name);

} // namespace sinter::rt
