// Attention: eager against naive loops, compiled against eager, and what masks and large numbers make of it.
#include "sinter/sinter.h"

#include "error_of.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace sinter {
namespace {

using test::error_of;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

Tensor attend(const Tensor& q, const Tensor& k, const Tensor& v) {
  return scaled_dot_product_attention(q, k, v);
}

// Written out, in operations that are tested by themselves.
Tensor written(const Tensor& q, const Tensor& k, const Tensor& v, double scale) {
  return matmul(softmax(matmul(q, transpose(k, 1, 2)) * scale), v);
}

float largest_difference(const Tensor& a, const Tensor& b) {
  return static_cast<float>(max(abs(a - b)).item());
}

TEST(Attention, EagerAndCompiledAreWhatItIsWrittenAs) {
  for (const int64_t rows : {1, 3, 64, 65, 130})
    for (const int64_t keys : {1, 7, 8, 256, 257, 520}) {
      const Tensor q = Tensor::normal({2, rows, 20}, 1), k = Tensor::normal({2, keys, 20}, 2),
                   v = Tensor::normal({2, keys, 9}, 3);
      const Tensor expected = written(q, k, v, 1 / std::sqrt(20.0));
      EXPECT_LT(largest_difference(attend(q, k, v), expected), 1e-5F) << rows << " rows, " << keys << " keys";
      EXPECT_LT(largest_difference(compile(attend)(q, k, v), expected), 1e-5F)
          << rows << " rows, " << keys << " keys";
    }
}

TEST(Attention, LargeScoresDoNotOverflow) {
  const Tensor q = Tensor::full({1, 70, 8}, 1e15), k = Tensor::normal({1, 300, 8}, 1) * 1e15,
               v = Tensor::normal({1, 300, 8}, 2);
  EXPECT_LT(largest_difference(compile(attend)(q, k, v), attend(q, k, v)), 1e-5F);
  EXPECT_TRUE(std::isfinite(max(abs(attend(q, k, v))).item()));
}

TEST(Attention, MinusInfinityTakesKeysOut) {
  const auto masked = [](const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask) {
    return scaled_dot_product_attention(q, k, v, mask, 1.0);
  };
  auto fast = compile(masked);
  for (const int64_t keys : {5, 300, 600}) {
    const Tensor q = Tensor::normal({1, 4, 8}, 1), k = Tensor::normal({1, keys, 8}, 2),
                 v = Tensor::normal({1, keys, 8}, 3);
    for (const int64_t kept : {int64_t{1}, keys / 2, keys - 1})
      for (const bool front : {true, false}) {
        std::vector<float> values(static_cast<std::size_t>(keys), -kInfinity);
        const int64_t first = front ? 0 : keys - kept;
        std::fill_n(values.begin() + first, kept, 0.0F);
        const Tensor mask = Tensor::of(values, {keys});
        const auto part = [&](const Tensor& x) { return slice(x, 1, first, first + kept); };
        const Tensor expected = written(q, part(k), part(v), 1);
        EXPECT_LT(largest_difference(masked(q, k, v, mask), expected), 1e-5F);
        EXPECT_LT(largest_difference(fast(q, k, v, mask), expected), 1e-5F);
      }
    const Tensor none = Tensor::full({keys}, -static_cast<double>(kInfinity));
    EXPECT_TRUE(std::isnan(max(masked(q, k, v, none)).item()));
    EXPECT_TRUE(std::isnan(max(fast(q, k, v, none)).item()));
  }
}

TEST(Attention, BoolMasksSayWhatIsAttendedTo) {
  const Tensor q = Tensor::normal({2, 3, 6, 8}, 1), k = Tensor::normal({2, 3, 9, 8}, 2),
               v = Tensor::normal({2, 3, 9, 8}, 3), numbers = Tensor::normal({2, 1, 6, 9}, 4);
  const Tensor mask = numbers > -1;
  const Tensor added = where(mask, Tensor(0.0F), Tensor(-kInfinity));
  EXPECT_EQ(largest_difference(scaled_dot_product_attention(q, k, v, mask),
                               scaled_dot_product_attention(q, k, v, added)),
            0);
}

TEST(Attention, ErrorsAreOneLineEach) {
  const Tensor q = Tensor::zeros({2, 4, 8}), k = Tensor::zeros({2, 5, 8});
  const auto error = [&](const Tensor& a, const Tensor& b, const Tensor& c,
                         const std::optional<Tensor>& mask = std::nullopt) {
    return error_of([&] { scaled_dot_product_attention(a, b, c, mask); });
  };
  EXPECT_NE(error(q, Tensor::zeros({2, 5, 7}), k).find("rows of different lengths"), std::string::npos);
  EXPECT_NE(error(q, k, q).find("there are not as many keys as values"), std::string::npos);
  EXPECT_NE(error(q, Tensor::zeros({3, 5, 8}), k).find("do not broadcast"), std::string::npos);
  EXPECT_NE(error(q, k, k, Tensor::zeros({4, 6})).find("broadcasts to the scores [2, 4, 5]"),
            std::string::npos);
  EXPECT_NE(error(Tensor::zeros({8}), k, k).find("expected q [..., m, d]"), std::string::npos);
  EXPECT_NE(error(Tensor::zeros({2, 4, 8}, DType::f64), k, k).find("element types differ"),
            std::string::npos);
  EXPECT_NE(error(q, Tensor::zeros({2, 0, 8}), Tensor::zeros({2, 0, 8})).find("no keys"), std::string::npos);
}

} // namespace
} // namespace sinter
