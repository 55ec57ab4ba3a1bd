// Elementwise functions by the names that libraries of fused kernels have for them.
#pragma once

#include <cstdint>
#include <limits>

namespace sinter::rt {

/// What an element of the result is of the operands' elements a, b there.
struct PointwiseFunction {
  enum class Kind : uint8_t {
    none, ///< no library has a name for it
    add,
    sub,
    mul,
    div,
    maximum,
    minimum,
    abs,
    neg,
    sqrt,
    rsqrt,
    reciprocal,
    exp,
    log,
    erf,
    tanh,
    sigmoid,
    relu,      ///< min(a, upper) where a > lower, else lower + slope * (a - lower)
    elu,       ///< a where a > 0, else alpha * (exp(a) - 1)
    gelu,      ///< a * Phi(a), Phi the normal distribution
    gelu_tanh, ///< its approximation by tanh
    softplus,  ///< log(1 + exp(a))
    swish,     ///< a * sigmoid(a)
  };
  Kind kind = Kind::none;
  double lower = 0, upper = std::numeric_limits<double>::infinity(), slope = 0; ///< of relu
  double alpha = 1;                                                             ///< of elu

  bool isBinary() const { return kind >= Kind::add && kind <= Kind::minimum; }
  bool operator==(const PointwiseFunction&) const = default;
};

} // namespace sinter::rt
