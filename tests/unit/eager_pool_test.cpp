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

/// Calls visit(offset of the window, number of the tap, position under it) for every tap inside the input.
template <class Visit>
void for_each_tap(const Problem& p, Visit&& visit) {
  const Shape windows = p.result.row_major_strides(), taps = p.geometry.kernel.row_major_strides();
  for_each_index(p.result, [&](const Shape& out) {
    for_each_index(p.geometry.kernel, [&](const Shape& tap) {
      Shape from{out[0], out[1]};
      bool inside = true;
      for (int d = 0; d < tap.rank(); ++d) {
        from.push_back(out[d + 2] * p.geometry.strides[d] + tap[d] * p.geometry.dilations[d] -
                       p.geometry.pad_begin[d]);
        inside = inside && from[d + 2] >= 0 && from[d + 2] < p.input[d + 2];
      }
      if (inside)
        visit(static_cast<std::size_t>(offset_of(out, windows)), offset_of(tap, taps), from);
    });
  });
}

template <class T>
void check_taps(unsigned seed) {
  std::mt19937 engine(seed);
  const Problem p = random_problem(engine);
  Strided<T> input(p.input, kLayouts[engine() % 5]), values(p.result, kLayouts[engine() % 5]),
      gathered(p.result, kResultLayouts[engine() % 4]), scattered(p.input, kResultLayouts[engine() % 4]);
  Strided<int32_t> index(p.result, kResultLayouts[engine() % 4]);
  input.fill([&] { return static_cast<double>(engine() % 4); }); // many are equal
  values.fill(Numbers<T>(seed, false));

  eager::max_pool_index(input.view(), index.view(), p.geometry);
  const auto windows = static_cast<std::size_t>(p.result.elements());
  std::vector<int32_t> first(windows, -1);
  std::vector<double> most(windows);
  for_each_tap(p, [&](std::size_t window, int64_t tap, const Shape& from) {
    const double value = at<T>(input.view(), from);
    if (first[window] < 0 || value > most[window]) {
      first[window] = static_cast<int32_t>(tap);
      most[window] = value;
    }
  });
  ASSERT_EQ(elements_of<int32_t>(index.view()), first) << "seed " << seed;

  eager::window_gather(input.view(), index.view(), gathered.view(), p.geometry);
  const std::vector<T> found = elements_of<T>(gathered.view());
  for (std::size_t i = 0; i < windows; ++i)
    ASSERT_EQ(static_cast<double>(found[i]), most[i]) << "seed " << seed;

  eager::window_scatter(values.view(), index.view(), scattered.view(), p.geometry);
  const std::vector<T> given = elements_of<T>(values.view()), sums = elements_of<T>(scattered.view());
  std::vector<double> expected(sums.size());
  for_each_tap(p, [&](std::size_t window, int64_t tap, const Shape& to) {
    if (tap == first[window])
      expected[static_cast<std::size_t>(offset_of(to, p.input.row_major_strides()))] +=
          static_cast<double>(given[window]);
  });
  for (std::size_t i = 0; i < sums.size(); ++i)
    ASSERT_NEAR(static_cast<double>(sums[i]), expected[i], 1e-4) << "seed " << seed;
}

TEST(EagerPool, TapsAgreeWithNaiveLoops) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    check_taps<float>(seed);
    check_taps<int32_t>(seed);
  }
}

/// <transpose(v), x> = <v, pool(x)>
TEST(EagerPool, AverageHasItsTranspose) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 engine(seed);
    const Problem p = random_problem(engine);
    const bool include = engine() % 2 == 0;
    Strided<double> input(p.input, kLayouts[engine() % 5]), values(p.result, kLayouts[engine() % 5]),
        pooled(p.result, kResultLayouts[engine() % 4]), spread(p.input, kResultLayouts[engine() % 4]);
    input.fill(Numbers<double>(seed, false));
    values.fill(Numbers<double>(seed + 1, false));
    eager::avg_pool(input.view(), pooled.view(), p.geometry, include);
    eager::avg_pool_transpose(values.view(), spread.view(), p.geometry, include);
    const auto dot = [](const View& a, const View& b) {
      const auto x = elements_of<double>(a), y = elements_of<double>(b);
      return std::inner_product(x.begin(), x.end(), y.begin(), 0.0);
    };
    ASSERT_NEAR(dot(spread.view(), input.view()), dot(values.view(), pooled.view()), 1e-9) << "seed " << seed;
  }
}

TEST(EagerPool, AnIndexIsOfTheFirstNanAndOfNothingInPadding) {
  const eager::PoolGeometry geometry{{2}, {2}, {1}, {2}, {2}};
  float input[] = {3, std::nanf(""), std::nanf(""), 9};
  int32_t index[4];
  eager::max_pool_index(View::dense(input, DType::f32, {1, 1, 4}), View::dense(index, DType::i32, {1, 1, 4}),
                        geometry);
  EXPECT_EQ(std::vector<int32_t>(index, index + 4), (std::vector<int32_t>{-1, 1, 0, -1}));
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
