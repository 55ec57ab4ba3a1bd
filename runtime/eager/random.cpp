// Philox, and samples of it.
#include "sinter/runtime/eager/random.h"

#include "eager/elementwise_loops.h"
#include "eager/parallel.h"
#include "sinter/runtime/error.h"

#include <string>

namespace sinter::eager {
namespace {

std::array<uint32_t, 2> halves(int64_t number) {
  const auto bits = static_cast<uint64_t>(number);
  return {static_cast<uint32_t>(bits), static_cast<uint32_t>(bits >> 32)};
}

int64_t number_of(const View& seed) {
  if (seed.dtype == DType::i32)
    return *seed.as<const int32_t>();
  if (seed.dtype == DType::i64)
    return *seed.as<const int64_t>();
  throw Error("random_uniform: the seed is " + std::string(name_of(seed.dtype)) + "; i32 or i64 is needed");
}

} // namespace

std::array<uint32_t, 4> Philox::numbers(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < kRounds; ++round) {
    const auto first = halves(static_cast<int64_t>(uint64_t{kMultipliers[0]} * counter[0]));
    const auto second = halves(static_cast<int64_t>(uint64_t{kMultipliers[1]} * counter[2]));
    counter = {second[1] ^ counter[1] ^ key[0], second[0], first[1] ^ counter[3] ^ key[1], first[0]};
    key = {key[0] + kWeyl[0], key[1] + kWeyl[1]};
  }
  return counter;
}

void random_uniform(const View& seed, int64_t stream, const View& result) {
  require_dtype("random_uniform", result, DType::f32);
  const std::array key = halves(number_of(seed)), streams = halves(stream);
  const int64_t elements = result.elements(), groups = (elements + 3) / 4;
  for_parts(groups, 4, [&](int64_t begin, int64_t end) {
    for (int64_t group = begin; group < end; ++group) {
      const std::array low = halves(group);
      const std::array numbers = Philox::numbers({low[0], low[1], streams[0], streams[1]}, key);
      for (int64_t i = 0; i < 4 && 4 * group + i < elements; ++i)
        result.as<float>()[offset_of(result, result.rank(), 4 * group + i)] =
            static_cast<float>((numbers[static_cast<std::size_t>(i)] >> kDroppedRandomBits) * kRandomUnit);
    }
  });
}

} // namespace sinter::eager
