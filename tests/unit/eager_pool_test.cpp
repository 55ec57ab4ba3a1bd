// Eager pools against naive loops in float64.
#include "sinter/runtime/eager/pool.h"

#include "naive_windows.h"
#include "strided_views.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace sinter::test {
namespace {

struct Problem {
  Shape input, result;
  eager::PoolGeometry geometry;
};

Problem random_problem(std::mt19937& engine) {
  auto random = [&](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(engine);
  };
  Problem p;
  p.input = {random(0, 9) == 0 ? 0 : random(1, 2), random(1, 4)};
  const int64_t spatial = random(1, 3);
  const bool ceil = random(0, 1) == 1;
  for (int64_t d = 0; d < spatial; ++d) {
    const int64_t kernel = random(1, 4), stride = random(1, 3), dilation = random(1, 2);
    const int64_t begin = random(0, kernel), end = random(0, kernel), reach = dilation * (kernel - 1) + 1;
    const int64_t extent = std::max(random(1, 9), reach - begin - end);
    int64_t count = (extent + begin + end - reach + (ceil ? stride - 1 : 0)) / stride + 1;
    if (ceil && count > 1 && (count - 1) * stride >= extent + begin)
      --count;
    p.input.push_back(extent);
    p.geometry.kernel.push_back(kernel);
    p.geometry.strides.push_back(stride);
    p.geometry.dilations.push_back(dilation);
    p.geometry.pad_begin.push_back(begin);
    p.geometry.pad_end.push_back(end);
  }
  p.result = {p.input[0], p.input[1]};
  for (int d = 0; d < spatial; ++d) {
    const auto& g = p.geometry;
    const int64_t extent = p.input[d + 2], reach = g.dilations[d] * (g.kernel[d] - 1) + 1;
    int64_t count =
        (extent + g.pad_begin[d] + g.pad_end[d] - reach + (ceil ? g.strides[d] - 1 : 0)) / g.strides[d] + 1;
    if (ceil && count > 1 && (count - 1) * g.strides[d] >= extent + g.pad_begin[d])
      --count;
    p.result.push_back(count);
  }
  return p;
}

template <class T>
void check(unsigned seed) {
  std::mt19937 engine(seed);
  const Problem p = random_problem(engine);
  Strided<T> input(p.input, kLayouts[engine() % 5]), result(p.result, kResultLayouts[engine() % 4]);
  input.fill(Numbers<T>(seed, false));
  const std::vector<NaiveWindow> windows = naive_windows<T>(input.view(), p.result, p.geometry);

  eager::max_pool(input.view(), result.view(), p.geometry);
  std::vector<T> actual = elements_of<T>(result.view());
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const auto& elements = windows[i].elements;
    if (!elements.empty()) {
      ASSERT_EQ(static_cast<double>(actual[i]), *std::max_element(elements.begin(), elements.end()))
          << "seed " << seed;
    }
  }
  if constexpr (std::is_floating_point_v<T>) {
    for (bool include : {false, true}) {
      eager::avg_pool(input.view(), result.view(), p.geometry, include);
      actual = elements_of<T>(result.view());
      for (std::size_t i = 0; i < windows.size(); ++i) {
        const auto& elements = windows[i].elements;
        const double sum = std::accumulate(elements.begin(), elements.end(), 0.0);
        const auto count = include ? windows[i].padded_count : static_cast<int64_t>(elements.size());
        ASSERT_NEAR(actual[i], sum / static_cast<double>(std::max<int64_t>(count, 1)), 1e-4)
            << "seed " << seed;
      }
    }
  }
}

TEST(EagerPool, AgreesWithNaiveLoops) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    check<float>(seed);
    check<double>(seed);
    check<int32_t>(seed);
    check<uint8_t>(seed);
  }
}

TEST(EagerPool, PaddingNeverWinsAndNanIsPassedOn) {
  const eager::PoolGeometry geometry{{3}, {1}, {1}, {1}, {1}};
  float input[] = {-5, -7, std::nanf(""), -1};
  float result[4];
  eager::max_pool(View::dense(input, DType::f32, {1, 1, 4}), View::dense(result, DType::f32, {1, 1, 4}),
                  geometry);
  EXPECT_EQ(result[0], -5);
  EXPECT_TRUE(std::isnan(result[1]) && std::isnan(result[2]) && std::isnan(result[3]));
}

} // namespace
} // namespace sinter::test
