// What approximations of functions are written in: arithmetic on scalars, or on vectors of one length.
#pragma once

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"

namespace sinter::codegen::cpu {

/// Emits operations on scalars or vectors of the shape of one type. Constants take the type of the value they
/// meet.
class VectorArithmetic {
public:
  using Value = mlir::Value;
  using Type = mlir::Type;

  VectorArithmetic(mlir::OpBuilder& builder, mlir::Location loc, Type like)
      : builder(builder), loc(loc), vector(llvm::dyn_cast<mlir::VectorType>(like)) {}

  bool isVector() const { return static_cast<bool>(vector); }
  Type shaped(Type element) { return vector ? Type(vector.clone(element)) : element; }
  Type f32() { return shaped(builder.getF32Type()); }
  Type f64() { return shaped(builder.getF64Type()); }
  Type i32() { return shaped(builder.getI32Type()); }
  Type i64() { return shaped(builder.getI64Type()); }

  // Floats.
  Value number(double value, Type type) {
    return constant(type, builder.getFloatAttr(mlir::getElementTypeOrSelf(type), value));
  }
  Value fma(Value a, Value b, Value c) { return mlir::math::FmaOp::create(builder, loc, a, b, c); }
  Value fma(Value a, double b, Value c) { return fma(a, number(b, a.getType()), c); }
  Value fma(Value a, double b, double c) { return fma(a, b, number(c, a.getType())); }
  Value mul(Value a, Value b) { return mlir::arith::MulFOp::create(builder, loc, a, b); }
  Value mul(Value a, double b) { return mul(a, number(b, a.getType())); }
  Value add(Value a, Value b) { return mlir::arith::AddFOp::create(builder, loc, a, b); }
  Value add(Value a, double b) { return add(a, number(b, a.getType())); }
  Value sub(Value a, Value b) { return mlir::arith::SubFOp::create(builder, loc, a, b); }
  Value sub(Value a, double b) { return sub(a, number(b, a.getType())); }
  Value sub(double a, Value b) { return sub(number(a, b.getType()), b); }
  Value div(Value a, Value b) { return mlir::arith::DivFOp::create(builder, loc, a, b); }
  Value neg(Value a) { return mlir::arith::NegFOp::create(builder, loc, a); }
  Value abs(Value a) { return mlir::math::AbsFOp::create(builder, loc, a); }
  Value compare(mlir::arith::CmpFPredicate how, Value a, Value b) {
    return mlir::arith::CmpFOp::create(builder, loc, how, a, b);
  }
  Value compare(mlir::arith::CmpFPredicate how, Value a, double b) {
    return compare(how, a, number(b, a.getType()));
  }
  Value wide(Value a) { return mlir::arith::ExtFOp::create(builder, loc, f64(), a); }
  Value narrow(Value a) { return mlir::arith::TruncFOp::create(builder, loc, f32(), a); }

  /// At least `low`, at most `high`. NaN stays NaN, which is why the bound is compared with the value.
  Value atLeast(Value a, double low) {
    Value bound = number(low, a.getType());
    return select(compare(mlir::arith::CmpFPredicate::OGT, bound, a), bound, a);
  }
  Value atMost(Value a, double high) {
    Value bound = number(high, a.getType());
    return select(compare(mlir::arith::CmpFPredicate::OLT, bound, a), bound, a);
  }
  Value clamp(Value a, double low, double high) { return atMost(atLeast(a, low), high); }

  /// Coefficients from the lowest power. Pairs of them are added up in powers of x^2 (Horner's rule of second
  /// order): one product more, but half as many operations that wait for each other.
  Value polynomial(Value x, llvm::ArrayRef<double> coefficients) {
    Value square = mul(x, x), result;
    for (size_t pair = (coefficients.size() - 1) / 2 + 1; pair-- > 0;) {
      Value low = number(coefficients[2 * pair], x.getType());
      if (2 * pair + 1 < coefficients.size())
        low = fma(x, coefficients[2 * pair + 1], low);
      result = result ? fma(result, square, low) : low;
    }
    return result;
  }

  // Integers and bits.
  Value integer(int64_t value, Type type) {
    return constant(type, builder.getIntegerAttr(mlir::getElementTypeOrSelf(type), value));
  }
  Value bits(Value a, Type type) { return mlir::arith::BitcastOp::create(builder, loc, type, a); }
  Value addI(Value a, Value b) { return mlir::arith::AddIOp::create(builder, loc, a, b); }
  Value addI(Value a, int64_t b) { return addI(a, integer(b, a.getType())); }
  Value subI(Value a, Value b) { return mlir::arith::SubIOp::create(builder, loc, a, b); }
  Value subI(Value a, int64_t b) { return subI(a, integer(b, a.getType())); }
  Value subI(int64_t a, Value b) { return subI(integer(a, b.getType()), b); }
  Value andI(Value a, Value b) { return mlir::arith::AndIOp::create(builder, loc, a, b); }
  Value andI(Value a, int64_t b) { return andI(a, integer(b, a.getType())); }
  Value orI(Value a, Value b) { return mlir::arith::OrIOp::create(builder, loc, a, b); }
  Value orI(Value a, int64_t b) { return orI(a, integer(b, a.getType())); }
  Value xorI(Value a, Value b) { return mlir::arith::XOrIOp::create(builder, loc, a, b); }
  Value shiftLeft(Value a, int64_t by) {
    return mlir::arith::ShLIOp::create(builder, loc, a, integer(by, a.getType()));
  }
  Value shiftRight(Value a, int64_t by) {
    return mlir::arith::ShRUIOp::create(builder, loc, a, integer(by, a.getType()));
  }
  Value shiftRightSigned(Value a, int64_t by) {
    return mlir::arith::ShRSIOp::create(builder, loc, a, integer(by, a.getType()));
  }
  Value isNegative(Value integers) {
    return mlir::arith::CmpIOp::create(builder, loc, mlir::arith::CmpIPredicate::slt, integers,
                                       integer(0, integers.getType()));
  }

  Value select(Value condition, Value a, Value b) {
    return mlir::arith::SelectOp::create(builder, loc, condition, a, b);
  }
  Value select(Value condition, Value a, double b) { return select(condition, a, number(b, a.getType())); }
  Value select(Value condition, double a, Value b) { return select(condition, number(a, b.getType()), b); }

  mlir::OpBuilder& builder;
  mlir::Location loc;

private:
  Value constant(Type type, mlir::TypedAttr value) {
    if (auto shape = llvm::dyn_cast<mlir::VectorType>(type))
      return mlir::arith::ConstantOp::create(builder, loc,
                                             mlir::DenseElementsAttr::get(shape, mlir::Attribute(value)));
    return mlir::arith::ConstantOp::create(builder, loc, value);
  }

  mlir::VectorType vector;
};

} // namespace sinter::codegen::cpu
