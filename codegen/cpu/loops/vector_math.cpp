// Exponentials, logarithms and what is made of them.
//
// Arguments are reduced as W. J. Cody and W. Waite do (Software Manual for the Elementary Functions, 1980):
// n log(2) is taken off in two steps, the first of them exact. J.-M. Muller, Elementary Functions (3rd
// edition, 2016), has the theory. The coefficients are minimax fits made for these intervals and weights.
// Nothing here relies on a product and a sum being rounded apart, or together: both happen.
#include "codegen/cpu/loops/vector_math.h"

#include "ir/element_arithmetic.h"

#include <limits>
#include <numbers>

using namespace mlir;

namespace sinter::codegen::cpu {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t kMantissaBits = 23;
constexpr int64_t kSignBit = -(int64_t{1} << 31);

// exp(x) = 2^n (1 + less1), |less1| < 0.42.
struct Exponential {
  Value less1;
  Value n; ///< as an integer; only its low nine bits count
};

// How far results may be off: in proportion to themselves, or to one. Then log(2) in f32, which is right to
// 28 bits, is taken off in one step.
enum class Error : uint8_t { relative, absolute };

// Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
Exponential reduceExponential(VectorArithmetic& m, Value x, Error error) {
  constexpr double kRound = 12582912.0;
  Value shifted = m.fma(x, std::numbers::log2e, kRound);
  Value n = m.sub(shifted, kRound);
  Value r = x;
  if (error == Error::absolute) {
    r = m.fma(n, -std::numbers::ln2, r);
  } else {
    r = m.fma(n, -0.693145751953125, r);
    r = m.fma(n, -1.42860682030941723e-6, r);
  }
  // (e^r - 1 - r) / r^2, fitted for the least error relative to e^r - 1.
  Value p = m.polynomial(r, {0.49999997019767761, 0.16666546463966370, 0.041667435318231583,
                             0.0083662616088986397, 0.0013870657421648502});
  return {m.fma(m.mul(r, r), p, r), m.bits(shifted, m.i32())};
}

// 2^(n + bias - 127).
Value scale(VectorArithmetic& m, Value n, Value bias) {
  return m.bits(m.addI(m.shiftLeft(n, kMantissaBits), bias), m.f32());
}
Value scale(VectorArithmetic& m, Value n, int64_t bias) {
  return scale(m, n, m.integer(bias << kMantissaBits, m.i32()));
}

// Neither 2^128 nor 2^-150 are f32: the sum is scaled by a number in range, and again by a constant. Below
// the least subnormal number n is -152, whose scale is zero in bits: processors that are slow at underflow do
// not meet one.
Value emitExp(VectorArithmetic& m, Value x, bool neverPositive) {
  constexpr double kBelowZero = -105.4, kAboveInfinity = 89;
  constexpr int64_t kRaised = 127 + 25, kHalved = 127 - 1;
  x = m.atLeast(x, kBelowZero);
  if (neverPositive) {
    const Exponential e = reduceExponential(m, x, Error::relative);
    Value raised = scale(m, e.n, kRaised);
    return m.mul(m.fma(e.less1, raised, raised), 0x1p-25);
  }
  x = m.atMost(x, kAboveInfinity);
  const Exponential e = reduceExponential(m, x, Error::relative);
  Value bias = m.select(m.isNegative(m.bits(x, m.i32())), m.integer(kRaised << kMantissaBits, m.i32()),
                        m.integer(kHalved << kMantissaBits, m.i32()));
  Value first = scale(m, e.n, bias);
  Value second = m.bits(m.subI(int64_t{254} << kMantissaBits, bias), m.f32());
  return m.mul(m.fma(e.less1, first, first), second);
}

// 1 - exp(y) for -80 < y <= 0, with small relative error: 2^n - 1 is exact where it is not tiny beside 1.
Value emitOneLessExp(VectorArithmetic& m, Value y) {
  const Exponential e = reduceExponential(m, y, Error::absolute);
  Value power = scale(m, e.n, 127);
  return m.fma(m.neg(e.less1), power, m.sub(1, power));
}

// Half the result is computed: 2^128 is no f32.
Value emitExpm1(VectorArithmetic& m, Value x) {
  constexpr double kMinusOne = -18, kAboveInfinity = 89, kLinear = 0x1p-25;
  const Exponential e = reduceExponential(m, m.clamp(x, kMinusOne, kAboveInfinity), Error::relative);
  Value half = scale(m, e.n, 126);
  Value result = m.mul(m.fma(e.less1, half, m.sub(half, 0.5)), 2);
  return m.select(m.compare(arith::CmpFPredicate::OLT, m.abs(x), kLinear), x, result);
}

Value withSignOf(VectorArithmetic& m, Value magnitude, Value x) {
  Value sign = m.andI(m.bits(x, m.i32()), kSignBit);
  return m.bits(m.orI(m.bits(magnitude, m.i32()), sign), m.f32());
}

// tanh(a) = (1 - exp(-2a)) / (1 + exp(-2a)).
Value emitTanh(VectorArithmetic& m, Value x) {
  constexpr double kOne = 10;
  Value less = emitOneLessExp(m, m.mul(m.atMost(m.abs(x), kOne), -2));
  return withSignOf(m, m.div(less, m.sub(2, less)), x);
}

// log(erfc(a)) = -a (1 + p(a)) for a >= 0, fitted for the least error of erf relative to itself up to 3.95,
// where erf is 1.
Value logOfErfc(VectorArithmetic& m, Value a) {
  Value p = m.polynomial(a, {-0.12837921082973480, -0.63661623001098633, -0.10281729698181152,
                             0.019332934170961380, -2.2559004719369113e-4, -1.2344428105279803e-3,
                             3.7383590824902058e-4, -3.9588070649188012e-5});
  return m.fma(a, p, m.neg(a));
}

// Near zero the error relative to the result is that of the logarithm and of 1 - exp: nothing cancels.
Value emitErf(VectorArithmetic& m, Value x) {
  constexpr double kOne = 3.95;
  return withSignOf(m, emitOneLessExp(m, logOfErfc(m, m.atMost(m.abs(x), kOne))), x);
}

// At 6.8743 the fit is -127 log(2), whose power has zero for its bits: erfc is 0 there, 3e-22 in truth.
Value emitErfc(VectorArithmetic& m, Value x, bool neverNegative) {
  constexpr double kZero = 6.8743;
  Value a = m.atMost(neverNegative ? x : m.abs(x), kZero);
  const Exponential e = reduceExponential(m, logOfErfc(m, a), Error::absolute);
  Value power = scale(m, e.n, 127);
  Value result = m.fma(e.less1, power, power);
  if (neverNegative)
    return result;
  return m.select(m.compare(arith::CmpFPredicate::OLT, x, 0), m.sub(2, result), result);
}

// x = 2^n (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)): `exponent` is n << 23, taken from x or something near.
Value exponentOf(VectorArithmetic& m, Value x) {
  constexpr int64_t kSqrtHalf = 0x3f3504f3, kExponent = -(int64_t{1} << kMantissaBits);
  return m.andI(m.subI(m.bits(x, m.i32()), kSqrtHalf), kExponent);
}

Value asNumber(VectorArithmetic& m, Value exponent) {
  return arith::SIToFPOp::create(m.builder, m.loc, m.f32(), m.shiftRightSigned(exponent, kMantissaBits));
}

// n log(2) + log(1 + f).
Value logarithm(VectorArithmetic& m, Value n, Value f) {
  Value p = m.polynomial(f, {-0.49999991059303284, 0.33333948254585266, -0.25001785159111023,
                             0.19962155818939209, -0.16570048034191132, 0.14916819334030151,
                             -0.14309664070606232, 0.087400086224079132});
  return m.fma(n, std::numbers::ln2, m.fma(m.mul(f, f), p, f));
}

// What is right for `low` < x < infinity, made right for the rest: -infinity at `low`, NaN below.
Value withPole(VectorArithmetic& m, Value x, double low, Value result) {
  Value beyond = m.select(m.compare(arith::CmpFPredicate::OEQ, x, low), m.number(-kInfinity, m.f32()), kNaN);
  result = m.select(m.compare(arith::CmpFPredicate::OGT, x, low), result, beyond);
  return m.select(m.compare(arith::CmpFPredicate::OEQ, x, kInfinity), x, result);
}

Value emitLog(VectorArithmetic& m, Value x) {
  Value tiny = m.compare(arith::CmpFPredicate::OLT, x, 0x1p-126); // subnormal numbers have no leading one
  Value normal = m.select(tiny, m.mul(x, 0x1p24), x);
  Value exponent = exponentOf(m, normal);
  Value n = m.add(asNumber(m, exponent), m.select(tiny, m.number(-24, m.f32()), 0.0));
  Value f = m.sub(m.bits(m.subI(m.bits(normal, m.i32()), exponent), m.f32()), 1);
  return withPole(m, x, 0, logarithm(m, n, f));
}

// The exponent is that of 1 + x, rounded; f = 2^-n x + (2^-n - 1) is nevertheless rounded only once.
Value emitLog1p(VectorArithmetic& m, Value x) {
  constexpr int64_t kFour = int64_t{129} << kMantissaBits; // 2^-127 is subnormal, four times that is not
  Value exponent = exponentOf(m, m.add(x, 1));
  Value power = m.bits(m.subI(kFour, exponent), m.f32());
  Value scaled = m.bits(m.subI(m.bits(x, m.i32()), exponent), m.f32());
  Value f = m.add(scaled, m.fma(power, 0.25, -1.0));
  Value result = withPole(m, x, -1, logarithm(m, asNumber(m, exponent), f));
  return m.select(m.compare(arith::CmpFPredicate::OEQ, x, 0), x, result);
}

Value replacement(VectorArithmetic& m, Operation* op, ModuleOp module, const Target& target) {
  Value x = op->getOperand(0);
  const bool oneSided = op->hasAttr(ir::kOneSided);
  if (isa<math::ExpOp>(op))
    return emitExp(m, x, oneSided);
  if (isa<math::ExpM1Op>(op))
    return emitExpm1(m, x);
  if (isa<math::LogOp>(op))
    return emitLog(m, x);
  if (isa<math::Log1pOp>(op))
    return emitLog1p(m, x);
  if (isa<math::TanhOp>(op))
    return emitTanh(m, x);
  if (isa<math::ErfOp>(op))
    return emitErf(m, x);
  if (isa<math::ErfcOp>(op))
    return emitErfc(m, x, oneSided);
  if (isa<math::SinOp, math::CosOp>(op))
    return approximation::sine(m, x, isa<math::CosOp>(op), module, target);
  if (isa<math::PowFOp>(op))
    return approximation::power(m, x, op->getOperand(1));
  return {};
}

} // namespace

bool replaceByPolynomial(Operation* op, ModuleOp module, const Target& target) {
  if (op->getNumResults() != 1 || !getElementTypeOrSelf(op->getResult(0).getType()).isF32())
    return false;
  OpBuilder builder(op);
  VectorArithmetic arithmetic(builder, op->getLoc(), op->getResult(0).getType());
  Value result = replacement(arithmetic, op, module, target);
  if (!result)
    return false;
  op->getResult(0).replaceAllUsesWith(result);
  op->erase();
  return true;
}

} // namespace sinter::codegen::cpu
