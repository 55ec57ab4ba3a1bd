// Comparisons and logic.
#include "ir/element_arithmetic.h"
#include "ir/ops.h"
#include "sinter/runtime/eager/elementwise.h"

using namespace mlir;

#define GET_OP_CLASSES
#include "ir/ops/elementwise/compare.cpp.inc"

namespace sinter::ir {
namespace {

template <class Op>
Value emitCompare(Op op, OpBuilder& builder, Location loc, ValueRange operands, arith::CmpFPredicate floats,
                  arith::CmpIPredicate integers, arith::CmpIPredicate unsignedIntegers) {
  ElementArithmetic e(builder, loc);
  const Type element = op.getLhs().getType().getElementType();
  if (isa<FloatType>(element))
    return e.compare(floats, operands[0], operands[1]);
  return e.compareI(isUnsignedElement(element) ? unsignedIntegers : integers, operands[0], operands[1]);
}

} // namespace

void EqualOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::equal(operands[0], operands[1], results[0]);
}

Value EqualOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  return emitCompare(*this, builder, loc, operands, arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq,
                     arith::CmpIPredicate::eq);
}

void NotEqualOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::not_equal(operands[0], operands[1], results[0]);
}

Value NotEqualOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  return emitCompare(*this, builder, loc, operands, arith::CmpFPredicate::UNE, arith::CmpIPredicate::ne,
                     arith::CmpIPredicate::ne);
}

void LessOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::less(operands[0], operands[1], results[0]);
}

Value LessOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  return emitCompare(*this, builder, loc, operands, arith::CmpFPredicate::OLT, arith::CmpIPredicate::slt,
                     arith::CmpIPredicate::ult);
}

void LessEqualOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::less_equal(operands[0], operands[1], results[0]);
}

Value LessEqualOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  return emitCompare(*this, builder, loc, operands, arith::CmpFPredicate::OLE, arith::CmpIPredicate::sle,
                     arith::CmpIPredicate::ule);
}

void GreaterOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::greater(operands[0], operands[1], results[0]);
}

Value GreaterOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  return emitCompare(*this, builder, loc, operands, arith::CmpFPredicate::OGT, arith::CmpIPredicate::sgt,
                     arith::CmpIPredicate::ugt);
}

void GreaterEqualOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::greater_equal(operands[0], operands[1], results[0]);
}

Value GreaterEqualOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  return emitCompare(*this, builder, loc, operands, arith::CmpFPredicate::OGE, arith::CmpIPredicate::sge,
                     arith::CmpIPredicate::uge);
}

void LogicalAndOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::logical_and(operands[0], operands[1], results[0]);
}

Value LogicalAndOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  return arith::AndIOp::create(builder, loc, operands[0], operands[1]);
}

void LogicalOrOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::logical_or(operands[0], operands[1], results[0]);
}

Value LogicalOrOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  return arith::OrIOp::create(builder, loc, operands[0], operands[1]);
}

void LogicalXorOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::logical_xor(operands[0], operands[1], results[0]);
}

Value LogicalXorOp::emitPointwise(OpBuilder& builder, Location loc, ValueRange operands) {
  return arith::XOrIOp::create(builder, loc, operands[0], operands[1]);
}

} // namespace sinter::ir
