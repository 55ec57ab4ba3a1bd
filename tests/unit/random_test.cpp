// Random numbers: Philox against its authors' answers, eager against compiled, and what dropout makes of
// them.
#include "sinter/runtime/eager/random.h"
#include "sinter/sinter.h"

#include "error_of.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>

namespace sinter {
namespace {

using eager::Philox;
using test::error_of;
using testing::AllOf;
using testing::HasSubstr;

// From kat_vectors of Random123, the authors' library.
TEST(Philox, GivesTheKnownAnswers) {
  using Numbers = std::array<uint32_t, 4>;
  EXPECT_EQ(Philox::numbers({0, 0, 0, 0}, {0, 0}), (Numbers{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox::numbers({~0U, ~0U, ~0U, ~0U}, {~0U, ~0U}),
            (Numbers{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox::numbers({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Numbers{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

Tensor seed_of(int64_t number) {
  return Tensor::of(std::vector<int64_t>{number}, {});
}

TEST(RandomUniform, IsWhatPhiloxGives) {
  const int64_t seed = (int64_t{5} << 40) + 7;
  const std::vector<float> samples = random_uniform({3, 7}, seed).to_vector<float>();
  for (uint32_t i = 0; i < samples.size(); ++i) {
    const auto numbers = Philox::numbers({i / 4, 0, 0, 0}, {7, 5 << 8});
    EXPECT_EQ(samples[i], static_cast<float>(numbers[i % 4] >> 8) * 0x1p-24F) << i;
  }
}

TEST(RandomUniform, CompiledIsEager) {
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{5}, Shape{4, 3}, Shape{2, 1, 17}, Shape{0, 3}}) {
    auto f = compile([&](const Tensor& seed) { return random_uniform(shape, seed); });
    for (const int64_t seed : {int64_t{0}, int64_t{-1}, int64_t{1} << 45})
      EXPECT_EQ(f(seed_of(seed)).to_vector<float>(), random_uniform(shape, seed).to_vector<float>());
  }
  // Read in another order, and broadcast.
  const auto g = [](const Tensor& x, const Tensor& seed) {
    return x * random_uniform({5, 3}, seed).transpose(0, 1) + random_uniform({1, 5}, seed + 1);
  };
  const Tensor x = Tensor::normal({3, 5}, 1);
  EXPECT_LT(max(abs(compile(g)(x, seed_of(3)) - g(x, seed_of(3)))).item(), 1e-6);
}

TEST(RandomUniform, StaysInItsRange) {
  for (const auto& [low, high] : {std::pair{0.0, 0.1}, {-1.0, 1.0}, {1e6, 1e6 + 1}, {3.0, 3.0}}) {
    const Tensor x = random_uniform({100000}, 1, low, high);
    EXPECT_GE(min(x).item(), low);
    EXPECT_LE(max(x).item(), high);
    EXPECT_NEAR(mean(cast(x, DType::f64)).item(), (low + high) / 2, 0.01 * (high - low));
  }
}

// Of 100000 samples; bounds of five standard deviations.
TEST(RandomNormal, HasItsMoments) {
  const Tensor x = cast(random_normal({100000}, 11, 2, 3), DType::f64), y = (x - 2) / 3;
  EXPECT_NEAR(mean(y).item(), 0, 5 / std::sqrt(1e5));
  EXPECT_NEAR(mean(y * y).item(), 1, 5 * std::sqrt(2 / 1e5));
  EXPECT_NEAR(mean(y * y * y).item(), 0, 5 * std::sqrt(15 / 1e5));
  EXPECT_NEAR(mean(y * y * y * y).item(), 3, 5 * std::sqrt(96 / 1e5));
  EXPECT_TRUE(std::isfinite(max(abs(x)).item()));
}

TEST(RandomNormal, SeedsAreIndependent) {
  const Tensor a = random_normal({100000}, 1), b = random_normal({100000}, 2);
  EXPECT_NEAR(mean(a * b).item(), 0, 5 / std::sqrt(1e5));
}

TEST(Dropout, DropsAndScales) {
  const Tensor x = Tensor::full({1000, 100}, 3);
  const Tensor y = dropout(x, 0.25, 5);
  EXPECT_NEAR(mean(cast(equal(y, 0), DType::f64)).item(), 0.25, 5 * std::sqrt(0.25 * 0.75 / 1e5));
  EXPECT_EQ(max(y).item(), 4);
  EXPECT_EQ(dropout(x, 0, 5).to_vector<float>(), x.to_vector<float>());
  EXPECT_EQ(max(abs(dropout(x, 1, 5))).item(), 0);
  EXPECT_EQ(dropout(cast(x, DType::f16), 0.25, 5).dtype(), DType::f16);
  EXPECT_EQ(dropout(cast(x, DType::f64), 0.25, 5).to_vector<double>(),
            cast(y, DType::f64).to_vector<double>());
}

TEST(Dropout, DropsInDerivativesWhatItDrops) {
  const Tensor x = Tensor::normal({40, 30}, 1);
  const auto loss = [](const Tensor& x, const Tensor& seed) { return sum(square(dropout(x, 0.5, seed))); };
  const Tensor seed = seed_of(9), expected = dropout(x, 0.5, seed) * 4;
  EXPECT_LT(max(abs(grad(loss)(x, seed) - expected)).item(), 1e-5);
  const Tensor w = x.clone().set_requires_grad();
  loss(w, seed).backward();
  EXPECT_LT(max(abs(w.grad() - expected)).item(), 1e-5);
}

TEST(Dropout, CompiledTakesAnotherSeedEachCall) {
  auto f = compile([](const Tensor& x, const Tensor& seed) { return dropout(x, 0.5, seed); });
  const Tensor x = Tensor::ones({1000});
  const auto first = f(x, seed_of(1)).to_vector<float>();
  EXPECT_EQ(first, f(x, seed_of(1)).to_vector<float>());
  EXPECT_NE(first, f(x, seed_of(2)).to_vector<float>());
  EXPECT_EQ(first, dropout(x, 0.5, 1).to_vector<float>());
}

TEST(Dropout, OfANumberIsRecordedWithItsTensor) {
  // Not made while the function is traced, to be a constant as large as what is dropped.
  auto f = compile([](const Tensor& x) { return dropout(x, 0.5, 3); });
  const Tensor x = Tensor::normal({100, 100}, 1);
  EXPECT_EQ(f(x).to_vector<float>(), dropout(x, 0.5, 3).to_vector<float>());
  EXPECT_THAT(f.core().inspect(std::vector{x}, "imported"), HasSubstr("sinter.random_uniform"));
}

TEST(RandomNumbers, NameWhatIsWrong) {
  const Tensor x = Tensor::ones({2});
  EXPECT_THAT(error_of([&] { dropout(x, 1.5, 1); }), AllOf(HasSubstr("random_test.cpp:"), HasSubstr("1.5")));
  EXPECT_THAT(error_of([&] { dropout(cast(x, DType::i32), 0.5, 1); }), HasSubstr("i32"));
  EXPECT_THAT(error_of([&] { dropout(x, 0.5, x); }),
              AllOf(HasSubstr("dropout"), HasSubstr("the seed f32[2]")));
  EXPECT_THAT(error_of([&] { random_uniform({2}, 1, 2, 1); }), HasSubstr("no range"));
  EXPECT_THAT(error_of([&] { random_uniform({-2}, 1); }), HasSubstr("random_uniform"));
  EXPECT_THAT(error_of([&] { random_normal({2}, 1, 0, -1); }), HasSubstr("deviation"));
  EXPECT_THAT(error_of([&] { random_uniform({2}, 1, -3e38, 3e38); }), HasSubstr("no range of f32"));
  EXPECT_THAT(error_of([&] { random_normal({2}, 1, 1e39); }), HasSubstr("a mean of 1e+39"));
  EXPECT_THAT(error_of([&] { dropout(x, 0.5, Tensor::ones({1}, DType::i64)); }), HasSubstr("of rank 0"));
  EXPECT_THAT(error_of([&] { dropout(x, 0.5, Tensor::ones({}, DType::u8)); }), HasSubstr("the seed u8[]"));
}

} // namespace
} // namespace sinter
