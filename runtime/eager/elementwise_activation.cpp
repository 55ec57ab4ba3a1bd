// Activation functions. They compute in f64 also for f32: compiled kernels are measured against them.
#include "sinter/runtime/eager/elementwise.h"

#include "eager/elementwise_loops.h"

#include <numbers>

namespace sinter::eager {
namespace {

template <class F>
void map_through_f64(std::string_view name, const View& x, const View& result, const F& f) {
  require_same_dtype(name, {x, result});
  visit_floating(x.dtype, name, [&](auto zero) {
    using T = decltype(zero);
    map<T, T>(name, x, result, [&f](T v) { return static_cast<T>(f(static_cast<double>(v))); });
  });
}

double logistic(double v) {
  return 1 / (1 + std::exp(-v));
}

// exp of a positive number may overflow, of a negative one it does not.
double log_one_plus_exp(double v) {
  return (v < 0 ? 0 : v) + std::log1p(std::exp(-std::fabs(v)));
}

// min(max(v, 0), 1) that keeps NaN.
double unit_clamp(double v) {
  return v < 0 ? 0 : v > 1 ? 1 : v;
}

} // namespace

void sigmoid(const View& x, const View& result) {
  map_through_f64("sigmoid", x, result, logistic);
}

void silu(const View& x, const View& result) {
  map_through_f64("silu", x, result, [](double v) { return v * logistic(v); });
}

void softplus(const View& x, const View& result) {
  map_through_f64("softplus", x, result, log_one_plus_exp);
}

void softsign(const View& x, const View& result) {
  map_through_f64("softsign", x, result, [](double v) { return v / (1 + std::fabs(v)); });
}

void mish(const View& x, const View& result) {
  map_through_f64("mish", x, result, [](double v) { return v * std::tanh(log_one_plus_exp(v)); });
}

void hard_swish(const View& x, const View& result) {
  map_through_f64("hard_swish", x, result, [](double v) { return v * unit_clamp(v / 6 + 0.5); });
}

void gelu(const View& x, const View& result, bool tanh_approximation) {
  if (tanh_approximation) {
    const double scale = std::sqrt(2 * std::numbers::inv_pi);
    map_through_f64("gelu", x, result,
                    [=](double v) { return 0.5 * v * (1 + std::tanh(scale * (v + 0.044715 * v * v * v))); });
  } else {
    map_through_f64("gelu", x, result,
                    [](double v) { return 0.5 * v * (1 + std::erf(v / std::numbers::sqrt2)); });
  }
}

void leaky_relu(const View& x, const View& result, double alpha) {
  map_through_f64("leaky_relu", x, result, [=](double v) { return v >= 0 ? v : alpha * v; });
}

void elu(const View& x, const View& result, double alpha) {
  map_through_f64("elu", x, result, [=](double v) { return v >= 0 ? v : alpha * std::expm1(v); });
}

void selu(const View& x, const View& result, double alpha, double gamma) {
  map_through_f64("selu", x, result, [=](double v) { return gamma * (v > 0 ? v : alpha * std::expm1(v)); });
}

void hard_sigmoid(const View& x, const View& result, double alpha, double beta) {
  map_through_f64("hard_sigmoid", x, result, [=](double v) { return unit_clamp(alpha * v + beta); });
}

} // namespace sinter::eager
