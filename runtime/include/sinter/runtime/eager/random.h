// Random numbers that are functions of a seed and a position. Shapes are not checked (see View).
#pragma once

#include "sinter/runtime/view.h"

#include <array>
#include <cstdint>

namespace sinter::eager {

/// Philox4x32-10: four numbers of 32 random bits for a counter and a key (Salmon, Moraes, Dror, Shaw:
/// "Parallel random numbers: as easy as 1, 2, 3", 2011).
struct Philox {
  static constexpr int kRounds = 10;
  /// What the first and the third word of the counter are multiplied by in a round.
  static constexpr std::array<uint32_t, 2> kMultipliers{0xD2511F53, 0xCD9E8D57};
  /// What is added to the key after a round.
  static constexpr std::array<uint32_t, 2> kWeyl{0x9E3779B9, 0xBB67AE85};

  static std::array<uint32_t, 4> numbers(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);
};

/// Of 32 random bits, as many as f32 has below 1 become a multiple of 2^-24 in [0, 1).
inline constexpr int kDroppedRandomBits = 8;
inline constexpr double kRandomUnit = 0x1p-24;

/// Samples of the uniform distribution on [0, 1): element i in row-major order is made of number i % 4 that
/// Philox gives for the counter (i / 4, `stream`), 64 bits each, and the key `seed`, one number of i32 or
/// i64. Throws Error for a seed of another type, or a result that is not f32.
void random_uniform(const View& seed, int64_t stream, const View& result);

} // namespace sinter::eager
