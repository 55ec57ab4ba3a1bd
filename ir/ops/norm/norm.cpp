// Normalisations.
#include "sinter/runtime/eager/norm.h"
#include "ir/element_arithmetic.h"
#include "ir/ops.h"
#include "ir/ops/norm/line_statistics.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

#define GET_OP_CLASSES
#include "ir/ops/norm/norm.cpp.inc"

namespace sinter::ir {
namespace {

// The result is as the input; `axis`, where the operation has one, must be one of its dimensions.
LogicalResult inferAsInput(std::optional<Location> location, StringRef name, ValueRange operands,
                           SmallVectorImpl<Type>& types) {
  auto input = operands.empty() ? RankedTensorType() : dyn_cast<RankedTensorType>(operands[0].getType());
  if (!input)
    return emitOptionalError(location, name, ": takes a ranked tensor");
  types.push_back(input);
  return success();
}

LogicalResult inferWithAxis(std::optional<Location> location, StringRef name, ValueRange operands,
                            IntegerAttr axis, SmallVectorImpl<Type>& types) {
  if (!axis)
    return emitOptionalError(location, name, ": the attribute `axis` is missing");
  if (failed(inferAsInput(location, name, operands, types)))
    return failure();
  const auto input = cast<RankedTensorType>(types.back());
  const int64_t value = axis.getValue().getSExtValue();
  if (value < 0 || value >= input.getRank())
    return emitOptionalError(location, name, ": axis ", value, " is out of range for ", input);
  return success();
}

// `parameter` has the shape `expected` and the element type of `input`.
LogicalResult checkParameter(Operation* op, StringRef what, RankedTensorType parameter,
                             RankedTensorType input, ArrayRef<int64_t> expected) {
  const auto type = RankedTensorType::get(expected, input.getElementType());
  if (sameLogicalTypes(parameter, type))
    return success();
  return op->emitOpError() << what << " is " << parameter << " where " << type << " is expected for an input "
                           << input;
}

double elementsOf(RankedTensorType type) {
  return static_cast<double>(type.getNumElements());
}

SmallVector<int64_t> axesFrom(int64_t axis, int64_t rank) {
  return llvm::to_vector(llvm::seq<int64_t>(axis, rank));
}

} // namespace

//===-- Softmax -------------------------------------------------------------------------------------===//

LogicalResult SoftmaxOp::inferReturnTypes(MLIRContext*, std::optional<Location> location, ValueRange operands,
                                          DictionaryAttr attributes, OpaqueProperties properties,
                                          RegionRange regions, SmallVectorImpl<Type>& types) {
  Adaptor adaptor(operands, attributes, properties, regions);
  return inferWithAxis(location, getOperationName(), operands, adaptor.getProperties().axis, types);
}

double SoftmaxOp::getFlops() {
  return 5 * elementsOf(getInput().getType());
}

void SoftmaxOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::softmax(operands[0], results[0], static_cast<int64_t>(getAxis()));
}

SmallVector<int64_t> SoftmaxOp::getStatisticsAxes() {
  return {static_cast<int64_t>(getAxis())};
}

SmallVector<Value> SoftmaxOp::emitStatistics(LoopEmitter& e, const Point& at) {
  const auto [max, sum] = emitLineStatistics(e, getInput(), static_cast<int64_t>(getAxis()), at);
  return {max, ElementArithmetic(e.builder, e.loc).div(1, sum)};
}

Value SoftmaxOp::emitElement(LoopEmitter& e, const Point& at, ValueRange statistics) {
  ElementArithmetic arithmetic(e.builder, e.loc);
  const Value power =
      arithmetic.expOfNegative(arithmetic.sub(e.element(getInput(), at), e.splat(statistics[0])));
  return arithmetic.mul(power, e.splat(statistics[1]));
}

//===-- Log-softmax ---------------------------------------------------------------------------------===//

LogicalResult LogSoftmaxOp::inferReturnTypes(MLIRContext*, std::optional<Location> location,
                                             ValueRange operands, DictionaryAttr attributes,
                                             OpaqueProperties properties, RegionRange regions,
                                             SmallVectorImpl<Type>& types) {
  Adaptor adaptor(operands, attributes, properties, regions);
  return inferWithAxis(location, getOperationName(), operands, adaptor.getProperties().axis, types);
}

double LogSoftmaxOp::getFlops() {
  return 5 * elementsOf(getInput().getType());
}

void LogSoftmaxOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::log_softmax(operands[0], results[0], static_cast<int64_t>(getAxis()));
}

SmallVector<int64_t> LogSoftmaxOp::getStatisticsAxes() {
  return {static_cast<int64_t>(getAxis())};
}

// Two numbers, not their sum: next to a large maximum the logarithm would lose its digits.
SmallVector<Value> LogSoftmaxOp::emitStatistics(LoopEmitter& e, const Point& at) {
  const auto [max, sum] = emitLineStatistics(e, getInput(), static_cast<int64_t>(getAxis()), at);
  return {max, ElementArithmetic(e.builder, e.loc).log(sum)};
}

Value LogSoftmaxOp::emitElement(LoopEmitter& e, const Point& at, ValueRange statistics) {
  ElementArithmetic arithmetic(e.builder, e.loc);
  const Value shifted = arithmetic.sub(e.element(getInput(), at), e.splat(statistics[0]));
  return arithmetic.sub(shifted, e.splat(statistics[1]));
}

//===-- Layer normalisation -------------------------------------------------------------------------===//

LogicalResult LayerNormOp::inferReturnTypes(MLIRContext*, std::optional<Location> location,
                                            ValueRange operands, DictionaryAttr attributes,
                                            OpaqueProperties properties, RegionRange regions,
                                            SmallVectorImpl<Type>& types) {
  Adaptor adaptor(operands, attributes, properties, regions);
  return inferWithAxis(location, getOperationName(), operands, adaptor.getProperties().axis, types);
}

LogicalResult LayerNormOp::verify() {
  if (failed(mlir::detail::verifyInferredResultTypes(*this))) // which also says whether the axis is one
    return failure();
  const RankedTensorType input = getInput().getType();
  const ArrayRef<int64_t> normalised = input.getShape().drop_front(getAxis());
  if (failed(checkParameter(*this, "scale", getScale().getType(), input, normalised)))
    return failure();
  return getBias() ? checkParameter(*this, "bias", getBias().getType(), input, normalised) : success();
}

double LayerNormOp::getFlops() {
  return 8 * elementsOf(getInput().getType());
}

void LayerNormOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::layer_norm(operands[0], operands[1], getBias() ? &operands[2] : nullptr, results[0],
                    static_cast<int64_t>(getAxis()), getEpsilon().convertToDouble());
}

SmallVector<int64_t> LayerNormOp::getStatisticsAxes() {
  return axesFrom(static_cast<int64_t>(getAxis()), getInput().getType().getRank());
}

// The mean, and 1 / sqrt(variance + epsilon). In two passes: the mean of squares less the squared mean
// cancels.
SmallVector<Value> LayerNormOp::emitStatistics(LoopEmitter& e, const Point& at) {
  const RankedTensorType input = getInput().getType();
  const SmallVector<int64_t> axes = getStatisticsAxes();
  double count = 1;
  for (int64_t axis : axes)
    count *= static_cast<double>(input.getDimSize(axis));
  ElementArithmetic arithmetic(e.builder, e.loc);
  const Value sum =
      foldOver(e, getInput(), axes, at, Combine::add, [](ElementArithmetic&, Value v) { return v; });
  const Value mean = arithmetic.mul(sum, 1 / count);
  const Value squares =
      foldOver(e, getInput(), axes, at, Combine::add, [&](ElementArithmetic& inner, Value v) {
        const Value deviation = inner.sub(v, e.splat(mean));
        return inner.mul(deviation, deviation);
      });
  const Value variance = arithmetic.add(arithmetic.mul(squares, 1 / count), getEpsilon().convertToDouble());
  return {mean, arithmetic.div(1, arithmetic.sqrt(variance))};
}

Value LayerNormOp::emitElement(LoopEmitter& e, const Point& at, ValueRange statistics) {
  ElementArithmetic arithmetic(e.builder, e.loc);
  const Point inner(at.begin() + getAxis(), at.end());
  const Value deviation = arithmetic.sub(e.element(getInput(), at), e.splat(statistics[0]));
  const Value normal = arithmetic.mul(deviation, e.splat(statistics[1]));
  const Value scaled = arithmetic.mul(normal, e.element(getScale(), inner));
  return getBias() ? arithmetic.add(scaled, e.element(getBias(), inner)) : scaled;
}

//===-- Batch normalisation -------------------------------------------------------------------------===//

LogicalResult BatchNormOp::inferReturnTypes(MLIRContext*, std::optional<Location> location,
                                            ValueRange operands, DictionaryAttr, OpaqueProperties,
                                            RegionRange, SmallVectorImpl<Type>& types) {
  return inferAsInput(location, getOperationName(), operands, types);
}

LogicalResult BatchNormOp::verify() {
  const RankedTensorType input = getInput().getType();
  if (input.getRank() < 2)
    return emitOpError() << "takes an input [N, C, ...], got " << input;
  const int64_t channels[] = {input.getDimSize(1)};
  if (failed(checkParameter(*this, "scale", getScale().getType(), input, channels)) ||
      failed(checkParameter(*this, "bias", getBias().getType(), input, channels)) ||
      failed(checkParameter(*this, "mean", getMean().getType(), input, channels)))
    return failure();
  return checkParameter(*this, "variance", getVariance().getType(), input, channels);
}

// What remains at every position once the channels' factors are known.
double BatchNormOp::getFlops() {
  return 2 * elementsOf(getInput().getType());
}

void BatchNormOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::batch_norm(operands[0], operands[1], operands[2], operands[3], operands[4], results[0],
                    getEpsilon().convertToDouble());
}

// The factor depends on the channel only, so that it can leave loops over positions.
Value BatchNormOp::emitElement(LoopEmitter& e, const Point& at, ValueRange) {
  const Point channel{at[1]};
  ElementArithmetic arithmetic(e.builder, e.loc);
  const Value variance = arithmetic.add(e.element(getVariance(), channel), getEpsilon().convertToDouble());
  const Value factor = arithmetic.div(e.element(getScale(), channel), arithmetic.sqrt(variance));
  const Value deviation = arithmetic.sub(e.element(getInput(), at), e.element(getMean(), channel));
  return arithmetic.add(arithmetic.mul(deviation, factor), e.element(getBias(), channel));
}

//===-- Local response normalisation ----------------------------------------------------------------===//

LogicalResult LrnOp::inferReturnTypes(MLIRContext*, std::optional<Location> location, ValueRange operands,
                                      DictionaryAttr attributes, OpaqueProperties properties,
                                      RegionRange regions, SmallVectorImpl<Type>& types) {
  Adaptor adaptor(operands, attributes, properties, regions);
  const IntegerAttr size = adaptor.getProperties().size;
  if (!size || size.getValue().getSExtValue() < 1)
    return emitOptionalError(location, getOperationName(), ": the window `size` must be at least 1");
  if (failed(inferAsInput(location, getOperationName(), operands, types)))
    return failure();
  if (cast<RankedTensorType>(types.back()).getRank() < 2)
    return emitOptionalError(location, getOperationName(), ": takes an input [N, C, ...], got ",
                             types.back());
  return success();
}

double LrnOp::getFlops() {
  return (2 * static_cast<double>(getSize()) + 6) * elementsOf(getInput().getType());
}

void LrnOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::lrn(operands[0], results[0], static_cast<int64_t>(getSize()), getAlpha().convertToDouble(),
             getBeta().convertToDouble(), getBias().convertToDouble());
}

Value LrnOp::emitElement(LoopEmitter& e, const Point& at, ValueRange) {
  ElementArithmetic arithmetic(e.builder, e.loc);
  const Type element = getInput().getType().getElementType();
  const int64_t channels = getInput().getType().getDimSize(1);
  // What lies more than all channels away is outside for every channel.
  const auto size = static_cast<int64_t>(getSize());
  const int64_t before = std::min((size - 1) / 2, channels), after = std::min(size / 2, channels);
  const Coord first = e.affine(at[1], 1, -before);
  const Value zero = e.constant(0, element);
  const Value squares = e.loop({before + after + 1}, zero, [&](ArrayRef<Value> index, ValueRange sum) {
    Point p = at;
    p[1] = e.add(first, e.at(index[0]));
    const Value v = e.elementOr(getInput(), p, zero);
    return SmallVector<Value>{arithmetic.add(sum[0], arithmetic.mul(v, v))};
  })[0];
  const double alpha = getAlpha().convertToDouble() / static_cast<double>(getSize());
  const Value base = arithmetic.add(arithmetic.mul(squares, alpha), getBias().convertToDouble());
  const double beta = getBeta().convertToDouble();
  Value divisor;
  if (beta == 0.75) { // what every published network has
    const Value root = arithmetic.sqrt(base);
    divisor = arithmetic.mul(root, arithmetic.sqrt(root));
  } else {
    divisor = math::PowFOp::create(e.builder, e.loc, base, arithmetic.constant(beta, base));
  }
  return arithmetic.div(e.element(getInput(), at), divisor);
}

} // namespace sinter::ir
