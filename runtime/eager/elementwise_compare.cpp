// Comparisons, logic of two operands, choice and conversion.
#include "sinter/runtime/eager/elementwise.h"

#include "eager/elementwise_loops.h"
#include "eager/movement_bits.h"
#include "sinter/runtime/half.h"

#include <functional>

namespace sinter::eager {
namespace {

template <class F>
void compare(std::string_view name, const View& a, const View& b, const View& result, const F& f) {
  require_same_dtype(name, {a, b});
  require_dtype(name, result, DType::boolean);
  visit_dtype(a.dtype, name, [&](auto zero) {
    using T = decltype(zero);
    map<bool, T, T>(name, a, b, result, f);
  });
}

template <class F>
void map_bools(std::string_view name, const View& a, const View& b, const View& result, const F& f) {
  require_dtype(name, a, DType::boolean);
  require_dtype(name, b, DType::boolean);
  require_dtype(name, result, DType::boolean);
  map<bool, bool, bool>(name, a, b, result, f);
}

// Only moves elements, so that those of one size are alike.
template <class T>
void select_elements(const View& condition, const View& on_true, const View& on_false, const View& result) {
  const RowFn row = [](const void*, int64_t n, void* const* data, const int64_t* strides) {
    T* r = static_cast<T*>(data[0]);
    const bool* c = static_cast<const bool*>(data[1]);
    const T* x = static_cast<const T*>(data[2]);
    const T* y = static_cast<const T*>(data[3]);
    for (int64_t i = 0; i < n; ++i)
      r[i * strides[0]] = c[i * strides[1]] ? x[i * strides[2]] : y[i * strides[3]];
  };
  for_each_row("select", {result, condition, on_true, on_false}, row, nullptr);
}

template <class To, class From>
To convert(From value) {
  if constexpr (std::is_same_v<To, bool>)
    return value != From(0);
  else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>)
    return saturate_cast<To>(static_cast<double>(value));
  else
    return static_cast<To>(value);
}

// Numbers of 16 bits, which C++ does not compute with everywhere.
struct F16 {
  uint16_t bits;
  float number() const { return rt::from_f16_bits(bits); }
  static F16 of(double x) { return {rt::f16_bits(rt::to_odd_float(x))}; }
};
struct BF16 {
  uint16_t bits;
  float number() const { return rt::from_bf16_bits(bits); }
  static BF16 of(double x) { return {rt::bf16_bits(rt::to_odd_float(x))}; }
};

template <class T>
inline constexpr bool is_half = std::is_same_v<T, F16> || std::is_same_v<T, BF16>;

template <class F>
void visit_with_halves(DType type, F&& f) {
  if (type == DType::f16)
    f(F16{});
  else if (type == DType::bf16)
    f(BF16{});
  else
    visit_dtype(type, "cast", f);
}

template <class To, class From>
To element_as(From x) {
  if constexpr (is_half<From>)
    return element_as<To>(x.number());
  else if constexpr (is_half<To>)
    return To::of(static_cast<double>(x));
  else
    return convert<To>(x);
}

} // namespace

void equal(const View& a, const View& b, const View& result) {
  compare("equal", a, b, result, std::equal_to<>());
}
void not_equal(const View& a, const View& b, const View& result) {
  compare("not_equal", a, b, result, std::not_equal_to<>());
}
void less(const View& a, const View& b, const View& result) {
  compare("less", a, b, result, std::less<>());
}
void less_equal(const View& a, const View& b, const View& result) {
  compare("less_equal", a, b, result, std::less_equal<>());
}
void greater(const View& a, const View& b, const View& result) {
  compare("greater", b, a, result, std::less<>());
}
void greater_equal(const View& a, const View& b, const View& result) {
  compare("greater_equal", b, a, result, std::less_equal<>());
}

void logical_and(const View& a, const View& b, const View& result) {
  map_bools("logical_and", a, b, result, [](bool x, bool y) { return x & y; });
}
void logical_or(const View& a, const View& b, const View& result) {
  map_bools("logical_or", a, b, result, [](bool x, bool y) { return x | y; });
}
void logical_xor(const View& a, const View& b, const View& result) {
  map_bools("logical_xor", a, b, result, [](bool x, bool y) { return x != y; });
}

void select(const View& condition, const View& on_true, const View& on_false, const View& result) {
  require_dtype("select", condition, DType::boolean);
  require_same_dtype("select", {on_true, on_false, result});
  visit_bits(result.dtype,
             [&](auto bits) { select_elements<decltype(bits)>(condition, on_true, on_false, result); });
}

void cast(const View& x, const View& result) {
  visit_with_halves(x.dtype, [&](auto from) {
    visit_with_halves(result.dtype, [&](auto to) {
      using From = decltype(from);
      using To = decltype(to);
      map<To, From>("cast", x, result, [](From v) { return element_as<To>(v); });
    });
  });
}

} // namespace sinter::eager
