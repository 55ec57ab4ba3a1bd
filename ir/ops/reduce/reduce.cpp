// Reductions over axes.
#include "sinter/runtime/eager/reduce.h"
#include "ir/element_arithmetic.h"
#include "ir/ops.h"

using namespace mlir;

#define GET_OP_CLASSES
#include "ir/ops/reduce/reduce.cpp.inc"

namespace sinter::ir {
namespace {

//===-- Shapes --------------------------------------------------------------------------------------===//

LogicalResult checkAxes(std::optional<Location> location, StringRef name, RankedTensorType input,
                        ArrayRef<int64_t> axes) {
  int64_t previous = -1;
  for (int64_t axis : axes) {
    if (axis < 0 || axis >= input.getRank())
      return emitOptionalError(location, name, ": axis ", axis, " is out of range for ", input);
    if (axis <= previous)
      return emitOptionalError(location, name, ": axes must be distinct and ascending, got [", axes, "] for ",
                               input);
    previous = axis;
  }
  return success();
}

RankedTensorType reducedType(RankedTensorType input, ArrayRef<int64_t> axes, bool keepDims, Type element) {
  SmallVector<int64_t> shape;
  for (auto [d, extent] : llvm::enumerate(input.getShape())) {
    if (!llvm::is_contained(axes, static_cast<int64_t>(d)))
      shape.push_back(extent);
    else if (keepDims)
      shape.push_back(1);
  }
  return RankedTensorType::get(shape, element);
}

RankedTensorType inputType(ValueRange operands) {
  return operands.size() == 1 ? dyn_cast<RankedTensorType>(operands[0].getType()) : RankedTensorType();
}

bool isTrue(BoolAttr attribute) {
  return attribute && attribute.getValue();
}

template <class Op>
LogicalResult inferReduce(std::optional<Location> location, typename Op::Adaptor adaptor, ValueRange operands,
                          SmallVectorImpl<Type>& types) {
  const auto input = inputType(operands);
  const DenseI64ArrayAttr axes = adaptor.getProperties().axes;
  if (!input || !axes)
    return emitOptionalError(location, Op::getOperationName(), ": takes one ranked tensor and `axes`");
  if (failed(checkAxes(location, Op::getOperationName(), input, axes)))
    return failure();
  types.push_back(
      reducedType(input, axes, isTrue(adaptor.getProperties().keep_dims), input.getElementType()));
  return success();
}

template <class Op>
LogicalResult inferArgReduce(std::optional<Location> location, typename Op::Adaptor adaptor,
                             ValueRange operands, SmallVectorImpl<Type>& types) {
  const auto input = inputType(operands);
  const IntegerAttr axis = adaptor.getProperties().axis;
  if (!input || !axis)
    return emitOptionalError(location, Op::getOperationName(), ": takes one ranked tensor and `axis`");
  const int64_t axes[] = {axis.getValue().getSExtValue()};
  if (failed(checkAxes(location, Op::getOperationName(), input, axes)))
    return failure();
  if (input.getDimSize(axes[0]) == 0)
    return emitOptionalError(location, Op::getOperationName(), ": axis ", axes[0], " of ", input,
                             " is empty");
  types.push_back(reducedType(input, axes, isTrue(adaptor.getProperties().keep_dims),
                              IntegerType::get(input.getContext(), 64)));
  return success();
}

template <class Op>
double inputElements(Op op) {
  return static_cast<double>(op.getInput().getType().getNumElements());
}

//===-- Loops ---------------------------------------------------------------------------------------===//

// The result's position as one of the input; the coordinates on `axes` are placeholders.
Point inputPoint(LoopEmitter& e, const Point& at, ArrayRef<int64_t> axes, bool keepDims, int64_t rank) {
  Point point;
  size_t next = 0;
  for (int64_t d = 0; d < rank; ++d) {
    const bool reduced = llvm::is_contained(axes, d);
    point.push_back(reduced ? e.at(int64_t{0}) : at[next]);
    next += !reduced || keepDims;
  }
  return point;
}

template <class Op>
Value emitFold(Op op, LoopEmitter& e, const Point& at, Combine how) {
  const RankedTensorType input = op.getInput().getType();
  const ArrayRef<int64_t> axes = op.getAxes();
  const Point from = inputPoint(e, at, axes, op.getKeepDims(), input.getRank());
  return e.reduce(input.getShape(), axes, from, how, input.getElementType(),
                  [&](const Point& p) { return e.element(op.getInput(), p); });
}

// The best element, then the first position that has it: reductions both, which targets have fast ways for. A
// NaN is the best there is.
template <class Op>
Value emitArgReduce(Op op, LoopEmitter& e, const Point& at, Combine how) {
  const RankedTensorType input = op.getInput().getType();
  const auto axis = static_cast<int64_t>(op.getAxis());
  const Point from = inputPoint(e, at, {axis}, op.getKeepDims(), input.getRank());
  const Type element = input.getElementType(), i64 = e.builder.getI64Type();
  const Value best = e.reduce(input.getShape(), {axis}, from, how, element,
                              [&](const Point& p) { return e.element(op.getInput(), p); });
  return e.reduce(input.getShape(), {axis}, from, Combine::min, i64, [&](const Point& p) -> Value {
    ElementArithmetic arithmetic(e.builder, e.loc);
    const Value v = e.element(op.getInput(), p), wanted = e.splat(best);
    const Value isBest = isa<FloatType>(element)
                             ? arithmetic.either(arithmetic.compare(arith::CmpFPredicate::OEQ, v, wanted),
                                                 arithmetic.compare(arith::CmpFPredicate::UNO, v, v))
                             : arithmetic.compareI(arith::CmpIPredicate::eq, v, wanted);
    const Value place = e.lanes(p[static_cast<size_t>(axis)]), none = e.neutral(Combine::min, i64);
    const Value here = e.splat(arith::IndexCastOp::create(e.builder, e.loc, none.getType(), place));
    return arith::SelectOp::create(e.builder, e.loc, isBest, here, none);
  });
}

} // namespace

// Inference reports what is wrong with the axes; the trait that compares the types runs it before `verify`.

//===-- Sum -----------------------------------------------------------------------------------------===//

LogicalResult ReduceSumOp::inferReturnTypes(MLIRContext*, std::optional<Location> location,
                                            ValueRange operands, DictionaryAttr attributes,
                                            OpaqueProperties properties, RegionRange regions,
                                            SmallVectorImpl<Type>& types) {
  return inferReduce<ReduceSumOp>(location, Adaptor(operands, attributes, properties, regions), operands,
                                  types);
}
double ReduceSumOp::getFlops() {
  return inputElements(*this);
}
void ReduceSumOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::reduce_sum(operands[0], results[0], getAxes());
}
Value ReduceSumOp::emitElement(LoopEmitter& e, const Point& at, ValueRange) {
  return emitFold(*this, e, at, Combine::add);
}

//===-- Mean ----------------------------------------------------------------------------------------===//

LogicalResult ReduceMeanOp::inferReturnTypes(MLIRContext*, std::optional<Location> location,
                                             ValueRange operands, DictionaryAttr attributes,
                                             OpaqueProperties properties, RegionRange regions,
                                             SmallVectorImpl<Type>& types) {
  return inferReduce<ReduceMeanOp>(location, Adaptor(operands, attributes, properties, regions), operands,
                                   types);
}
double ReduceMeanOp::getFlops() {
  return inputElements(*this);
}
void ReduceMeanOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::reduce_mean(operands[0], results[0], getAxes());
}
Value ReduceMeanOp::emitElement(LoopEmitter& e, const Point& at, ValueRange) {
  double count = 1;
  for (int64_t axis : getAxes())
    count *= static_cast<double>(getInput().getType().getDimSize(axis));
  const Value sum = emitFold(*this, e, at, Combine::add);
  ElementArithmetic arithmetic(e.builder, e.loc);
  return arithmetic.div(sum, arithmetic.constant(count, sum));
}

//===-- Maximum and minimum -------------------------------------------------------------------------===//

LogicalResult ReduceMaxOp::inferReturnTypes(MLIRContext*, std::optional<Location> location,
                                            ValueRange operands, DictionaryAttr attributes,
                                            OpaqueProperties properties, RegionRange regions,
                                            SmallVectorImpl<Type>& types) {
  return inferReduce<ReduceMaxOp>(location, Adaptor(operands, attributes, properties, regions), operands,
                                  types);
}
double ReduceMaxOp::getFlops() {
  return inputElements(*this);
}
void ReduceMaxOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::reduce_max(operands[0], results[0], getAxes());
}
Value ReduceMaxOp::emitElement(LoopEmitter& e, const Point& at, ValueRange) {
  return emitFold(*this, e, at, Combine::max);
}

LogicalResult ReduceMinOp::inferReturnTypes(MLIRContext*, std::optional<Location> location,
                                            ValueRange operands, DictionaryAttr attributes,
                                            OpaqueProperties properties, RegionRange regions,
                                            SmallVectorImpl<Type>& types) {
  return inferReduce<ReduceMinOp>(location, Adaptor(operands, attributes, properties, regions), operands,
                                  types);
}
double ReduceMinOp::getFlops() {
  return inputElements(*this);
}
void ReduceMinOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::reduce_min(operands[0], results[0], getAxes());
}
Value ReduceMinOp::emitElement(LoopEmitter& e, const Point& at, ValueRange) {
  return emitFold(*this, e, at, Combine::min);
}

//===-- Product -------------------------------------------------------------------------------------===//

LogicalResult ReduceProdOp::inferReturnTypes(MLIRContext*, std::optional<Location> location,
                                             ValueRange operands, DictionaryAttr attributes,
                                             OpaqueProperties properties, RegionRange regions,
                                             SmallVectorImpl<Type>& types) {
  return inferReduce<ReduceProdOp>(location, Adaptor(operands, attributes, properties, regions), operands,
                                   types);
}
double ReduceProdOp::getFlops() {
  return inputElements(*this);
}
void ReduceProdOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::reduce_prod(operands[0], results[0], getAxes());
}
Value ReduceProdOp::emitElement(LoopEmitter& e, const Point& at, ValueRange) {
  return emitFold(*this, e, at, Combine::mul);
}

//===-- Index of the largest and smallest -----------------------------------------------------------===//

LogicalResult ArgMaxOp::inferReturnTypes(MLIRContext*, std::optional<Location> location, ValueRange operands,
                                         DictionaryAttr attributes, OpaqueProperties properties,
                                         RegionRange regions, SmallVectorImpl<Type>& types) {
  return inferArgReduce<ArgMaxOp>(location, Adaptor(operands, attributes, properties, regions), operands,
                                  types);
}
double ArgMaxOp::getFlops() {
  return inputElements(*this);
}
void ArgMaxOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::argmax(operands[0], results[0], static_cast<int64_t>(getAxis()));
}
Value ArgMaxOp::emitElement(LoopEmitter& e, const Point& at, ValueRange) {
  return emitArgReduce(*this, e, at, Combine::max);
}

LogicalResult ArgMinOp::inferReturnTypes(MLIRContext*, std::optional<Location> location, ValueRange operands,
                                         DictionaryAttr attributes, OpaqueProperties properties,
                                         RegionRange regions, SmallVectorImpl<Type>& types) {
  return inferArgReduce<ArgMinOp>(location, Adaptor(operands, attributes, properties, regions), operands,
                                  types);
}
double ArgMinOp::getFlops() {
  return inputElements(*this);
}
void ArgMinOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::argmin(operands[0], results[0], static_cast<int64_t>(getAxis()));
}
Value ArgMinOp::emitElement(LoopEmitter& e, const Point& at, ValueRange) {
  return emitArgReduce(*this, e, at, Combine::min);
}

} // namespace sinter::ir
