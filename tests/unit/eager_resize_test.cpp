// Eager resampling against the definition of ONNX Resize in float64, and against cases worked out by hand.
#include "sinter/runtime/eager/resize.h"

#include "naive_windows.h"
#include "strided_views.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sinter::test {
namespace {

using namespace sinter::eager;

double position(int64_t x, int64_t in, int64_t out, double scale, ResizeCoordinates coordinates) {
  switch (coordinates) {
  case ResizeCoordinates::half_pixel:
    return (static_cast<double>(x) + 0.5) / scale - 0.5;
  case ResizeCoordinates::pytorch_half_pixel:
    return out > 1 ? (static_cast<double>(x) + 0.5) / scale - 0.5 : 0;
  case ResizeCoordinates::align_corners:
    return out > 1 ? static_cast<double>(x) * static_cast<double>(in - 1) / static_cast<double>(out - 1) : 0;
  case ResizeCoordinates::asymmetric:
    return static_cast<double>(x) / scale;
  }
  return 0;
}

double rounded(double x, ResizeRounding rounding) {
  switch (rounding) {
  case ResizeRounding::round_prefer_floor:
    return std::ceil(x - 0.5);
  case ResizeRounding::round_prefer_ceil:
    return std::floor(x + 0.5);
  case ResizeRounding::floor:
    return std::floor(x);
  case ResizeRounding::ceil:
    return std::ceil(x);
  }
  return x;
}

// The value at `index`, dimension by dimension from `d` on.
template <class T>
double sample(const View& input, const Shape& sizes, const ResizeGeometry& g, const Shape& index, Shape& from,
              int d) {
  if (d == input.rank())
    return at<T>(input, from);
  double x =
      position(index[d], input.shape[d], sizes[d], g.scales[static_cast<std::size_t>(d)], g.coordinates);
  const auto last = static_cast<double>(input.shape[d] - 1);
  if (g.mode == ResizeMode::nearest)
    x = rounded(x, g.rounding);
  x = std::clamp(x, 0.0, last);
  from[d] = static_cast<int64_t>(std::floor(x));
  const double first = sample<T>(input, sizes, g, index, from, d + 1), weight = x - std::floor(x);
  if (weight == 0)
    return first;
  from[d] = std::min(static_cast<int64_t>(std::floor(x)) + 1, input.shape[d] - 1);
  return first * (1 - weight) + sample<T>(input, sizes, g, index, from, d + 1) * weight;
}

template <class T>
void check(unsigned seed) {
  std::mt19937 engine(seed);
  ResizeGeometry g;
  g.mode = static_cast<ResizeMode>(engine() % 2);
  g.coordinates = static_cast<ResizeCoordinates>(engine() % 4);
  g.rounding = static_cast<ResizeRounding>(engine() % 4);
  const int spatial = 1 + static_cast<int>(engine() % 3);
  Shape in{static_cast<int64_t>(engine() % 3), 2}, out = in;
  g.scales = {1, 1};
  for (int d = 0; d < spatial; ++d) {
    // Scales are powers of two, for which f32 and f64 make the same choice between neighbours.
    const double scale = std::array{0.5, 1.0, 2.0, 4.0, 0.25}[engine() % 5];
    in.push_back(4 * (1 + static_cast<int64_t>(engine() % 3)));
    out.push_back(static_cast<int64_t>(static_cast<double>(in[d + 2]) * scale));
    g.scales[static_cast<std::size_t>(d + 2)] = scale;
  }
  if (g.mode == ResizeMode::nearest && g.coordinates == ResizeCoordinates::align_corners)
    g.mode = ResizeMode::linear;
  Strided<T> input(in, kLayouts[engine() % 5]), result(out, kResultLayouts[engine() % 4]);
  input.fill(Numbers<T>(seed, false));
  resize(input.view(), result.view(), g);
  for_each_index(out, [&](const Shape& index) {
    Shape from = index;
    ASSERT_NEAR(at<T>(result.view(), index), sample<T>(input.view(), out, g, index, from, 0), 1e-5)
        << "seed " << seed;
  });
}

TEST(EagerResize, AgreesWithTheDefinition) {
  for (unsigned seed = 0; seed < 400; ++seed) {
    check<float>(seed);
    check<double>(seed);
  }
}

std::vector<float> resized(std::vector<float> input, int64_t size, double scale,
                           const ResizeGeometry& geometry) {
  ResizeGeometry g = geometry;
  g.scales = {scale};
  std::vector<float> result(static_cast<std::size_t>(size));
  resize(View::dense(input.data(), DType::f32, {static_cast<int64_t>(input.size())}),
         View::dense(result.data(), DType::f32, {size}), g);
  return result;
}

TEST(EagerResize, ByHand) {
  const auto floor_asymmetric =
      ResizeGeometry{ResizeMode::nearest, ResizeCoordinates::asymmetric, ResizeRounding::floor, {}};
  EXPECT_EQ(resized({1, 2}, 4, 2, floor_asymmetric), (std::vector<float>{1, 1, 2, 2}));
  EXPECT_EQ(resized({1, 2, 3}, 7, 7.0 / 3, floor_asymmetric), (std::vector<float>{1, 1, 1, 2, 2, 3, 3}));
  const auto half_linear = ResizeGeometry{ResizeMode::linear, ResizeCoordinates::half_pixel, {}, {}};
  EXPECT_EQ(resized({1, 2}, 4, 2, half_linear), (std::vector<float>{1, 1.25, 1.75, 2}));
  const auto corners = ResizeGeometry{ResizeMode::linear, ResizeCoordinates::align_corners, {}, {}};
  EXPECT_EQ(resized({1, 3}, 5, 2.5, corners), (std::vector<float>{1, 1.5, 2, 2.5, 3}));
  EXPECT_EQ(resized({1, 3}, 1, 0.5, corners), (std::vector<float>{1}));
  // Scales that have nothing to do with the sizes are clamped, not followed outside.
  EXPECT_EQ(resized({1, 3}, 3, 1e-30, floor_asymmetric), (std::vector<float>{1, 3, 3}));
}

} // namespace
} // namespace sinter::test
