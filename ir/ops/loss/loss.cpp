// Losses.
#include "ir/ops.h"

#include "ir/constant.h"
#include "ir/element_arithmetic.h"
#include "ir/operand_checks.h"
#include "ir/ops/index/data_index.h"
#include "ir/ops/norm/line_statistics.h"
#include "sinter/runtime/eager/loss.h"

#include <limits>

using namespace mlir;

#define GET_OP_CLASSES
#include "ir/ops/loss/loss.cpp.inc"

namespace sinter::ir {
namespace {

// The shape of one loss for each line of `logits`, or a diagnostic.
FailureOr<SmallVector<int64_t>> lineShape(std::optional<Location> location, StringRef name,
                                          RankedTensorType logits, IntegerAttr axisAttr) {
  const int64_t axis = axisAttr ? axisAttr.getInt() : -1;
  if (axis < 0 || axis >= logits.getRank())
    return emitOptionalError(location, name, ": axis ", axis, " is not a dimension of logits ", logits);
  if (logits.getShape()[static_cast<size_t>(axis)] == 0)
    return emitOptionalError(location, name, ": axis ", axis, " of logits ", logits, " is empty");
  SmallVector<int64_t> shape(logits.getShape());
  shape.erase(shape.begin() + axis);
  return shape;
}

// A position of the result as one of the logits; the coordinate on the axis is a placeholder.
Point lineAt(LoopEmitter& e, const Point& at, int64_t axis) {
  Point line = at;
  line.insert(line.begin() + axis, e.at(int64_t{0}));
  return line;
}

// Of the maximum, the sum of powers, and so on, for each logit.
constexpr double kFlops = 5;

} // namespace

//===-- Cross-entropy -------------------------------------------------------------------------------===//

LogicalResult CrossEntropyOp::inferReturnTypes(MLIRContext*, std::optional<Location> location,
                                               ValueRange operands, DictionaryAttr attributes,
                                               OpaqueProperties properties, RegionRange regions,
                                               SmallVectorImpl<Type>& types) {
  const StringRef name = getOperationName();
  Adaptor adaptor(operands, attributes, properties, regions);
  auto logits = staticOperand(location, name, adaptor.getLogits(), "logits");
  auto targets = staticOperand(location, name, adaptor.getTargets(), "targets");
  if (failed(logits) || failed(targets))
    return failure();
  auto shape = lineShape(location, name, *logits, adaptor.getProperties().axis);
  if (failed(shape))
    return failure();
  if (targets->getShape() != logits->getShape() || targets->getElementType() != logits->getElementType())
    return emitOptionalError(location, name, ": targets ", *targets,
                             " are not a weight for each of the logits ", *logits);
  return addResult(location, name, ArrayRef<int64_t>(*shape), logits->getElementType(), {}, types);
}

double CrossEntropyOp::getFlops() {
  return (kFlops + 2) * static_cast<double>(tensorType(getLogits()).getNumElements());
}

void CrossEntropyOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::cross_entropy(operands[0], operands[1], results[0], static_cast<int64_t>(getAxis()));
}

// log(sum) * total - sum(targets * (logits - max)): the logarithm is taken once, and next to a large maximum
// it would lose its digits.
Value CrossEntropyOp::emitElement(LoopEmitter& e, const Point& at, ValueRange) {
  const auto axis = static_cast<int64_t>(getAxis());
  const Point line = lineAt(e, at, axis);
  const auto [max, sum] = emitLineStatistics(e, getLogits(), axis, line);
  const RankedTensorType type = getLogits().getType();
  const Value total =
      foldOver(e, getTargets(), {axis}, line, Combine::add, [](ElementArithmetic&, Value t) { return t; });
  const Value dot =
      e.reduce(type.getShape(), {axis}, line, Combine::add, type.getElementType(), [&](const Point& p) {
        ElementArithmetic inner(e.builder, e.loc);
        return inner.mul(e.element(getTargets(), p), inner.sub(e.element(getLogits(), p), e.splat(max)));
      });
  ElementArithmetic arithmetic(e.builder, e.loc);
  return arithmetic.sub(arithmetic.mul(arithmetic.log(sum), total), dot);
}

//===-- Cross-entropy of classes --------------------------------------------------------------------===//

LogicalResult SparseCrossEntropyOp::inferReturnTypes(MLIRContext*, std::optional<Location> location,
                                                     ValueRange operands, DictionaryAttr attributes,
                                                     OpaqueProperties properties, RegionRange regions,
                                                     SmallVectorImpl<Type>& types) {
  const StringRef name = getOperationName();
  Adaptor adaptor(operands, attributes, properties, regions);
  auto logits = staticOperand(location, name, adaptor.getLogits(), "logits");
  auto classes = staticOperand(location, name, adaptor.getClasses(), "classes");
  if (failed(logits) || failed(classes))
    return failure();
  auto shape = lineShape(location, name, *logits, adaptor.getProperties().axis);
  if (failed(shape))
    return failure();
  if (classes->getShape() != ArrayRef<int64_t>(*shape))
    return emitOptionalError(location, name, ": classes ", *classes, " are not one for each of the ",
                             text(*shape), " lines of the logits ", *logits, " along axis ",
                             adaptor.getProperties().axis.getInt());
  return addResult(location, name, ArrayRef<int64_t>(*shape), logits->getElementType(), {}, types);
}

// Compiled kernels cannot complain: classes known to be wrong are better named now.
LogicalResult SparseCrossEntropyOp::verify() {
  constexpr int64_t kWorthReading = 4096;
  if (failed(mlir::detail::verifyInferredResultTypes(*this))) // which also says whether the axis is one
    return failure();
  if (tensorType(getClasses()).getNumElements() > kWorthReading)
    return success();
  const int64_t count = tensorType(getLogits()).getDimSize(static_cast<unsigned>(getAxis()));
  for (int64_t number : constantIntegers(getClasses()).value_or(SmallVector<int64_t>{}))
    if (number >= count)
      return emitOpError() << "class " << number << " is out of range for axis " << getAxis() << " of logits "
                           << getLogits().getType();
  return success();
}

double SparseCrossEntropyOp::getFlops() {
  return kFlops * static_cast<double>(tensorType(getLogits()).getNumElements());
}

void SparseCrossEntropyOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::sparse_cross_entropy(operands[0], operands[1], results[0], static_cast<int64_t>(getAxis()));
}

Value SparseCrossEntropyOp::emitElement(LoopEmitter& e, const Point& at, ValueRange) {
  const auto axis = static_cast<int64_t>(getAxis());
  Point line = lineAt(e, at, axis);
  const auto [max, sum] = emitLineStatistics(e, getLogits(), axis, line);
  const int64_t count = tensorType(getLogits()).getDimSize(static_cast<unsigned>(axis));
  line[static_cast<size_t>(axis)] = indexAt(e, getClasses(), at, count);
  ElementArithmetic arithmetic(e.builder, e.loc);
  const Value chosen = e.element(getLogits(), line);
  const Value loss = arithmetic.add(arithmetic.log(sum), arithmetic.sub(max, chosen));
  const Value number = e.element(getClasses(), at);
  const Value isNone = arithmetic.compareI(arith::CmpIPredicate::slt, number, 0);
  const Value isPast = arithmetic.compareI(arith::CmpIPredicate::sge, number, count);
  const Value unknown = arithmetic.constant(std::numeric_limits<double>::quiet_NaN(), loss);
  return arithmetic.choose(isNone, arithmetic.constant(0, loss), arithmetic.choose(isPast, unknown, loss));
}

} // namespace sinter::ir
