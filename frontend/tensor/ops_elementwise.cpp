// Elementwise operations: arithmetic, comparison, choice, activations.
#include "sinter/ops.h"

#include "tensor/arguments.h"
#include "trace/apply.h"

namespace sinter {

using trace::apply;
using trace::apply_or_alias;
using trace::Numbers;

namespace {

template <class Op>
Tensor binary(const Operand& a, const Operand& b, const SourceLocation& where) {
  const Numbers numbers(where, Op::getOperationName(), {&a, &b});
  return apply<Op>(where, numbers[0], numbers[1]);
}

} // namespace

#define SINTER_BINARY(NAME, OP)                                                                              \
  Tensor NAME(const Operand& a, const Operand& b, SourceLocation where) {                                    \
    return binary<ir::OP>(a, b, where);                                                                      \
  }
SINTER_BINARY(add, AddOp)
SINTER_BINARY(sub, SubOp)
SINTER_BINARY(mul, MulOp)
SINTER_BINARY(div, DivOp)
SINTER_BINARY(pow, PowOp)
SINTER_BINARY(maximum, MaximumOp)
SINTER_BINARY(minimum, MinimumOp)
SINTER_BINARY(remainder, RemainderOp)
SINTER_BINARY(fmod, FmodOp)
SINTER_BINARY(equal, EqualOp)
SINTER_BINARY(not_equal, NotEqualOp)
SINTER_BINARY(less, LessOp)
SINTER_BINARY(less_equal, LessEqualOp)
SINTER_BINARY(greater, GreaterOp)
SINTER_BINARY(greater_equal, GreaterEqualOp)
#undef SINTER_BINARY

#define SINTER_UNARY(NAME, OP)                                                                               \
  Tensor NAME(const Tensor& x, SourceLocation where) {                                                       \
    return apply<ir::OP>(where, x);                                                                          \
  }
SINTER_UNARY(abs, AbsOp)
SINTER_UNARY(neg, NegOp)
SINTER_UNARY(sign, SignOp)
SINTER_UNARY(reciprocal, ReciprocalOp)
SINTER_UNARY(sqrt, SqrtOp)
SINTER_UNARY(rsqrt, RsqrtOp)
SINTER_UNARY(exp, ExpOp)
SINTER_UNARY(log, LogOp)
SINTER_UNARY(sin, SinOp)
SINTER_UNARY(cos, CosOp)
SINTER_UNARY(tanh, TanhOp)
SINTER_UNARY(erf, ErfOp)
SINTER_UNARY(floor, FloorOp)
SINTER_UNARY(ceil, CeilOp)
SINTER_UNARY(round, RoundOp)
SINTER_UNARY(logical_not, LogicalNotOp)
SINTER_UNARY(is_nan, IsNanOp)
SINTER_UNARY(relu, ReluOp)
SINTER_UNARY(sigmoid, SigmoidOp)
SINTER_UNARY(silu, SiluOp)
SINTER_UNARY(softplus, SoftplusOp)
SINTER_UNARY(softsign, SoftsignOp)
SINTER_UNARY(mish, MishOp)
SINTER_UNARY(hard_swish, HardSwishOp)
#undef SINTER_UNARY

Tensor square(const Tensor& x, SourceLocation where) {
  return apply<ir::MulOp>(where, x, x);
}

Tensor stop_gradient(const Tensor& x, SourceLocation where) {
  return apply_or_alias<ir::StopGradientOp>([&](const Shape&) { return x; }, where, x);
}

Tensor clip(const Tensor& x, double low, double high, SourceLocation where) {
  return apply<ir::ClipOp>(where, x, low, high);
}

Tensor logical_and(const Tensor& a, const Tensor& b, SourceLocation where) {
  return apply<ir::LogicalAndOp>(where, a, b);
}
Tensor logical_or(const Tensor& a, const Tensor& b, SourceLocation where) {
  return apply<ir::LogicalOrOp>(where, a, b);
}
Tensor logical_xor(const Tensor& a, const Tensor& b, SourceLocation where) {
  return apply<ir::LogicalXorOp>(where, a, b);
}

Tensor where(const Tensor& condition, const Operand& a, const Operand& b, SourceLocation location) {
  const Numbers numbers(location, ir::SelectOp::getOperationName(), {&a, &b});
  return apply<ir::SelectOp>(location, condition, numbers[0], numbers[1]);
}

Tensor cast(const Tensor& x, DType dtype, SourceLocation where) {
  return x.dtype() == dtype ? x : apply<ir::CastOp>(where, x, dtype);
}

Tensor hard_sigmoid(const Tensor& x, double alpha, double beta, SourceLocation where) {
  return apply<ir::HardSigmoidOp>(where, x, alpha, beta);
}

Tensor gelu(const Tensor& x, bool tanh_approximation, SourceLocation where) {
  return apply<ir::GeluOp>(where, x, tanh_approximation);
}

Tensor leaky_relu(const Tensor& x, double slope, SourceLocation where) {
  return apply<ir::LeakyReluOp>(where, x, slope);
}

Tensor elu(const Tensor& x, double alpha, SourceLocation where) {
  return apply<ir::EluOp>(where, x, alpha);
}

Tensor selu(const Tensor& x, SourceLocation where) {
  // The fixed point at which activations keep mean 0 and variance 1 (Klambauer et al., 2017).
  return apply<ir::SeluOp>(where, x, 1.6732632423543772, 1.0507009873554805);
}

Tensor prelu(const Tensor& x, const Tensor& slope, SourceLocation where) {
  return apply<ir::PreluOp>(where, x, slope);
}

} // namespace sinter
