// Data-dependent access.
#include "ir/ops.h"

#include "ir/constant.h"
#include "ir/operand_checks.h"
#include "ir/ops/index/data_index.h"
#include "sinter/runtime/eager/gather.h"

using namespace mlir;

#define GET_OP_CLASSES
#include "ir/ops/index/gather.cpp.inc"

namespace sinter::ir {

namespace {

// The shape of the slices of `input` that `indices` name along an axis, or a diagnostic.
FailureOr<SmallVector<int64_t>> slicesShape(std::optional<Location> location, StringRef name,
                                            RankedTensorType input, RankedTensorType indices,
                                            IntegerAttr axisAttr) {
  const int64_t axis = axisAttr ? axisAttr.getInt() : -1;
  if (axis < 0 || axis >= input.getRank())
    return emitOptionalError(location, name, ": axis ", axis, " is not a dimension of input ", input);
  const auto before = static_cast<size_t>(axis);
  if (input.getShape()[before] == 0 && indices.getNumElements() > 0)
    return emitOptionalError(location, name, ": axis ", axis, " of input ", input,
                             " has no positions for indices ", indices);
  SmallVector<int64_t> shape(input.getShape().take_front(before));
  llvm::append_range(shape, indices.getShape());
  llvm::append_range(shape, input.getShape().drop_front(before + 1));
  return shape;
}

// Compiled kernels clamp: indices known to be wrong are better named now.
LogicalResult checkIndices(Operation* op, Value input, Value indices, int64_t axis) {
  constexpr int64_t worthReading = 4096;
  if (tensorType(indices).getNumElements() > worthReading)
    return success();
  const int64_t extent = tensorType(input).getDimSize(static_cast<unsigned>(axis));
  for (int64_t index : constantIntegers(indices).value_or(SmallVector<int64_t>{}))
    if (index < -extent || index >= extent)
      return op->emitOpError() << "index " << index << " is out of range for axis " << axis << " of input "
                               << input.getType();
  return success();
}

// Where in a tensor of `extent` along `axis` the slice lies that `at` belongs to.
Point pointOfSlice(LoopEmitter& emitter, Value indices, int64_t extent, size_t axis, const Point& at) {
  const auto indexRank = static_cast<size_t>(tensorType(indices).getRank());
  const Point position(ArrayRef<Coord>(at).slice(axis, indexRank));
  Point source(ArrayRef<Coord>(at).take_front(axis));
  source.push_back(indexAt(emitter, indices, position, extent));
  llvm::append_range(source, ArrayRef<Coord>(at).drop_front(axis + indexRank));
  return source;
}

} // namespace

//===-- gather --------------------------------------------------------------------------------------===//

LogicalResult GatherOp::inferReturnTypes(MLIRContext*, std::optional<Location> location, ValueRange operands,
                                         DictionaryAttr attributes, OpaqueProperties properties,
                                         RegionRange regions, SmallVectorImpl<Type>& types) {
  const StringRef name = getOperationName();
  Adaptor adaptor(operands, attributes, properties, regions);
  auto input = staticOperand(location, name, adaptor.getInput(), "input");
  auto indices = staticOperand(location, name, adaptor.getIndices(), "indices");
  if (failed(input) || failed(indices))
    return failure();
  auto shape = slicesShape(location, name, *input, *indices, adaptor.getProperties().axis);
  if (failed(shape))
    return failure();
  return addResult(location, name, ArrayRef<int64_t>(*shape), input->getElementType(), {}, types);
}

LogicalResult GatherOp::verify() {
  if (failed(mlir::detail::verifyInferredResultTypes(*this))) // which also says whether the axis is one
    return failure();
  return checkIndices(*this, getInput(), getIndices(), static_cast<int64_t>(getAxis()));
}

void GatherOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::gather(operands[0], operands[1], results[0], static_cast<int>(getAxis()));
}

Value GatherOp::emitElement(LoopEmitter& emitter, const Point& at, ValueRange) {
  const auto axis = static_cast<size_t>(getAxis());
  const int64_t extent = tensorType(getInput()).getShape()[axis];
  return emitter.element(getInput(), pointOfSlice(emitter, getIndices(), extent, axis, at));
}

SmallVector<Value> GatherOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  GradientArithmetic g(builder, getLoc());
  SmallVector<Value> result(2);
  if (tensorType(cotangents[0]).getNumElements() > 0)
    result[0] = g.apply<ScatterAddOp>(g.filled(0, tensorType(getInput())), getIndices(), cotangents[0],
                                      getAxisAttr());
  return result;
}

SmallVector<Value> GatherOp::jvp(OpBuilder& builder, ValueRange tangents) {
  return {GradientArithmetic(builder, getLoc()).apply<GatherOp>(tangents[0], getIndices(), getAxisAttr())};
}

//===-- scatter_add ---------------------------------------------------------------------------------===//

LogicalResult ScatterAddOp::inferReturnTypes(MLIRContext*, std::optional<Location> location,
                                             ValueRange operands, DictionaryAttr attributes,
                                             OpaqueProperties properties, RegionRange regions,
                                             SmallVectorImpl<Type>& types) {
  const StringRef name = getOperationName();
  Adaptor adaptor(operands, attributes, properties, regions);
  auto input = staticOperand(location, name, adaptor.getInput(), "input");
  auto indices = staticOperand(location, name, adaptor.getIndices(), "indices");
  auto updates = staticOperand(location, name, adaptor.getUpdates(), "updates");
  if (failed(input) || failed(indices) || failed(updates))
    return failure();
  auto shape = slicesShape(location, name, *input, *indices, adaptor.getProperties().axis);
  if (failed(shape))
    return failure();
  if (ArrayRef(*shape) != updates->getShape() || input->getElementType() != updates->getElementType())
    return emitOptionalError(location, name, ": updates ", *updates, " are not the slices ", text(*shape),
                             " of input ", *input, " that indices ", *indices, " name");
  return addResult(location, name, input->getShape(), input->getElementType(), {}, types);
}

LogicalResult ScatterAddOp::verify() {
  if (failed(mlir::detail::verifyInferredResultTypes(*this))) // which also says whether the axis is one
    return failure();
  return checkIndices(*this, getInput(), getIndices(), static_cast<int64_t>(getAxis()));
}

void ScatterAddOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::scatter_add(operands[0], operands[1], operands[2], results[0], static_cast<int>(getAxis()));
}

double ScatterAddOp::getFlops() {
  return static_cast<double>(tensorType(getUpdates()).getNumElements());
}

Point ScatterAddOp::target(LoopEmitter& emitter, const Point& update) {
  const auto axis = static_cast<size_t>(getAxis());
  return pointOfSlice(emitter, getIndices(), tensorType(getInput()).getShape()[axis], axis, update);
}

SmallVector<Value> ScatterAddOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  GradientArithmetic g(builder, getLoc());
  const Value updates = g.apply<GatherOp>(cotangents[0], getIndices(), getAxisAttr());
  return {cotangents[0], Value(), updates};
}

SmallVector<Value> ScatterAddOp::jvp(OpBuilder& builder, ValueRange tangents) {
  if (!tangents[2])
    return {tangents[0]};
  GradientArithmetic g(builder, getLoc());
  return {g.apply<ScatterAddOp>(g.materialized(tangents[0], tensorType(getInput())), getIndices(),
                                tangents[2], getAxisAttr())};
}

} // namespace sinter::ir
