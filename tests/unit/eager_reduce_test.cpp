// The eager reductions against naive loops in f64, over shapes, axes, layouts and element types.
#include "sinter/runtime/eager/reduce.h"

#include "sinter/runtime/error.h"
#include "strided_views.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>

namespace sinter::test {
namespace {

using namespace sinter::eager;

const Shape kShapes[] = {{}, {1}, {37}, {0}, {3, 5}, {4, 0, 2}, {2, 3, 70}, {1, 9, 1, 2}, {70, 2, 3}};

std::vector<int64_t> axes_in(unsigned mask) {
  std::vector<int64_t> axes;
  for (int64_t d = 0; d < kMaxRank; ++d)
    if (mask >> d & 1u)
      axes.push_back(d);
  return axes;
}

Shape reduced_shape(const Shape& shape, unsigned mask, bool keep_dims) {
  Shape result;
  for (int d = 0; d < shape.rank(); ++d)
    if (!(mask >> d & 1u))
      result.push_back(shape[d]);
    else if (keep_dims)
      result.push_back(1);
  return result;
}

// For every result in row-major order, the elements that fold into it in row-major order.
template <class T>
std::vector<std::vector<T>> groups_of(const View& x, unsigned mask) {
  const Shape keep = reduced_shape(x.shape, mask, true);
  std::vector<std::vector<T>> groups(static_cast<std::size_t>(keep.elements()));
  Shape strides = keep.row_major_strides();
  for (int d = 0; d < x.rank(); ++d)
    if (mask >> d & 1u)
      strides[d] = 0;
  for_each_offset(x.shape, std::array<Shape, 2>{x.strides, strides}, [&](const auto& at) {
    groups[static_cast<std::size_t>(at[1])].push_back(x.as<const T>()[at[0]]);
  });
  return groups;
}

template <class T>
void expect_near(const std::vector<T>& got, const std::vector<T>& wanted, const std::string& what) {
  ASSERT_EQ(got.size(), wanted.size()) << what;
  const double tolerance = std::is_same_v<T, float> ? 1e-6 : 1e-12;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if constexpr (std::is_floating_point_v<T>) {
      if (std::isnan(wanted[i])) {
        ASSERT_TRUE(std::isnan(got[i])) << what << " at " << i << ": " << got[i];
        continue;
      }
      if (std::isfinite(wanted[i])) {
        ASSERT_NEAR(got[i], wanted[i], tolerance * (1 + std::fabs(wanted[i]))) << what << " at " << i;
        continue;
      }
    }
    ASSERT_EQ(got[i], wanted[i]) << what << " at " << i;
  }
}

using Kernel = std::function<void(const View&, const View&, std::span<const int64_t>)>;

template <class T, class Formula>
void check(const char* name, const Kernel& kernel, Formula formula) {
  unsigned seed = 1;
  for (const Shape& shape : kShapes)
    for (unsigned mask = 0; mask < 1u << shape.rank(); ++mask)
      for (bool keep_dims : {false, true})
        for (Layout from : kLayouts)
          for (Layout to : {Layout::dense, Layout::padded}) {
            Strided<T> x(shape, from), result(reduced_shape(shape, mask, keep_dims), to);
            x.fill(Numbers<T>(seed, seed % 3 == 0));
            ++seed;
            kernel(x.view(), result.view(), axes_in(mask));
            std::vector<T> wanted;
            for (const std::vector<T>& group : groups_of<T>(x.view(), mask))
              wanted.push_back(formula(group));
            expect_near(elements_of<T>(result.view()), wanted,
                        name + to_string(x.view()) + std::to_string(mask));
          }
}

template <class T, class F>
T fold(const std::vector<T>& group, T start, F f) {
  for (T v : group)
    start = f(start, v);
  return start;
}

template <class T>
void check_extremes() {
  using Limits = std::numeric_limits<T>;
  const T lowest = Limits::has_infinity ? static_cast<T>(-Limits::infinity()) : Limits::lowest();
  const T highest = Limits::has_infinity ? Limits::infinity() : Limits::max();
  check<T>("max", reduce_max, [&](const auto& group) {
    return fold<T>(group, lowest, [](T a, T b) { return a != a || a > b ? a : b; });
  });
  check<T>("min", reduce_min, [&](const auto& group) {
    return fold<T>(group, highest, [](T a, T b) { return a != a || a < b ? a : b; });
  });
}

template <class T>
void check_floats() {
  const auto sum = [](const std::vector<T>& group) {
    return std::accumulate(group.begin(), group.end(), 0.0);
  };
  check<T>("sum", reduce_sum, [&](const auto& group) { return static_cast<T>(sum(group)); });
  check<T>("mean", reduce_mean,
           [&](const auto& group) { return static_cast<T>(sum(group) / static_cast<double>(group.size())); });
  check<T>("prod", reduce_prod, [](const auto& group) {
    return static_cast<T>(std::accumulate(group.begin(), group.end(), 1.0, std::multiplies<>()));
  });
  check_extremes<T>();
}

template <class T>
void check_integers() {
  using U = std::make_unsigned_t<T>;
  check<T>("sum", reduce_sum, [](const auto& group) {
    return fold<T>(group, 0, [](T a, T b) { return static_cast<T>(static_cast<U>(a) + static_cast<U>(b)); });
  });
  check<T>("prod", reduce_prod, [](const auto& group) {
    return fold<T>(group, 1, [](T a, T b) { return static_cast<T>(static_cast<U>(a) * static_cast<U>(b)); });
  });
  check_extremes<T>();
}

TEST(EagerReduce, Floats) {
  check_floats<float>();
  check_floats<double>();
}

TEST(EagerReduce, Integers) {
  check_integers<int32_t>();
  check_integers<int64_t>();
  check_integers<int8_t>();
  check_integers<uint8_t>();
}

TEST(EagerReduce, LongSumsOfF32StayAccurate) {
  std::vector<float> x(1 << 20, 0.1F);
  float sum = 0;
  const int64_t axes[] = {0};
  reduce_sum(View::dense(x.data(), DType::f32, {1 << 20}), View::dense(&sum, DType::f32, {}), axes);
  EXPECT_FLOAT_EQ(sum, static_cast<float>(static_cast<double>(0.1F) * (1 << 20)));
}

template <class T>
void check_arg(bool largest) {
  unsigned seed = 1;
  for (const Shape& shape : kShapes)
    for (int axis = 0; axis < shape.rank(); ++axis)
      for (Layout from : kLayouts)
        for (bool keep_dims : {false, true}) {
          if (shape[axis] == 0)
            continue;
          Strided<T> x(shape, from);
          Strided<int64_t> result(reduced_shape(shape, 1u << axis, keep_dims), Layout::padded);
          x.fill(Numbers<T>(seed++));
          (largest ? argmax : argmin)(x.view(), result.view(), axis);
          std::vector<int64_t> wanted;
          for (const std::vector<T>& group : groups_of<T>(x.view(), 1u << axis)) {
            std::size_t best = 0;
            for (std::size_t i = 0; i < group.size(); ++i) {
              const bool is_nan = group[i] != group[i], best_is_nan = group[best] != group[best];
              if (!best_is_nan && (is_nan || (largest ? group[i] > group[best] : group[i] < group[best])))
                best = i;
            }
            wanted.push_back(static_cast<int64_t>(best));
          }
          EXPECT_EQ(elements_of<int64_t>(result.view()), wanted) << to_string(x.view()) << " axis " << axis;
        }
}

TEST(EagerReduce, IndexOfTheLargestAndSmallest) {
  for (bool largest : {true, false}) {
    check_arg<float>(largest);
    check_arg<double>(largest);
    check_arg<int32_t>(largest);
    check_arg<int64_t>(largest);
    check_arg<int8_t>(largest);
    check_arg<uint8_t>(largest);
  }
}

TEST(EagerReduce, WrongArgumentsAreErrors) {
  float x[12] = {}, r[12] = {};
  int64_t index[4] = {};
  const View view = View::dense(x, DType::f32, {3, 4}), row = View::dense(r, DType::f32, {4});
  const auto sum = [&](std::vector<int64_t> axes, const View& result) { reduce_sum(view, result, axes); };
  EXPECT_NO_THROW(sum({0}, row));
  EXPECT_THROW(sum({1}, row), Error);
  EXPECT_THROW(sum({2}, row), Error);
  EXPECT_THROW(sum({-1}, row), Error);
  EXPECT_THROW(sum({0, 0}, row), Error);
  EXPECT_THROW(sum({0}, View::dense(r, DType::f32, {2, 4})), Error);
  EXPECT_THROW(sum({0}, View::dense(index, DType::i64, {4})), Error);
  EXPECT_THROW(argmax(view, row, 0), Error);
  EXPECT_THROW(argmax(View::dense(x, DType::f32, {0, 4}), View::dense(index, DType::i64, {4}), 0), Error);
}

} // namespace
} // namespace sinter::test
