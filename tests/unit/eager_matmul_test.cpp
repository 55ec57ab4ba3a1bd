// Eager matrix products against naive loops in float64.
#include "sinter/runtime/eager/matmul.h"

#include "naive_windows.h"
#include "sinter/runtime/error.h"
#include "strided_views.h"

#include <gtest/gtest.h>

namespace sinter::test {
namespace {

Shape joined(Shape batch, int64_t rows, int64_t columns, bool transposed) {
  batch.push_back(transposed ? columns : rows);
  batch.push_back(transposed ? rows : columns);
  return batch;
}

template <class T>
void check(const Shape& lhs_batch, const Shape& rhs_batch, const Shape& batch, int64_t m, int64_t n,
           int64_t k, unsigned seed) {
  const bool transpose_lhs = seed & 1u, transpose_rhs = seed & 2u;
  std::mt19937 engine(seed);
  Strided<T> lhs(joined(lhs_batch, m, k, transpose_lhs), kLayouts[engine() % 5]);
  Strided<T> rhs(joined(rhs_batch, k, n, transpose_rhs), kLayouts[engine() % 5]);
  Strided<T> result(joined(batch, m, n, false), kResultLayouts[engine() % 4]);
  Numbers<T> numbers(seed, /*special=*/false);
  lhs.fill(numbers);
  rhs.fill(numbers);
  eager::matmul(lhs.view(), rhs.view(), result.view(), transpose_lhs, transpose_rhs);
  std::size_t i = 0;
  const std::vector<T> actual = elements_of<T>(result.view());
  for_each_index(result.view().shape, [&](const Shape& out) {
    double sum = 0;
    for (int64_t p = 0; p < k; ++p) {
      auto index = [&](const View& view, int64_t row, int64_t column, bool transposed) {
        Shape where;
        const int lead = out.rank() - view.rank();
        for (int d = 0; d + 2 < view.rank(); ++d)
          where.push_back(view.shape[d] == 1 ? 0 : out[lead + d]);
        where.push_back(transposed ? column : row);
        where.push_back(transposed ? row : column);
        return where;
      };
      sum += at<T>(lhs.view(), index(lhs.view(), out[out.rank() - 2], p, transpose_lhs)) *
             at<T>(rhs.view(), index(rhs.view(), p, out[out.rank() - 1], transpose_rhs));
    }
    if constexpr (std::is_integral_v<T>)
      ASSERT_EQ(actual[i++], static_cast<T>(static_cast<int64_t>(sum)));
    else
      ASSERT_NEAR(actual[i++], sum, sizeof(T) == 4 ? 1e-3 : 1e-10) << "seed " << seed;
  });
}

template <class T>
void check_all() {
  struct Batches {
    Shape lhs, rhs, result;
  };
  const Batches batches[] = {
      {{}, {}, {}},         {{3}, {}, {3}},        {{3}, {3}, {3}},          {{1}, {3}, {3}},
      {{}, {2, 2}, {2, 2}}, {{2, 1}, {3}, {2, 3}}, {{2, 3}, {2, 3}, {2, 3}}, {{0}, {1}, {0}},
      {{5, 1}, {}, {5, 1}}};
  unsigned seed = 0;
  for (const Batches& b : batches)
    for (auto [m, n, k] : {std::array<int64_t, 3>{1, 1, 1},
                           {3, 4, 5},
                           {1, 17, 9},
                           {16, 1, 33},
                           {20, 24, 12},
                           {3, 0, 2},
                           {4, 4, 0},
                           {0, 2, 2},
                           {1, 1, 400}})
      for (int repeat = 0; repeat < 8; ++repeat)
        check<T>(b.lhs, b.rhs, b.result, m, n, k, seed++);
}

TEST(EagerMatmul, F32) {
  check_all<float>();
}
TEST(EagerMatmul, F64) {
  check_all<double>();
}
TEST(EagerMatmul, I32) {
  check_all<int32_t>();
}
TEST(EagerMatmul, I64) {
  check_all<int64_t>();
}
TEST(EagerMatmul, I8WrapsAround) {
  check_all<int8_t>();
}
TEST(EagerMatmul, U8WrapsAround) {
  check_all<uint8_t>();
}

TEST(EagerMatmul, ExtremeIntegersWrapAround) {
  int64_t a[] = {INT64_MAX, 2}, b[] = {2, INT64_MIN}, c[1];
  eager::matmul(View::dense(a, DType::i64, {1, 2}), View::dense(b, DType::i64, {2, 1}),
                View::dense(c, DType::i64, {1, 1}));
  EXPECT_EQ(c[0], -2);
}

TEST(EagerMatmul, ShapesThatDoNotFitAreErrors) {
  float data[64] = {};
  auto view = [&](Shape shape) { return View::dense(data, DType::f32, shape); };
  EXPECT_THROW(eager::matmul(view({2, 3}), view({2, 3}), view({2, 3})), Error);
  EXPECT_THROW(eager::matmul(view({3}), view({3, 2}), view({2})), Error);
  EXPECT_THROW(eager::matmul(view({2, 2, 3}), view({3, 2}), view({2, 2})), Error);
}

} // namespace
} // namespace sinter::test
