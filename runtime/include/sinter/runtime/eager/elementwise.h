// Elementwise operations on strided views.
//
// Operands broadcast to the result's shape (NumPy rules). Element types of operands and result agree unless a
// function says otherwise. Error if either does not hold, or if a function does not know the element type.
// The result may be one of the operands, else it must not overlap them. "Numbers" are f32, f64, i32, i64, i8
// and u8; "floats" are f32 and f64. Integer arithmetic wraps around.
#pragma once

#include "sinter/runtime/view.h"

#include <cmath>
#include <limits>

namespace sinter::eager {

/// `value` truncated towards zero; the nearest `T` where it lies outside, 0 for NaN.
template <class T>
T saturate_cast(double value) {
  // Both bounds are powers of two (or zero), and so exact.
  constexpr double low = static_cast<double>(std::numeric_limits<T>::min());
  constexpr double past = 2.0 * static_cast<double>(std::numeric_limits<T>::max() / 2 + 1);
  if (std::isnan(value))
    return 0;
  if (value < low)
    return std::numeric_limits<T>::min();
  return value >= past ? std::numeric_limits<T>::max() : static_cast<T>(value);
}

// Of one number.
void abs(const View& x, const View& result);
void neg(const View& x, const View& result);
void sign(const View& x, const View& result); ///< -1, 0 or 1; NaN stays NaN
void relu(const View& x, const View& result);
/// min(max(x, low), high); for integers, the bounds are the nearest integers between them.
void clip(const View& x, const View& result, double low, double high);

// Of one float.
void reciprocal(const View& x, const View& result);
void sqrt(const View& x, const View& result);
void rsqrt(const View& x, const View& result);
void exp(const View& x, const View& result);
void log(const View& x, const View& result);
void sin(const View& x, const View& result);
void cos(const View& x, const View& result);
void tanh(const View& x, const View& result);
void erf(const View& x, const View& result);
void floor(const View& x, const View& result);
void ceil(const View& x, const View& result);
void round(const View& x, const View& result); ///< halves to even
void sigmoid(const View& x, const View& result);
void silu(const View& x, const View& result);
void softplus(const View& x, const View& result);
void softsign(const View& x, const View& result);
void mish(const View& x, const View& result);
void hard_swish(const View& x, const View& result);
void gelu(const View& x, const View& result, bool tanh_approximation);
void leaky_relu(const View& x, const View& result, double alpha);
void elu(const View& x, const View& result, double alpha);
void selu(const View& x, const View& result, double alpha, double gamma);
void hard_sigmoid(const View& x, const View& result, double alpha, double beta);
void is_nan(const View& x, const View& result); ///< the result is bool

// Of two numbers. An integer divided by 0 is 0, and leaves the remainder 0.
void add(const View& a, const View& b, const View& result);
void sub(const View& a, const View& b, const View& result);
void mul(const View& a, const View& b, const View& result);
void div(const View& a, const View& b, const View& result);
/// Integers to a negative power truncate: 0, but for 1 and -1.
void pow(const View& a, const View& b, const View& result);
void maximum(const View& a, const View& b, const View& result);   ///< NaN if either is
void minimum(const View& a, const View& b, const View& result);   ///< NaN if either is
void remainder(const View& a, const View& b, const View& result); ///< the sign of b
void fmod(const View& a, const View& b, const View& result);      ///< the sign of a
void prelu(const View& x, const View& slope, const View& result); ///< of floats

// Comparisons of two operands of any one type; the result is bool.
void equal(const View& a, const View& b, const View& result);
void not_equal(const View& a, const View& b, const View& result);
void less(const View& a, const View& b, const View& result);
void less_equal(const View& a, const View& b, const View& result);
void greater(const View& a, const View& b, const View& result);
void greater_equal(const View& a, const View& b, const View& result);

// Of bools.
void logical_and(const View& a, const View& b, const View& result);
void logical_or(const View& a, const View& b, const View& result);
void logical_xor(const View& a, const View& b, const View& result);
void logical_not(const View& x, const View& result);

/// `on_true` where the bool `condition` holds, else `on_false`; these two are of any one type.
void select(const View& condition, const View& on_true, const View& on_false, const View& result);
/// Conversion among f32, f64, i32, i64, bool, i8 and u8: floats truncate to integers (saturating, NaN to 0),
/// wider integers lose their high bits, x != 0 to bool.
void cast(const View& x, const View& result);

} // namespace sinter::eager
