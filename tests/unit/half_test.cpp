// f16 and bf16: casts, eager and compiled for processors that have no instruction for them, and arithmetic.
#include "sinter/compile.h"
#include "sinter/grad.h"
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

// Computed in f32, and rounded once for each operation.
TEST_P(Halves, EagerOperationsRoundWhatF32Gives) {
  const Tensor x = cast(Tensor::normal({6, 40}, 1), GetParam()),
               y = cast(Tensor::normal({40, 6}, 2), GetParam());
  const Tensor wide_x = cast(x, DType::f32), wide_y = cast(y, DType::f32);
  const auto expect_same = [&](const Tensor& half, const Tensor& wide) {
    ASSERT_EQ(half.dtype(), GetParam());
    ASSERT_EQ(half.shape(), wide.shape());
    const Tensor rounded = cast(wide, GetParam());
    EXPECT_EQ(cast(half, DType::f32).to_vector<float>(), cast(rounded, DType::f32).to_vector<float>());
  };
  expect_same(x + x, wide_x + wide_x);
  expect_same(x * 0.3, wide_x * cast(cast(Tensor(0.3F), GetParam()), DType::f32));
  expect_same(matmul(x, y), matmul(wide_x, wide_y));
  expect_same(sum(x, {1}), sum(wide_x, {1}));
  expect_same(softmax(x), softmax(wide_x));
  expect_same(transpose(x, 0, 1), transpose(wide_x, 0, 1));
  expect_same(where(x > y.transpose(0, 1), x, exp(x)),
              where(wide_x > wide_y.transpose(0, 1), wide_x, exp(wide_x)));
  EXPECT_EQ(argmax(x, 1).to_vector<int64_t>(), argmax(wide_x, 1).to_vector<int64_t>());
  EXPECT_EQ(to_string(cast(Tensor::of<float>({0.5F, -2}, {2}), GetParam())),
            std::string(name_of(GetParam())) + "[2] [0.5, -2]");
  EXPECT_EQ(cast(Tensor(1.5F), GetParam()).item(), 1.5);
}

// For the processor, what is between is not rounded.
TEST_P(Halves, CompiledProgramsComputeInF32) {
  const Tensor x = cast(Tensor::normal({6, 40}, 1), GetParam()),
               w = cast(Tensor::normal({40, 30}, 2), GetParam());
  const auto layer = [](Tensor x, Tensor w) { return softmax(relu(matmul(x, w)) * 0.25); };
  const Tensor expected = layer(cast(x, DType::f32), cast(w, DType::f32));
  const Tensor result = compile(layer, {.disk_cache = false})(x, w);
  ASSERT_EQ(result.dtype(), GetParam());
  const Tensor rounded = cast(cast(expected, GetParam()), DType::f32);
  const double unit = GetParam() == DType::f16 ? 0x1p-10 : 0x1p-7;
  EXPECT_LE(max(abs(cast(result, DType::f32) - rounded) - abs(rounded) * unit).item(), 1e-7);
  const auto loss = [&](Tensor w) { return mean(layer(x, w)); };
  EXPECT_EQ(grad(loss)(w).dtype(), GetParam());
}

INSTANTIATE_TEST_SUITE_P(OfBothTypes, Halves, testing::Values(DType::f16, DType::bf16));

} // namespace
} // namespace sinter
