// Arithmetic on elements, scalars or vectors alike: what the emission of operations is written in.
#pragma once

#include "ir/loop_emitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"

namespace sinter::ir {

/// On math.exp: the operand is never positive; on math.erfc: never negative. Whoever expands them may rely on
/// it.
inline constexpr const char* kOneSided = "sinter.one_sided";

/// Emits arith and math operations; constants take the shape of the value they meet. Integers are signless;
/// whether they count as unsigned is the caller's to know, from the tensor. Multiplications and additions of
/// floats may be contracted.
class ElementArithmetic {
public:
  ElementArithmetic(mlir::OpBuilder& builder, mlir::Location loc) : builder(builder), loc(loc) {}

  using Value = mlir::Value;

  /// `value` in the element type and shape of `like`.
  Value constant(double value, Value like);
  Value integer(int64_t value, Value like);

  // Of floats.
  Value add(Value a, Value b);
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  Value div(Value a, Value b);
  Value neg(Value x);
  Value abs(Value x);
  Value exp(Value x);
  Value expm1(Value x);
  /// exp of what is never positive, erfc of what is never negative: both cheaper than in general. On f32
  /// erfc's error is small beside 1, not beside itself.
  Value expOfNegative(Value x);
  Value erfcOfPositive(Value x);
  Value log(Value x);
  Value sqrt(Value x);
  Value add(Value a, double b) { return add(a, constant(b, a)); }
  Value sub(Value a, double b) { return sub(a, constant(b, a)); }
  Value mul(Value a, double b) { return mul(a, constant(b, a)); }
  Value div(double a, Value b) { return div(constant(a, b), b); }
  Value compare(mlir::arith::CmpFPredicate how, Value a, Value b);
  Value compare(mlir::arith::CmpFPredicate how, Value a, double b) { return compare(how, a, constant(b, a)); }
  Value isNan(Value x);
  /// max(x, low) and min(x, high) that keep NaN. A comparison and a choice are one instruction on x86 where
  /// arith.maximumf, which also orders the zeros, takes three.
  Value atLeast(Value x, double low);
  Value atMost(Value x, double high);
  /// 1 / (1 + exp(-x)).
  Value sigmoid(Value x);

  // Of integers.
  Value addI(Value a, Value b);
  Value subI(Value a, Value b);
  Value mulI(Value a, Value b);
  Value compareI(mlir::arith::CmpIPredicate how, Value a, Value b);
  Value compareI(mlir::arith::CmpIPredicate how, Value a, int64_t b) {
    return compareI(how, a, integer(b, a));
  }

  // Of numbers of tensors of `element`; NaN if either is.
  Value max(Value a, Value b, mlir::Type element);
  Value min(Value a, Value b, mlir::Type element);

  // Of any elements.
  Value choose(Value condition, Value a, Value b);
  Value both(Value a, Value b);
  Value either(Value a, Value b);

  mlir::OpBuilder& builder;
  mlir::Location loc;
};

/// `element`, or a vector of it as long as the vector `like`.
mlir::Type shapedLike(mlir::Type element, mlir::Value like);

/// `element` as a constant of `type`: itself, or in every lane of a vector.
mlir::Value splatConstant(mlir::OpBuilder& builder, mlir::Location loc, mlir::TypedAttr element,
                          mlir::Type type);

} // namespace sinter::ir
