// Winograd's convolution: shapes, reference semantics and costs.
#include "ir/ops.h"

#include "ir/ops/conv/window.h"
#include "sinter/runtime/eager/winograd.h"

using namespace mlir;

#define GET_OP_CLASSES
#include "ir/ops/conv/winograd.cpp.inc"

namespace sinter::ir {
namespace {

FailureOr<RankedTensorType> f32Operand(std::optional<Location> location, StringRef op, Value value,
                                       StringRef role, int64_t rank) {
  auto type = staticOperand(location, op, value, role);
  if (failed(type))
    return failure();
  if (!type->getElementType().isF32())
    return emitOptionalError(location, op, ": ", role, " ", *type, " is not f32");
  if (type->getRank() != rank)
    return emitOptionalError(location, op, ": ", role, " ", *type, " does not have ", rank, " dimensions");
  return type;
}

LogicalResult checkTile(std::optional<Location> location, StringRef op, uint64_t tile) {
  if (!eager::is_winograd_tile(static_cast<int64_t>(tile)))
    return emitOptionalError(location, op, ": tile is ", static_cast<int64_t>(tile),
                             "; only 2 and 4 are known");
  return success();
}

} // namespace

LogicalResult WinogradFilterOp::inferReturnTypes(MLIRContext*, std::optional<Location> location,
                                                 ValueRange operands, DictionaryAttr attributes,
                                                 OpaqueProperties properties, RegionRange regions,
                                                 SmallVectorImpl<Type>& types) {
  const StringRef name = getOperationName();
  Adaptor adaptor(operands, attributes, properties, regions);
  auto filter = f32Operand(location, name, adaptor.getFilter(), "filter", 4);
  if (failed(filter) || failed(checkTile(location, name, adaptor.getTile())))
    return failure();
  if (filter->getDimSize(2) != 3 || filter->getDimSize(3) != 3)
    return emitOptionalError(location, name, ": filter ", *filter, " is not 3x3");
  const int64_t points = eager::winograd_points(static_cast<int64_t>(adaptor.getTile()));
  const int64_t shape[] = {points, filter->getDimSize(0), filter->getDimSize(1)};
  return addResult(location, name, ArrayRef<int64_t>(shape), filter->getElementType(), {}, types);
}

void WinogradFilterOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::winograd_filter(operands[0], results[0], static_cast<int64_t>(getTile()));
}

LogicalResult WinogradConvOp::inferReturnTypes(MLIRContext* context, std::optional<Location> location,
                                               ValueRange operands, DictionaryAttr attributes,
                                               OpaqueProperties properties, RegionRange regions,
                                               SmallVectorImpl<Type>& types) {
  const StringRef name = getOperationName();
  Adaptor adaptor(operands, attributes, properties, regions);
  auto input = f32Operand(location, name, adaptor.getInput(), "input", 4);
  auto filter = f32Operand(location, name, adaptor.getFilter(), "filter", 3);
  if (failed(input) || failed(filter) || failed(checkTile(location, name, adaptor.getTile())))
    return failure();
  const auto ones = DenseI64ArrayAttr::get(context, {1, 1});
  const auto& given = adaptor.getProperties();
  const WindowAttributes window{ones, ones, given.pad_begin, given.pad_end};
  if (failed(checkWindow(location, name, *input, window)))
    return failure();
  const int64_t outChannels = filter->getDimSize(1), inChannels = input->getDimSize(1);
  const int64_t points = eager::winograd_points(static_cast<int64_t>(adaptor.getTile()));
  if (filter->getDimSize(0) != points || filter->getDimSize(2) != inChannels)
    return emitOptionalError(location, name, ": filter ", *filter, " is not [", points,
                             ", channels of the result, ", inChannels, " channels of input ", *input, "]");
  if (inChannels < 1 || outChannels < 1)
    return emitOptionalError(location, name, ": there are no channels in input ", *input, " or filter ",
                             *filter);
  if (Value bias = adaptor.getBias()) {
    auto type = f32Operand(location, name, bias, "bias", 1);
    if (failed(type))
      return failure();
    if (type->getDimSize(0) != outChannels)
      return emitOptionalError(location, name, ": bias ", *type, " is not one number for each of ",
                               outChannels, " channels of the result");
  }
  auto counts = windowCounts(location, name, *input, {3, 3}, window, /*ceilMode=*/false);
  if (failed(counts))
    return failure();
  return addResult(location, name,
                   ArrayRef<Wide>{input->getDimSize(0), outChannels, (*counts)[0], (*counts)[1]},
                   input->getElementType(), {}, types);
}

void WinogradConvOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::winograd_conv(operands[0], operands[1], operands.size() > 2 ? &operands[2] : nullptr, results[0],
                       static_cast<int64_t>(getTile()), getPadBegin()[0], getPadBegin()[1]);
}

Contraction WinogradConvOp::getContraction() {
  const auto input = tensorType(getInput()).getShape(), output = tensorType(getResult()).getShape();
  Contraction result;
  result.batch = input[0];
  result.inChannels = input[1];
  result.outChannels = output[1];
  result.input = {1, input[2], input[3]};
  result.output = {1, output[2], output[3]};
  result.kernel = {1, 3, 3};
  result.padBegin = {0, getPadBegin()[0], getPadBegin()[1]};
  result.winogradTile = static_cast<int64_t>(getTile());
  result.hasBias = static_cast<bool>(getBias());
  return result;
}

double WinogradConvOp::getFlops() {
  return getContraction().flops() + (getBias() ? resultElements(getOperation()) : 0);
}

} // namespace sinter::ir
