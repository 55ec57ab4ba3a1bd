// The eager normalisations against naive loops in f64, over shapes, layouts and element types.
#include "sinter/runtime/eager/norm.h"

#include "sinter/runtime/error.h"
#include "strided_views.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sinter::test {
namespace {

using namespace sinter::eager;

const Shape kShapes[] = {{1}, {37}, {0}, {3, 5}, {4, 0, 2}, {2, 6, 7}, {1, 9, 1, 2}, {2, 3, 4, 5}};

// The elements in row-major order as f64, and the position of each along dimensions.
struct Naive {
  Shape shape, strides;
  std::vector<double> x;

  template <class T>
  static Naive of(const View& view) {
    const std::vector<T> elements = elements_of<T>(view);
    return {view.shape, view.shape.row_major_strides(), {elements.begin(), elements.end()}};
  }
  int64_t coordinate(std::size_t i, int dim) const {
    return static_cast<int64_t>(i) / strides[dim] % shape[dim];
  }
  // Element i moved along `dim` to `position`.
  double moved(std::size_t i, int dim, int64_t position) const {
    return x[static_cast<std::size_t>(static_cast<int64_t>(i) +
                                      (position - coordinate(i, dim)) * strides[dim])];
  }
};

template <class T>
void expect_near(const View& got, const std::vector<double>& wanted, const std::string& what) {
  const std::vector<T> elements = elements_of<T>(got);
  ASSERT_EQ(elements.size(), wanted.size()) << what;
  const double tolerance = std::is_same_v<T, float> ? 1e-6 : 1e-12;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    ASSERT_EQ(std::isnan(elements[i]), std::isnan(wanted[i])) << what << " at " << i;
    if (!std::isnan(wanted[i]))
      ASSERT_NEAR(static_cast<double>(elements[i]), wanted[i], tolerance * (1 + std::fabs(wanted[i])))
          << what;
  }
}

template <class T, class F>
void for_each_case(F&& run) {
  unsigned seed = 1;
  for (const Shape& shape : kShapes)
    for (Layout from : kLayouts)
      for (Layout to : kResultLayouts) {
        Strided<T> x(shape, from), result(shape, to);
        x.fill(Numbers<T>(seed++, false));
        run(x.view(), result.view(), from);
      }
}

template <class T>
void check_softmax() {
  for_each_case<T>([](const View& x, const View& result, Layout) {
    const Naive naive = Naive::of<T>(x);
    for (int axis = 0; axis < x.rank(); ++axis) {
      std::vector<double> wanted, wanted_log;
      for (std::size_t i = 0; i < naive.x.size(); ++i) {
        double sum = 0;
        for (int64_t k = 0; k < x.shape[axis]; ++k)
          sum += std::exp(naive.moved(i, axis, k));
        wanted.push_back(std::exp(naive.x[i]) / sum);
        wanted_log.push_back(naive.x[i] - std::log(sum));
      }
      softmax(x, result, axis);
      expect_near<T>(result, wanted, "softmax" + to_string(x) + std::to_string(axis));
      log_softmax(x, result, axis);
      expect_near<T>(result, wanted_log, "log_softmax" + to_string(x) + std::to_string(axis));
    }
  });
}

TEST(EagerNorm, Softmax) {
  check_softmax<float>();
  check_softmax<double>();
}

TEST(EagerNorm, SoftmaxOfExtremes) {
  float x[] = {1e30F, 1e30F, -1e30F, -INFINITY, 0, 1, NAN, 0, 0}, r[9];
  softmax(View::dense(x, DType::f32, {3, 3}), View::dense(r, DType::f32, {3, 3}), 1);
  EXPECT_EQ(std::vector<float>(r, r + 3), (std::vector<float>{0.5F, 0.5F, 0}));
  EXPECT_FLOAT_EQ(r[3], 0);
  EXPECT_FLOAT_EQ(r[4] + r[5], 1);
  EXPECT_TRUE(std::isnan(r[6]) && std::isnan(r[7]) && std::isnan(r[8]));
}

// Mean and biased variance over the dimensions from `axis` on, through element i.
std::pair<double, double> moments(const Naive& naive, std::size_t i, int axis) {
  std::size_t count = 1;
  for (int d = axis; d < naive.shape.rank(); ++d)
    count *= static_cast<std::size_t>(naive.shape[d]);
  const std::size_t first = i / count * count;
  double mean = 0, variance = 0;
  for (std::size_t k = first; k < first + count; ++k)
    mean += naive.x[k] / static_cast<double>(count);
  for (std::size_t k = first; k < first + count; ++k)
    variance += (naive.x[k] - mean) * (naive.x[k] - mean) / static_cast<double>(count);
  return {mean, variance};
}

template <class T>
void check_layer_norm(bool with_bias) {
  const double epsilon = 1e-3;
  for_each_case<T>([&](const View& x, const View& result, Layout layout) {
    const Naive naive = Naive::of<T>(x);
    for (int axis = 0; axis < x.rank(); ++axis) {
      const Shape inner(x.shape.dims().subspan(static_cast<std::size_t>(axis)));
      Strided<T> scale(inner, layout), bias(inner, Layout::padded);
      scale.fill(Numbers<T>(7, false));
      bias.fill(Numbers<T>(8, false));
      const Naive s = Naive::of<T>(scale.view()), b = Naive::of<T>(bias.view());
      std::vector<double> wanted;
      for (std::size_t i = 0; i < naive.x.size(); ++i) {
        const auto [mean, variance] = moments(naive, i, axis);
        const std::size_t k = i % s.x.size();
        wanted.push_back((naive.x[i] - mean) / std::sqrt(variance + epsilon) * s.x[k] +
                         (with_bias ? b.x[k] : 0));
      }
      layer_norm(x, scale.view(), with_bias ? &bias.view() : nullptr, result, axis, epsilon);
      expect_near<T>(result, wanted, "layer_norm" + to_string(x) + std::to_string(axis));
    }
  });
}

TEST(EagerNorm, LayerNorm) {
  for (bool with_bias : {false, true}) {
    check_layer_norm<float>(with_bias);
    check_layer_norm<double>(with_bias);
  }
}

TEST(EagerNorm, LayerNormFarFromZero) {
  float x[] = {10000.F, 10001.F, 10002.F, 10003.F}, scale[] = {1, 1, 1, 1}, r[4];
  const Shape shape{4};
  layer_norm(View::dense(x, DType::f32, shape), View::dense(scale, DType::f32, shape), nullptr,
             View::dense(r, DType::f32, shape), 0, 0);
  EXPECT_NEAR(r[0], -1.3416408, 1e-5);
  EXPECT_NEAR(r[3], 1.3416408, 1e-5);
}

template <class T>
void check_batch_norm() {
  const double epsilon = 1e-3;
  for_each_case<T>([&](const View& x, const View& result, Layout layout) {
    if (x.rank() < 2)
      return;
    Strided<T> parameters[4] = {{{x.shape[1]}, layout},
                                {{x.shape[1]}, Layout::dense},
                                {{x.shape[1]}, Layout::reversed},
                                {{x.shape[1]}, Layout::padded}};
    std::vector<T> p[4];
    for (unsigned i = 0; i < 4; ++i) {
      Numbers<T> numbers(i, false);
      parameters[i].fill([&] { return i == 3 ? std::abs(numbers()) : numbers(); });
      p[i] = elements_of<T>(parameters[i].view());
    }
    const Naive naive = Naive::of<T>(x);
    std::vector<double> wanted;
    for (std::size_t i = 0; i < naive.x.size(); ++i) {
      const auto c = static_cast<std::size_t>(naive.coordinate(i, 1));
      wanted.push_back(p[0][c] * (naive.x[i] - p[2][c]) / std::sqrt(p[3][c] + epsilon) + p[1][c]);
    }
    batch_norm(x, parameters[0].view(), parameters[1].view(), parameters[2].view(), parameters[3].view(),
               result, epsilon);
    expect_near<T>(result, wanted, "batch_norm" + to_string(x));
  });
}

TEST(EagerNorm, BatchNorm) {
  check_batch_norm<float>();
  check_batch_norm<double>();
}

template <class T>
void check_lrn(int64_t size, double beta) {
  const double alpha = 0.3, bias = 1.5;
  for_each_case<T>([&](const View& x, const View& result, Layout) {
    if (x.rank() < 2)
      return;
    const Naive naive = Naive::of<T>(x);
    std::vector<double> wanted;
    for (std::size_t i = 0; i < naive.x.size(); ++i) {
      double squares = 0;
      for (int64_t k = 0; k < x.shape[1]; ++k) {
        const double distance = static_cast<double>(k - naive.coordinate(i, 1)),
                     half = static_cast<double>(size - 1) / 2;
        if (distance >= -std::floor(half) && distance <= std::ceil(half))
          squares += naive.moved(i, 1, k) * naive.moved(i, 1, k);
      }
      wanted.push_back(naive.x[i] / std::pow(bias + alpha / static_cast<double>(size) * squares, beta));
    }
    lrn(x, result, size, alpha, beta, bias);
    expect_near<T>(result, wanted, "lrn" + to_string(x));
  });
}

TEST(EagerNorm, Lrn) {
  for (int64_t size : {1, 2, 3, 4, 5, 100}) {
    check_lrn<float>(size, 0.75);
    check_lrn<double>(size, 0.6);
  }
  check_lrn<float>(std::numeric_limits<int64_t>::max(), 0.75);
}

TEST(EagerNorm, WrongArgumentsAreErrors) {
  float x[12] = {}, r[12] = {};
  double d[12] = {};
  const View view = View::dense(x, DType::f32, {3, 4}), result = View::dense(r, DType::f32, {3, 4});
  const View four = View::dense(x, DType::f32, {4}), three = View::dense(x, DType::f32, {3});
  EXPECT_THROW(softmax(view, result, 2), Error);
  EXPECT_THROW(softmax(view, result, -1), Error);
  EXPECT_THROW(softmax(view, View::dense(r, DType::f32, {4, 3}), 0), Error);
  EXPECT_THROW(softmax(view, View::dense(d, DType::f64, {3, 4}), 0), Error);
  EXPECT_THROW(layer_norm(view, three, nullptr, result, 1, 0), Error);
  EXPECT_THROW(layer_norm(view, four, &three, result, 1, 0), Error);
  EXPECT_THROW(layer_norm(view, four, nullptr, result, 7, 0), Error);
  EXPECT_THROW(batch_norm(view, four, four, four, three, result, 0), Error);
  EXPECT_THROW(batch_norm(three, three, three, three, three, three, 0), Error);
  EXPECT_THROW(lrn(view, result, 0, 1, 1, 1), Error);
  EXPECT_THROW(lrn(three, three, 1, 1, 1, 1), Error);
}

} // namespace
} // namespace sinter::test
