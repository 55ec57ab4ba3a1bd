// Functions of one operand.
#include "sinter/runtime/eager/elementwise.h"

#include "eager/elementwise_loops.h"
#include "eager/wrapping.h"

namespace sinter::eager {
namespace {

template <class F>
void map_floats(std::string_view name, const View& x, const View& result, const F& f) {
  require_same_dtype(name, {x, result});
  visit_floating(x.dtype, name, [&](auto zero) {
    using T = decltype(zero);
    map<T, T>(name, x, result, f);
  });
}

template <class F>
void map_numbers(std::string_view name, const View& x, const View& result, const F& f) {
  require_same_dtype(name, {x, result});
  visit_number(x.dtype, name, [&](auto zero) {
    using T = decltype(zero);
    map<T, T>(name, x, result, f);
  });
}

// Unsigned arithmetic wraps where signed would be undefined.
template <class T>
T negated(T v) {
  if constexpr (std::is_floating_point_v<T>)
    return -v;
  else
    return static_cast<T>(wrapping_t<T>{0} - static_cast<wrapping_t<T>>(v));
}

} // namespace

void abs(const View& x, const View& result) {
  map_numbers("abs", x, result, []<class T>(T v) -> T {
    if constexpr (std::is_floating_point_v<T>)
      return std::fabs(v);
    else
      return v < 0 ? negated(v) : v;
  });
}

void neg(const View& x, const View& result) {
  map_numbers("neg", x, result, []<class T>(T v) { return negated(v); });
}

void sign(const View& x, const View& result) {
  map_numbers("sign", x, result, []<class T>(T v) -> T { return v > 0 ? T(1) : v < 0 ? T(-1) : v; });
}

void relu(const View& x, const View& result) {
  map_numbers("relu", x, result, []<class T>(T v) -> T { return v < 0 ? T(0) : v; });
}

void clip(const View& x, const View& result, double low, double high) {
  require_same_dtype("clip", {x, result});
  visit_number(x.dtype, "clip", [&](auto zero) {
    using T = decltype(zero);
    T least, most;
    if constexpr (std::is_floating_point_v<T>) {
      least = static_cast<T>(low);
      most = static_cast<T>(high);
    } else {
      least = std::isnan(low) ? std::numeric_limits<T>::min() : saturate_cast<T>(std::ceil(low));
      most = std::isnan(high) ? std::numeric_limits<T>::max() : saturate_cast<T>(std::floor(high));
    }
    map<T, T>("clip", x, result, [=](T v) {
      const T raised = v < least ? least : v;
      return raised > most ? most : raised;
    });
  });
}

void reciprocal(const View& x, const View& result) {
  map_floats("reciprocal", x, result, []<class T>(T v) { return T(1) / v; });
}
void sqrt(const View& x, const View& result) {
  map_floats("sqrt", x, result, []<class T>(T v) { return std::sqrt(v); });
}
void rsqrt(const View& x, const View& result) {
  map_floats("rsqrt", x, result, []<class T>(T v) { return T(1) / std::sqrt(v); });
}
void exp(const View& x, const View& result) {
  map_floats("exp", x, result, []<class T>(T v) { return std::exp(v); });
}
void log(const View& x, const View& result) {
  map_floats("log", x, result, []<class T>(T v) { return std::log(v); });
}
void sin(const View& x, const View& result) {
  map_floats("sin", x, result, []<class T>(T v) { return std::sin(v); });
}
void cos(const View& x, const View& result) {
  map_floats("cos", x, result, []<class T>(T v) { return std::cos(v); });
}
void tanh(const View& x, const View& result) {
  map_floats("tanh", x, result, []<class T>(T v) { return std::tanh(v); });
}
void erf(const View& x, const View& result) {
  map_floats("erf", x, result, []<class T>(T v) { return std::erf(v); });
}
void floor(const View& x, const View& result) {
  map_floats("floor", x, result, []<class T>(T v) { return std::floor(v); });
}
void ceil(const View& x, const View& result) {
  map_floats("ceil", x, result, []<class T>(T v) { return std::ceil(v); });
}
void round(const View& x, const View& result) {
  map_floats("round", x, result, []<class T>(T v) { return std::rint(v); });
}

void is_nan(const View& x, const View& result) {
  require_dtype("is_nan", result, DType::boolean);
  visit_floating(x.dtype, "is_nan", [&](auto zero) {
    using T = decltype(zero);
    map<bool, T>("is_nan", x, result, [](T v) { return v != v; });
  });
}

void logical_not(const View& x, const View& result) {
  require_dtype("logical_not", x, DType::boolean);
  require_dtype("logical_not", result, DType::boolean);
  map<bool, bool>("logical_not", x, result, [](bool v) { return !v; });
}

} // namespace sinter::eager
