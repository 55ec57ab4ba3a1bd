// Polynomials for exp, sin, cos and erf in f32. The coefficients are minimax fits made for these intervals.
#include "codegen/cpu/loops/vector_math.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"

#include <initializer_list>
#include <numbers>

using namespace mlir;

namespace sinter::codegen::cpu {
namespace {

// Arithmetic on scalars or vectors of the shape of one operand.
class Arithmetic {
public:
  Arithmetic(OpBuilder& builder, Location loc, Type like)
      : builder(builder), loc(loc), vector(dyn_cast<VectorType>(like)) {}

  Type shaped(Type element) { return vector ? Type(vector.clone(element)) : element; }
  Type f32() { return shaped(builder.getF32Type()); }
  Type f64() { return shaped(builder.getF64Type()); }
  Type i32() { return shaped(builder.getI32Type()); }
  Type i64() { return shaped(builder.getI64Type()); }

  Value number(double value, Type type) {
    return constant(type, builder.getFloatAttr(getElementTypeOrSelf(type), value));
  }
  Value number(double value) { return number(value, f32()); }
  Value integer(int64_t value, Type type) {
    return constant(type, builder.getIntegerAttr(getElementTypeOrSelf(type), value));
  }
  Value fma(Value a, Value b, Value c) { return math::FmaOp::create(builder, loc, a, b, c); }
  Value mul(Value a, Value b) { return arith::MulFOp::create(builder, loc, a, b); }
  Value add(Value a, Value b) { return arith::AddFOp::create(builder, loc, a, b); }
  Value sub(Value a, Value b) { return arith::SubFOp::create(builder, loc, a, b); }
  Value select(Value condition, Value a, Value b) {
    return arith::SelectOp::create(builder, loc, condition, a, b);
  }
  Value bits(Value value, Type type) { return arith::BitcastOp::create(builder, loc, type, value); }

  // Between low and high; NaN stays NaN, which is why the value comes second.
  Value clamp(Value value, double low, double high) {
    Value bottom = number(low, value.getType()), top = number(high, value.getType());
    value =
        select(arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT, bottom, value), bottom, value);
    return select(arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT, top, value), top, value);
  }

  // Coefficients from the lowest power.
  Value polynomial(Value x, std::initializer_list<double> coefficients) {
    Value result;
    for (const double* c = coefficients.end(); c != coefficients.begin();) {
      Value next = number(*--c, x.getType());
      result = result ? fma(result, x, next) : next;
    }
    return result;
  }

  OpBuilder& builder;
  Location loc;

private:
  Value constant(Type type, TypedAttr value) {
    if (auto shape = dyn_cast<VectorType>(type))
      return arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(shape, Attribute(value)));
    return arith::ConstantOp::create(builder, loc, value);
  }

  VectorType vector;
};

// exp(x) = 2^n exp(r) with |r| <= log(2) / 2. Adding 1.5 * 2^23 rounds to an integer and leaves it in the low
// bits.
Value emitExp(Arithmetic& m, Value x) {
  constexpr double kRound = 12582912.0;
  x = m.clamp(x, -87.0, 89.0); // beyond: zero and infinity come out of the scaling
  Value shifted = m.fma(x, m.number(std::numbers::log2e), m.number(kRound));
  Value n = m.sub(shifted, m.number(kRound));
  Value r = m.fma(n, m.number(-0.693145751953125), x);
  r = m.fma(n, m.number(-1.42860682030941723e-6), r);
  Value p =
      m.polynomial(r, {0.49999993378, 0.166665195592, 0.041668399762, 0.00836884769827, 0.00138143995274});
  Value less1 = m.fma(m.mul(r, r), p, r);
  // Half the scale, then twice the result: 2^128 itself is no number.
  Value exponent = arith::ShLIOp::create(m.builder, m.loc, m.bits(shifted, m.i32()), m.integer(23, m.i32()));
  Value half =
      m.bits(arith::AddIOp::create(m.builder, m.loc, exponent, m.integer(126 << 23, m.i32())), m.f32());
  return m.mul(m.fma(less1, half, half), m.number(2));
}

// The argument is reduced to [-pi/4, pi/4] in f64, which is right for all arguments up to 2^30.
Value emitSine(Arithmetic& m, Value x, int64_t quarterTurns) {
  constexpr double kRound = 6755399441055744.0; // 1.5 * 2^52
  Value wide = arith::ExtFOp::create(m.builder, m.loc, m.f64(), x);
  Value shifted = m.fma(wide, m.number(2 / std::numbers::pi, m.f64()), m.number(kRound, m.f64()));
  Value turns = m.sub(shifted, m.number(kRound, m.f64()));
  Value rest = m.fma(turns, m.number(-1.57079632673412561417, m.f64()), wide);
  rest = m.fma(turns, m.number(-6.07710050650619224932e-11, m.f64()), rest);
  Value r = arith::TruncFOp::create(m.builder, m.loc, m.f32(), rest);
  // Arguments so large that nothing is left of the reduction still give a sine.
  Value small = arith::CmpFOp::create(m.builder, m.loc, arith::CmpFPredicate::ULE,
                                      math::AbsFOp::create(m.builder, m.loc, r), m.number(1));
  r = m.select(small, r, m.mul(r, m.number(0)));
  Value quadrant = arith::TruncIOp::create(m.builder, m.loc, m.i32(), m.bits(shifted, m.i64()));
  quadrant = arith::AddIOp::create(m.builder, m.loc, quadrant, m.integer(quarterTurns, m.i32()));

  Value square = m.mul(r, r);
  Value sine = m.fma(m.mul(square, r),
                     m.polynomial(square, {-0.16666654541, 0.00833215635085, -0.000195146725632}), r);
  Value cosine =
      m.fma(m.mul(square, square), m.polynomial(square, {0.041666645573, -0.0013887310904, 2.443253619e-5}),
            m.fma(square, m.number(-0.5), m.number(1)));
  Value one = m.integer(1, m.i32());
  Value odd = arith::AndIOp::create(m.builder, m.loc, quadrant, one);
  Value isOdd = arith::CmpIOp::create(m.builder, m.loc, arith::CmpIPredicate::eq, odd, one);
  Value sign = arith::ShLIOp::create(m.builder, m.loc,
                                     arith::AndIOp::create(m.builder, m.loc, quadrant, m.integer(2, m.i32())),
                                     m.integer(30, m.i32()));
  Value magnitude = m.bits(m.select(isOdd, cosine, sine), m.i32());
  return m.bits(arith::XOrIOp::create(m.builder, m.loc, magnitude, sign), m.f32());
}

// A rational function fitted up to 3.95, where erf is one to f32's last bit; past that it exceeds one and is
// cut off.
Value emitErf(Arithmetic& m, Value x) {
  x = m.clamp(x, -4.2, 4.2);
  Value square = m.mul(x, x);
  Value above = m.polynomial(square, {1.12837914401, 0.191542608564, 0.0528744264905, 0.00380782890173,
                                      0.000284679858186, 2.02596339262e-6});
  Value below = m.polynomial(
      square, {1, 0.503082895345, 0.114556437121, 0.0150544270211, 0.00117064418601, 3.78319602237e-5});
  return m.clamp(arith::DivFOp::create(m.builder, m.loc, m.mul(x, above), below), -1, 1);
}

} // namespace

bool replaceByPolynomial(Operation* op) {
  if (!isa<math::ExpOp, math::SinOp, math::CosOp, math::ErfOp>(op) ||
      !getElementTypeOrSelf(op->getResult(0).getType()).isF32())
    return false;
  OpBuilder builder(op);
  Arithmetic arithmetic(builder, op->getLoc(), op->getResult(0).getType());
  Value x = op->getOperand(0);
  Value result = isa<math::ExpOp>(op)   ? emitExp(arithmetic, x)
                 : isa<math::ErfOp>(op) ? emitErf(arithmetic, x)
                                        : emitSine(arithmetic, x, isa<math::CosOp>(op) ? 1 : 0);
  op->getResult(0).replaceAllUsesWith(result);
  op->erase();
  return true;
}

} // namespace sinter::codegen::cpu
