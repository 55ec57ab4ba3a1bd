// The eager elementwise kernels against one-element formulas, over shapes, layouts and element types.
#include "sinter/runtime/eager/elementwise.h"

#include "sinter/runtime/error.h"
#include "strided_views.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace sinter::test {
namespace {

using namespace sinter::eager;

const Shape kShapes[] = {{},     {1},       {7},       {33},         {0},
                         {3, 5}, {4, 0, 2}, {2, 3, 4}, {1, 9, 1, 2}, {2, 1, 3, 2, 5}};

template <class T>
void expect_same(const std::vector<T>& got, const std::vector<T>& wanted, double tolerance,
                 const std::string& what) {
  ASSERT_EQ(got.size(), wanted.size()) << what;
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

template <class T>
double tolerance_of() {
  return std::is_same_v<T, float> ? 1e-6 : 1e-14;
}

// `kernel` of T to R is `formula` element by element.
template <class T, class R, class Formula>
void check_unary(const char* name, const std::function<void(const View&, const View&)>& kernel,
                 Formula formula) {
  unsigned seed = 1;
  for (const Shape& shape : kShapes)
    for (Layout from : kLayouts)
      for (Layout to : kResultLayouts) {
        Strided<T> x(shape, from);
        Strided<R> result(shape, to);
        x.fill(Numbers<T>(seed++));
        kernel(x.view(), result.view());
        std::vector<R> wanted;
        for (T v : elements_of<T>(x.view()))
          wanted.push_back(formula(v));
        expect_same(elements_of<R>(result.view()), wanted, tolerance_of<R>(), name + to_string(x.view()));
      }
}

template <class T, class Formula>
void check_float_unary(const char* name, const std::function<void(const View&, const View&)>& kernel,
                       Formula formula) {
  check_unary<T, T>(name, kernel, [&](T v) { return static_cast<T>(formula(static_cast<double>(v))); });
}

template <class Formula>
void check_floats(const char* name, const std::function<void(const View&, const View&)>& kernel,
                  Formula formula) {
  check_float_unary<float>(name, kernel, formula);
  check_float_unary<double>(name, kernel, formula);
}

TEST(EagerElementwise, FunctionsOfOneFloat) {
  check_floats("abs", eager::abs, [](double v) { return std::fabs(v); });
  check_floats("neg", neg, [](double v) { return -v; });
  check_floats("sign", sign, [](double v) { return std::isnan(v) ? v : double((v > 0) - (v < 0)); });
  check_floats("relu", relu, [](double v) { return std::isnan(v) ? v : std::fmax(v, 0); });
  check_floats("reciprocal", reciprocal, [](double v) { return 1 / v; });
  check_floats("sqrt", eager::sqrt, [](double v) { return std::sqrt(v); });
  check_floats("rsqrt", rsqrt, [](double v) { return 1 / std::sqrt(v); });
  check_floats("exp", eager::exp, [](double v) { return std::exp(v); });
  check_floats("log", eager::log, [](double v) { return std::log(v); });
  check_floats("sin", eager::sin, [](double v) { return std::sin(v); });
  check_floats("cos", eager::cos, [](double v) { return std::cos(v); });
  check_floats("tanh", eager::tanh, [](double v) { return std::tanh(v); });
  check_floats("erf", eager::erf, [](double v) { return std::erf(v); });
  check_floats("floor", eager::floor, [](double v) { return std::floor(v); });
  check_floats("ceil", eager::ceil, [](double v) { return std::ceil(v); });
  check_floats("round", eager::round, [](double v) { return std::nearbyint(v); });
}

TEST(EagerElementwise, Activations) {
  const auto sigmoid_of = [](double v) { return 1 / (1 + std::exp(-v)); };
  const auto softplus_of = [](double v) { return v > 30 ? v : std::log(1 + std::exp(v)); };
  const auto with = [](auto kernel, auto... attributes) {
    return [=](const View& x, const View& r) { kernel(x, r, attributes...); };
  };
  check_floats("sigmoid", sigmoid, sigmoid_of);
  check_floats("silu", silu, [&](double v) { return v * sigmoid_of(v); });
  check_floats("softplus", softplus, softplus_of);
  check_floats("softsign", softsign, [](double v) { return v / (1 + std::fabs(v)); });
  check_floats("mish", mish, [&](double v) { return v * std::tanh(softplus_of(v)); });
  const auto gate = [](double v) { return std::isnan(v) ? v : std::fmax(0, std::fmin(1, v)); };
  check_floats("hard_swish", hard_swish, [&](double v) { return v * gate(v / 6 + 0.5); });
  check_floats("hard_sigmoid", with(hard_sigmoid, 0.2, 0.5), [&](double v) { return gate(0.2 * v + 0.5); });
  check_floats("gelu", with(gelu, false),
               [](double v) { return v * 0.5 * (1 + std::erf(v * std::sqrt(0.5))); });
  check_floats("gelu tanh", with(gelu, true), [](double v) {
    return v * 0.5 * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v)));
  });
  check_floats("leaky_relu", with(leaky_relu, 0.1), [](double v) { return v >= 0 ? v : 0.1 * v; });
  check_floats("elu", with(elu, 1.5), [](double v) { return v >= 0 ? v : 1.5 * (std::exp(v) - 1); });
  check_floats("selu", with(selu, 1.67, 1.05),
               [](double v) { return 1.05 * (v > 0 ? v : 1.67 * (std::exp(v) - 1)); });
  check_floats("clip", with(clip, -1.5, 2.0),
               [](double v) { return std::isnan(v) ? v : std::fmin(std::fmax(v, -1.5), 2); });
}

TEST(EagerElementwise, ActivationsStayFiniteFarOut) {
  for (float v : {-1e30F, -200.F, -90.F, 90.F, 200.F, 1e30F}) {
    float r = 0;
    const View x = View::dense(&v, DType::f32, {}), result = View::dense(&r, DType::f32, {});
    softplus(x, result);
    EXPECT_NEAR(r, v > 0 ? v : 0, 1e-30);
    mish(x, result);
    EXPECT_NEAR(r, v > 0 ? v : 0, 1e-30);
    silu(x, result);
    EXPECT_NEAR(r, v > 0 ? v : 0, 1e-30);
  }
}

template <class T>
void check_integer_unary() {
  const auto wrap = [](__int128 v) { return static_cast<T>(static_cast<uint64_t>(v)); };
  check_unary<T, T>("abs", eager::abs, [&](T v) { return wrap(v < 0 ? -__int128(v) : __int128(v)); });
  check_unary<T, T>("neg", neg, [&](T v) { return wrap(-__int128(v)); });
  check_unary<T, T>("sign", sign, [](T v) { return static_cast<T>((v > 0) - (v < 0)); });
  check_unary<T, T>("relu", relu, [](T v) { return v > 0 ? v : T(0); });
  const auto clipped = [](const View& x, const View& r) { clip(x, r, -2.5, 3.5); };
  check_unary<T, T>("clip", clipped, [](T v) { return static_cast<T>(v < -2 ? -2 : v > 3 ? 3 : v); });
  const auto unbounded = [](const View& x, const View& r) { clip(x, r, -INFINITY, INFINITY); };
  check_unary<T, T>("clip to nothing", unbounded, [](T v) { return v; });
}

TEST(EagerElementwise, FunctionsOfOneInteger) {
  check_integer_unary<int32_t>();
  check_integer_unary<int64_t>();
  check_integer_unary<int8_t>();
  check_integer_unary<uint8_t>();
  check_unary<bool, bool>("logical_not", logical_not, [](bool v) { return !v; });
  check_unary<float, bool>("is_nan", is_nan, [](float v) { return std::isnan(v); });
  check_unary<double, bool>("is_nan", is_nan, [](double v) { return std::isnan(v); });
}

// Operand shapes that broadcast to a result.
struct Broadcast {
  Shape a, b, result;
};
const Broadcast kBroadcasts[] = {
    {{}, {}, {}},
    {{5}, {}, {5}},
    {{}, {5}, {5}},
    {{3, 4}, {4}, {3, 4}},
    {{3, 1}, {1, 4}, {3, 4}},
    {{2, 3, 4}, {3, 1}, {2, 3, 4}},
    {{2, 3, 40}, {2, 3, 40}, {2, 3, 40}},
    {{0, 3}, {1, 3}, {0, 3}},
    {{1}, {0}, {0}},
    {{1, 2, 1, 3}, {4, 1, 2, 1}, {4, 2, 2, 3}},
};

using BinaryKernel = std::function<void(const View&, const View&, const View&)>;

template <class T, class R, class Formula>
void check_binary(const char* name, const BinaryKernel& kernel, Formula formula) {
  unsigned seed = 1;
  for (const Broadcast& shapes : kBroadcasts)
    for (Layout from_a : kLayouts)
      for (Layout from_b : kLayouts)
        for (Layout to : kResultLayouts) {
          Strided<T> a(shapes.a, from_a), b(shapes.b, from_b);
          Strided<R> result(shapes.result, to);
          a.fill(Numbers<T>(seed++));
          b.fill(Numbers<T>(seed++));
          kernel(a.view(), b.view(), result.view());
          const std::vector<T> x = elements_of<T>(broadcast_to(a.view(), shapes.result));
          const std::vector<T> y = elements_of<T>(broadcast_to(b.view(), shapes.result));
          std::vector<R> wanted;
          for (std::size_t i = 0; i < x.size(); ++i)
            wanted.push_back(formula(x[i], y[i]));
          expect_same(elements_of<R>(result.view()), wanted, tolerance_of<R>(),
                      name + to_string(a.view()) + to_string(b.view()));
        }
}

template <class T>
void check_float_binary() {
  check_binary<T, T>("add", add, [](T a, T b) { return a + b; });
  check_binary<T, T>("sub", sub, [](T a, T b) { return a - b; });
  check_binary<T, T>("mul", mul, [](T a, T b) { return a * b; });
  check_binary<T, T>("div", eager::div, [](T a, T b) { return a / b; });
  check_binary<T, T>("pow", eager::pow, [](T a, T b) { return std::pow(a, b); });
  check_binary<T, T>("prelu", prelu, [](T a, T b) { return a >= 0 ? a : a * b; });
  check_binary<T, T>("maximum", maximum,
                     [](T a, T b) { return std::isnan(a) || std::isnan(b) ? NAN : std::fmax(a, b); });
  check_binary<T, T>("minimum", minimum,
                     [](T a, T b) { return std::isnan(a) || std::isnan(b) ? NAN : std::fmin(a, b); });
  check_binary<T, T>("fmod", eager::fmod, [](T a, T b) { return std::fmod(a, b); });
  check_binary<T, T>("remainder", eager::remainder, [](T a, T b) {
    const T r = std::fmod(a, b);
    return (r < 0 && b > 0) || (r > 0 && b < 0) ? r + b : r;
  });
}

template <class T>
T naive_power(T a, T b) {
  using U = std::make_unsigned_t<T>;
  if (b < 0)
    return a == 1 ? T(1) : a == static_cast<T>(-1) ? static_cast<T>(b % 2 == 0 ? 1 : -1) : T(0);
  U product = 1;
  for (T i = 0; i < b; ++i)
    product = static_cast<U>(product * static_cast<U>(a));
  return static_cast<T>(product);
}

template <class T>
void check_integer_binary() {
  const auto wrap = [](__int128 v) { return static_cast<T>(static_cast<uint64_t>(v)); };
  const auto floor_div = [](__int128 a, __int128 b) {
    return a / b - ((a % b != 0) && ((a < 0) != (b < 0)));
  };
  check_binary<T, T>("add", add, [&](T a, T b) { return wrap(__int128(a) + b); });
  check_binary<T, T>("sub", sub, [&](T a, T b) { return wrap(__int128(a) - b); });
  check_binary<T, T>("mul", mul, [&](T a, T b) { return wrap(__int128(a) * b); });
  check_binary<T, T>("div", eager::div, [&](T a, T b) { return b == 0 ? T(0) : wrap(__int128(a) / b); });
  check_binary<T, T>("maximum", maximum, [](T a, T b) { return std::max(a, b); });
  check_binary<T, T>("minimum", minimum, [](T a, T b) { return std::min(a, b); });
  check_binary<T, T>("fmod", eager::fmod, [&](T a, T b) { return b == 0 ? T(0) : wrap(__int128(a) % b); });
  check_binary<T, T>("remainder", eager::remainder,
                     [&](T a, T b) { return b == 0 ? T(0) : wrap(a - floor_div(a, b) * b); });
  for (T base : {T(0), T(1), static_cast<T>(-1), T(2), T(3), static_cast<T>(-3), T(10)})
    for (T exponent : {T(0), T(1), T(2), T(7), T(20), static_cast<T>(-1), static_cast<T>(-2)}) {
      if (std::is_unsigned_v<T> && exponent > 20)
        continue;
      T result{};
      eager::pow(View::dense(&base, dtype_of<T>, {}), View::dense(&exponent, dtype_of<T>, {}),
                 View::dense(&result, dtype_of<T>, {}));
      EXPECT_EQ(result, naive_power(base, exponent)) << int64_t(base) << "^" << int64_t(exponent);
    }
}

TEST(EagerElementwise, ArithmeticOfFloats) {
  check_float_binary<float>();
  check_float_binary<double>();
}

TEST(EagerElementwise, ArithmeticOfIntegers) {
  check_integer_binary<int32_t>();
  check_integer_binary<int64_t>();
  check_integer_binary<int8_t>();
  check_integer_binary<uint8_t>();
}

template <class T>
void check_comparisons() {
  check_binary<T, bool>("equal", equal, [](T a, T b) { return a == b; });
  check_binary<T, bool>("not_equal", not_equal, [](T a, T b) { return a != b; });
  check_binary<T, bool>("less", less, [](T a, T b) { return a < b; });
  check_binary<T, bool>("less_equal", less_equal, [](T a, T b) { return a <= b; });
  check_binary<T, bool>("greater", greater, [](T a, T b) { return a > b; });
  check_binary<T, bool>("greater_equal", greater_equal, [](T a, T b) { return a >= b; });
}

TEST(EagerElementwise, Comparisons) {
  check_comparisons<float>();
  check_comparisons<double>();
  check_comparisons<int32_t>();
  check_comparisons<int64_t>();
  check_comparisons<int8_t>();
  check_comparisons<uint8_t>();
  check_comparisons<bool>();
}

TEST(EagerElementwise, Logic) {
  check_binary<bool, bool>("logical_and", logical_and, [](bool a, bool b) { return a && b; });
  check_binary<bool, bool>("logical_or", logical_or, [](bool a, bool b) { return a || b; });
  check_binary<bool, bool>("logical_xor", logical_xor, [](bool a, bool b) { return a != b; });
}

template <class T>
void check_select() {
  unsigned seed = 1;
  for (const Broadcast& shapes : kBroadcasts)
    for (Layout from : kLayouts)
      for (Layout to : kResultLayouts) {
        Strided<bool> condition(shapes.a, from);
        Strided<T> on_true(shapes.b, Layout::dense), on_false(shapes.result, from), result(shapes.result, to);
        condition.fill(Numbers<bool>(seed++));
        on_true.fill(Numbers<T>(seed++, false));
        on_false.fill(Numbers<T>(seed++, false));
        eager::select(condition.view(), on_true.view(), on_false.view(), result.view());
        const auto c = elements_of<bool>(broadcast_to(condition.view(), shapes.result));
        const auto x = elements_of<T>(broadcast_to(on_true.view(), shapes.result));
        auto wanted = elements_of<T>(on_false.view());
        for (std::size_t i = 0; i < c.size(); ++i)
          if (c[i])
            wanted[i] = x[i];
        EXPECT_EQ(elements_of<T>(result.view()), wanted) << to_string(condition.view());
      }
}

TEST(EagerElementwise, Select) {
  check_select<float>();
  check_select<double>();
  check_select<int32_t>();
  check_select<int64_t>();
  check_select<int8_t>();
  check_select<uint8_t>();
  check_select<bool>();
}

template <class To, class From>
To naive_cast(From v) {
  if constexpr (std::is_same_v<To, bool>)
    return v != 0;
  else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    if (std::isnan(v))
      return 0;
    const long double bounded = std::clamp<long double>(
        static_cast<long double>(v), std::numeric_limits<To>::min(), std::numeric_limits<To>::max());
    return static_cast<To>(bounded);
  } else
    return static_cast<To>(v);
}

template <class From>
void check_casts() {
  check_unary<From, float>("cast", cast, naive_cast<float, From>);
  check_unary<From, double>("cast", cast, naive_cast<double, From>);
  check_unary<From, int32_t>("cast", cast, naive_cast<int32_t, From>);
  check_unary<From, int64_t>("cast", cast, naive_cast<int64_t, From>);
  check_unary<From, int8_t>("cast", cast, naive_cast<int8_t, From>);
  check_unary<From, uint8_t>("cast", cast, naive_cast<uint8_t, From>);
  check_unary<From, bool>("cast", cast, naive_cast<bool, From>);
}

TEST(EagerElementwise, Casts) {
  check_casts<float>();
  check_casts<double>();
  check_casts<int32_t>();
  check_casts<int64_t>();
  check_casts<int8_t>();
  check_casts<uint8_t>();
  check_casts<bool>();
}

TEST(EagerElementwise, CastsSaturate) {
  for (double v : {-1e300, -9.3e18, -2147483649.5, -129.0, -128.5, -0.5, 0.9, 127.9, 255.9, 256.0,
                   2147483648.0, 9.3e18}) {
    EXPECT_EQ(saturate_cast<int8_t>(v), (naive_cast<int8_t>(v))) << v;
    EXPECT_EQ(saturate_cast<uint8_t>(v), (naive_cast<uint8_t>(v))) << v;
    EXPECT_EQ(saturate_cast<int32_t>(v), (naive_cast<int32_t>(v))) << v;
    EXPECT_EQ(saturate_cast<int64_t>(v), (naive_cast<int64_t>(v))) << v;
  }
}

TEST(EagerElementwise, ResultMayBeAnOperand) {
  float x[] = {1, -2, 3, -4, 5, -6}, y[] = {1, 2, 3};
  const View view = View::dense(x, DType::f32, {2, 3});
  add(view, View::dense(y, DType::f32, {3}), view);
  relu(view, view);
  EXPECT_EQ(std::vector<float>(x, x + 6), (std::vector<float>{2, 0, 6, 0, 7, 0}));
}

TEST(EagerElementwise, WrongOperandsAreErrors) {
  float f[12] = {};
  int32_t i[12] = {};
  const View a = View::dense(f, DType::f32, {3, 4}), short_one = View::dense(f, DType::f32, {3});
  const View integers = View::dense(i, DType::i32, {3, 4}), deep = View::dense(f, DType::f32, {2, 3, 2});
  EXPECT_THROW(add(a, short_one, a), Error);
  EXPECT_THROW(add(a, integers, a), Error);
  EXPECT_THROW(add(deep, a, a), Error);
  EXPECT_THROW(eager::exp(integers, integers), Error);
  EXPECT_THROW(less(a, a, a), Error);
  EXPECT_THROW(eager::select(a, a, a, a), Error);
  EXPECT_THROW(cast(a, View::dense(f, DType::f16, {3, 5})), Error);
}

} // namespace
} // namespace sinter::test
