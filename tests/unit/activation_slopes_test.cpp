// Slopes of smooth activations where numbers end: their limits, neither NaN nor an overflow.
#include "sinter/sinter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace sinter {
namespace {

struct Activation {
  const char* name;
  Tensor (*apply)(const Tensor&);
  double below, at_zero, above; ///< slopes: the limit to the left, at 0, the limit to the right
  bool at_infinities = true;    ///< false: only numbers have slopes; others would cost time
};

const Activation kActivations[] = {
    {"gelu", [](const Tensor& x) { return gelu(x); }, 0, 0.5, 1},
    {"gelu, by tanh", [](const Tensor& x) { return gelu(x, true); }, 0, 0.5, 1},
    {"silu", [](const Tensor& x) { return silu(x); }, 0, 0.5, 1, false},
    {"mish", [](const Tensor& x) { return mish(x); }, 0, 0.6, 1},
    {"sigmoid", [](const Tensor& x) { return sigmoid(x); }, 0, 0.25, 0},
    {"tanh", [](const Tensor& x) { return tanh(x); }, 0, 1, 0},
    {"erf", [](const Tensor& x) { return erf(x); }, 0, 2 / std::sqrt(std::acos(-1.0)), 0},
    {"softplus", [](const Tensor& x) { return softplus(x); }, 0, 0.5, 1},
    {"softsign", [](const Tensor& x) { return softsign(x); }, 0, 1, 0},
    {"elu", [](const Tensor& x) { return elu(x); }, 0, 1, 1},
};

/// The slopes of `f` at `points`, or its curvatures.
std::vector<double> slopes(const Activation& f, const std::vector<double>& points, DType dtype, int order,
                           bool compiled) {
  const auto first = [&f](Tensor x) { return sum(f.apply(x)); };
  const auto second = [&](Tensor x) { return sum(grad(first)(x)); };
  const Tensor x = cast(Tensor::of(points, {static_cast<int64_t>(points.size())}), dtype);
  const Tensor result = order == 1 ? compiled ? compile(grad(first))(x) : grad(first)(x) : grad(second)(x);
  return cast(result, DType::f64).to_vector<double>();
}

template <class T>
std::vector<double> extremes() {
  using Limits = std::numeric_limits<T>;
  return {1e3,
          1e5,
          1e10,
          1e18,
          1e19,
          1e20,
          1e30,
          static_cast<double>(Limits::max()) / 2,
          static_cast<double>(Limits::max()),
          static_cast<double>(Limits::infinity())};
}

template <class T>
void expect_limits(DType dtype) {
  using Limits = std::numeric_limits<T>;
  std::vector<double> far = extremes<T>(), near;
  const std::size_t count = far.size();
  for (std::size_t i = 0; i < count; ++i)
    far.push_back(-far[i]);
  for (const double small : {0.0, static_cast<double>(Limits::denorm_min()),
                             static_cast<double>(Limits::min()), static_cast<double>(Limits::min()) * 1e3}) {
    near.push_back(small);
    near.push_back(-small);
  }
  const double tolerance = 4 * static_cast<double>(Limits::epsilon());
  for (const Activation& f : kActivations) {
    SCOPED_TRACE(std::string(f.name) + ", " + std::string(name_of(dtype)));
    for (const bool compiled : {false, true}) {
      const std::vector<double> outside = slopes(f, far, dtype, 1, compiled);
      for (std::size_t i = 0; i < far.size(); ++i) {
        if (!std::isfinite(far[i]) && !f.at_infinities)
          continue;
        const double limit = far[i] > 0 ? f.above : f.below;
        // Softsign's slope is 1 / (1 + |x|)^2, which is not yet 0 at 1000.
        const double rest = std::string_view(f.name) == "softsign" ? std::pow(1 + std::abs(far[i]), -2.0) : 0;
        EXPECT_NEAR(outside[i], limit + rest, tolerance) << "at " << far[i];
      }
      const std::vector<double> inside = slopes(f, near, dtype, 1, compiled);
      for (std::size_t i = 0; i < near.size(); ++i)
        EXPECT_NEAR(inside[i], f.at_zero, 2 * tolerance) << "at " << near[i];
    }
    // Second derivatives vanish there.
    const std::vector<double> curvatures = slopes(f, far, dtype, 2, false);
    for (std::size_t i = 0; i < far.size(); ++i)
      if (std::isfinite(far[i]))
        EXPECT_NEAR(curvatures[i], 0, 1e-8) << "second derivative at " << far[i];
  }
}

TEST(ActivationSlopes, AreTheirLimitsInF32) {
  expect_limits<float>(DType::f32);
}

TEST(ActivationSlopes, AreTheirLimitsInF64) {
  expect_limits<double>(DType::f64);
}

} // namespace
} // namespace sinter
