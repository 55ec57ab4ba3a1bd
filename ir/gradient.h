// What rules of differentiation are written in: arithmetic on tensors in which zero is nothing at all.
#pragma once

#include "ir/op_creation.h"

#include "mlir/IR/OpDefinition.h"

namespace sinter::ir {

/// On operations that have no derivative. A result of integers or bools is constant to differentiation;
/// asking for the derivative of one of floats is an error.
template <class Op>
class NotDifferentiable : public mlir::OpTrait::TraitBase<Op, NotDifferentiable> {};

/// A factor in a rule: a tensor, a number, or zero.
class Term {
public:
  Term() = default;
  Term(mlir::Value value) : value_(value) {}
  template <class Number>
    requires std::is_arithmetic_v<Number>
  Term(Number number) : number_(static_cast<double>(number)) {}

  mlir::Value value() const { return value_; }
  double number() const { return number_; }
  bool isZero() const { return !value_ && number_ == 0; }

private:
  mlir::Value value_;
  double number_ = 0;
};

/// The derivative of an elementwise operation by one operand, element by element: `factor` where `mask` holds
/// (a tensor of bool; null: everywhere), else zero. A mask, other than a factor of zeros and ones, lets
/// neither infinities nor NaN through where it does not hold.
struct Partial {
  Term factor;
  mlir::Value mask;

  Partial(Term factor = {}, mlir::Value mask = {}) : factor(factor), mask(mask) {}
  Partial(mlir::Value factor) : factor(factor) {}
};

/// Builds the dialect's operations. Operands broadcast as those of the operations do; numbers take the
/// element type of the tensor they meet. A null Value stands for zeros of any shape: it goes in and comes out
/// wherever a result is zero because of it, and nothing is built for it.
class GradientArithmetic {
public:
  GradientArithmetic(mlir::OpBuilder& builder, mlir::Location loc) : builder(builder), loc(loc) {}

  using Value = mlir::Value;

  /// Any operation; `args` are those of ir::create. No operand may be null.
  template <class Op, class... Args>
  Value apply(Args&&... args) {
    return create<Op>(builder, loc, std::forward<Args>(args)...);
  }

  Value add(Term a, Term b);
  Value sub(Term a, Term b);
  Value mul(Term a, Term b);
  /// The denominator is not zero.
  Value div(Term a, Term b);
  Value neg(Value x);
  Value square(Value x) { return mul(x, x); }
  Value pow(Value x, double exponent);
  Value reciprocal(Value x);
  Value exp(Value x);

  Value equal(Value a, Term b);
  Value less(Value a, Term b);
  Value lessEqual(Value a, Term b);
  Value greater(Value a, Term b);
  Value greaterEqual(Value a, Term b);
  Value both(Value a, Value b);
  Value either(Value a, Value b);
  Value negation(Value condition);
  /// `a` where `condition` holds, else `b`. At least one of them is a tensor, or both are numbers of the
  /// element type `element`.
  Value select(Value condition, Term a, Term b, mlir::Type element = {});
  /// 1 where `condition` holds, else 0.
  Value indicator(Value condition, mlir::Type element);

  /// The sum of `x` over `axes`.
  Value sum(Value x, llvm::ArrayRef<int64_t> axes, bool keepDims = false);
  /// `x` summed over the dimensions along which `type` would have to be repeated to get the shape of `x`:
  /// what undoes broadcasting. Of the type `type`.
  Value sumTo(Value x, mlir::RankedTensorType type);
  Value broadcastTo(Value x, llvm::ArrayRef<int64_t> shape);
  Value reshape(Value x, llvm::ArrayRef<int64_t> shape);
  Value transpose(Value x, llvm::ArrayRef<int64_t> permutation);

  /// A tensor without dimensions.
  Value number(double value, mlir::Type element);
  /// `value` in every element of a tensor of this type.
  Value filled(double value, mlir::RankedTensorType type);
  /// `x`, or zeros of `type` where it is null.
  Value materialized(Value x, mlir::RankedTensorType type);

  mlir::OpBuilder& builder;
  mlir::Location loc;

private:
  /// Both as tensors; a number takes the element type of the other.
  std::pair<Value, Value> operands(Term a, Term b, mlir::Type element = {});
};

/// The rules of an elementwise operation, from its partial derivative by operand `i`; asked for only where it
/// is needed.
using PartialOf = llvm::function_ref<Partial(GradientArithmetic&, unsigned)>;
llvm::SmallVector<mlir::Value> pointwiseVjp(mlir::Operation* op, mlir::OpBuilder& builder,
                                            mlir::ValueRange cotangents, PartialOf partial);
llvm::SmallVector<mlir::Value> pointwiseJvp(mlir::Operation* op, mlir::OpBuilder& builder,
                                            mlir::ValueRange tangents, PartialOf partial);

/// True for tensors that can carry a derivative: those of floating-point numbers.
inline bool isDifferentiable(mlir::Value value) {
  auto type = llvm::dyn_cast<mlir::RankedTensorType>(value.getType());
  return type && llvm::isa<mlir::FloatType>(type.getElementType());
}

} // namespace sinter::ir
