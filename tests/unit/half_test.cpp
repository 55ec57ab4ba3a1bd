// Casts to and from f16 and bf16: eager, and compiled for processors that have no instruction for them.
#include "sinter/compile.h"
#include "sinter/ops.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

namespace sinter {
namespace {

// All there are, but NaNs.
std::vector<uint16_t> all_halves(DType type) {
  std::vector<uint16_t> all;
  const uint16_t infinity = type == DType::f16 ? 0x7c00 : 0x7f80;
  for (uint32_t bits = 0; bits <= 0xffff; ++bits)
    if ((bits & 0x7fff) <= infinity)
      all.push_back(static_cast<uint16_t>(bits));
  return all;
}

// What the bits mean, by the definition.
double value_of(DType type, uint16_t bits) {
  const int fraction_bits = type == DType::f16 ? 10 : 7, bias = type == DType::f16 ? 15 : 127;
  const int exponent = (bits & 0x7fff) >> fraction_bits, fraction = bits & ((1 << fraction_bits) - 1);
  const int highest = 2 * bias + 1;
  const double magnitude = exponent == highest ? std::numeric_limits<double>::infinity()
                           : exponent == 0
                               ? std::ldexp(fraction, 1 - bias - fraction_bits)
                               : std::ldexp(fraction + (1 << fraction_bits), exponent - bias - fraction_bits);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

Tensor tensor_of(DType type, const std::vector<uint16_t>& bits) {
  Tensor tensor = Tensor::empty({static_cast<int64_t>(bits.size())}, type);
  std::memcpy(tensor.view().data, bits.data(), bits.size() * sizeof(uint16_t));
  return tensor;
}

uint16_t bits_at(const Tensor& tensor, std::size_t i) {
  return static_cast<const uint16_t*>(tensor.view().data)[i];
}

class Halves : public testing::TestWithParam<DType> {
protected:
  // Numbers on, beside and between neighbours, and what each is to become.
  void add(double value, uint16_t expected) {
    values_.push_back(value);
    expected_.push_back(expected);
  }

  void fill() {
    const std::vector<uint16_t> all = all_halves(GetParam());
    for (std::size_t i = 0; i + 1 < all.size(); ++i) {
      const uint16_t low = all[i], high = all[i + 1];
      if ((low ^ high) & 0x8000 || std::isinf(value_of(GetParam(), high)))
        continue;
      const double a = value_of(GetParam(), low), b = value_of(GetParam(), high), middle = (a + b) / 2;
      add(a, low);
      add(middle, low % 2 == 0 ? low : high);
      add(middle + (a - middle) * 0x1p-20, low);
      add(middle + (b - middle) * 0x1p-20, high);
    }
  }

  void check(const Tensor& actual) const {
    int wrong = 0;
    for (std::size_t i = 0; i < expected_.size(); ++i)
      wrong += bits_at(actual, i) != expected_[i];
    EXPECT_EQ(wrong, 0);
  }

  std::vector<double> values_;
  std::vector<uint16_t> expected_;
};

TEST_P(Halves, EagerCastsAreExactAndRoundToNearest) {
  fill();
  const Tensor x = Tensor::of(values_, {static_cast<int64_t>(values_.size())});
  check(cast(x, GetParam()));
  const std::vector<uint16_t> all = all_halves(GetParam());
  const Tensor wide = cast(tensor_of(GetParam(), all), DType::f32);
  for (std::size_t i = 0; i < all.size(); ++i)
    ASSERT_EQ(wide.view().as<float>()[i], value_of(GetParam(), all[i]));
  EXPECT_TRUE(std::isnan(cast(cast(Tensor(NAN), GetParam()), DType::f64).item()));
  EXPECT_EQ(cast(cast(Tensor::full({1}, 7, DType::i64), GetParam()), DType::i32).item(), 7);
}

TEST_P(Halves, CompiledCastsAgreeOnEveryProcessor) {
  fill();
  const Tensor x = Tensor::of(values_, {static_cast<int64_t>(values_.size())});
  const std::vector<uint16_t> all = all_halves(GetParam());
  const Tensor halves = tensor_of(GetParam(), all);
  for (const char* cpu : {"x86-64", "native"}) {
    auto narrow = compile([](Tensor t) { return cast(t, GetParam()); }, {.cpu = cpu, .disk_cache = false});
    auto widen = compile([](Tensor t) { return cast(t, DType::f32); }, {.cpu = cpu, .disk_cache = false});
    check(narrow(x));
    const Tensor wide = widen(halves);
    for (std::size_t i = 0; i < all.size(); ++i)
      ASSERT_EQ(wide.view().as<float>()[i], value_of(GetParam(), all[i])) << cpu;
  }
}

INSTANTIATE_TEST_SUITE_P(OfBothTypes, Halves, testing::Values(DType::f16, DType::bf16));

} // namespace
} // namespace sinter
