// Arithmetic of two operands.
#include "sinter/runtime/eager/elementwise.h"

#include "eager/elementwise_loops.h"
#include "eager/wrapping.h"

namespace sinter::eager {
namespace {

template <class F>
void map_numbers(std::string_view name, const View& a, const View& b, const View& result, const F& f) {
  require_same_dtype(name, {a, b, result});
  visit_number(a.dtype, name, [&](auto zero) {
    using T = decltype(zero);
    map<T, T, T>(name, a, b, result, f);
  });
}

template <class T>
T quotient(T x, T y) {
  if constexpr (std::is_floating_point_v<T>) {
    return x / y;
  } else {
    if (y == 0)
      return 0;
    if (std::is_signed_v<T> && y == static_cast<T>(-1)) // the least integer has no opposite
      return static_cast<T>(wrapping_t<T>{0} - static_cast<wrapping_t<T>>(x));
    return static_cast<T>(x / y);
  }
}

template <class T>
T truncated_remainder(T x, T y) {
  if constexpr (std::is_floating_point_v<T>)
    return std::fmod(x, y);
  else
    return y == 0 || (std::is_signed_v<T> && y == static_cast<T>(-1)) ? T(0) : static_cast<T>(x % y);
}

template <class T>
T floored_remainder(T x, T y) {
  const T r = truncated_remainder(x, y);
  return r != 0 && (r < 0) != (y < 0) ? static_cast<T>(r + y) : r;
}

template <class T>
T power(T x, T y) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::pow(x, y);
  } else {
    if (y < 0) {
      const bool unit = x == 1 || x == static_cast<T>(-1);
      return unit ? (y % 2 == 0 ? T(1) : x) : T(0);
    }
    wrapping_t<T> result = 1, square = static_cast<wrapping_t<T>>(x);
    for (auto bits = static_cast<wrapping_t<T>>(y); bits != 0; bits = static_cast<wrapping_t<T>>(bits >> 1)) {
      if (bits & 1)
        result = static_cast<wrapping_t<T>>(result * square);
      square = static_cast<wrapping_t<T>>(square * square);
    }
    return static_cast<T>(result);
  }
}

} // namespace

void add(const View& a, const View& b, const View& result) {
  map_numbers("add", a, b, result,
              []<class T>(T x, T y) { return static_cast<T>(wrapping_t<T>(x) + wrapping_t<T>(y)); });
}
void sub(const View& a, const View& b, const View& result) {
  map_numbers("sub", a, b, result,
              []<class T>(T x, T y) { return static_cast<T>(wrapping_t<T>(x) - wrapping_t<T>(y)); });
}
void mul(const View& a, const View& b, const View& result) {
  map_numbers("mul", a, b, result,
              []<class T>(T x, T y) { return static_cast<T>(wrapping_t<T>(x) * wrapping_t<T>(y)); });
}
void div(const View& a, const View& b, const View& result) {
  map_numbers("div", a, b, result, []<class T>(T x, T y) { return quotient(x, y); });
}
void pow(const View& a, const View& b, const View& result) {
  map_numbers("pow", a, b, result, []<class T>(T x, T y) { return power(x, y); });
}
void maximum(const View& a, const View& b, const View& result) {
  map_numbers("maximum", a, b, result, []<class T>(T x, T y) {
    const T larger = x < y ? y : x;
    return y != y ? y : larger;
  });
}
void minimum(const View& a, const View& b, const View& result) {
  map_numbers("minimum", a, b, result, []<class T>(T x, T y) {
    const T smaller = x > y ? y : x;
    return y != y ? y : smaller;
  });
}
void remainder(const View& a, const View& b, const View& result) {
  map_numbers("remainder", a, b, result, []<class T>(T x, T y) { return floored_remainder(x, y); });
}
void fmod(const View& a, const View& b, const View& result) {
  map_numbers("fmod", a, b, result, []<class T>(T x, T y) { return truncated_remainder(x, y); });
}

void prelu(const View& x, const View& slope, const View& result) {
  require_same_dtype("prelu", {x, slope, result});
  visit_floating(x.dtype, "prelu", [&](auto zero) {
    using T = decltype(zero);
    map<T, T, T>("prelu", x, slope, result, [](T v, T factor) { return v >= 0 ? v : factor * v; });
  });
}

} // namespace sinter::eager
