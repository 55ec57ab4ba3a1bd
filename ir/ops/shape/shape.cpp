// Operations that move or rename elements: shape inference, evaluation and folding. Emission is in
// shape_emission.cpp.
#include "ir/ops.h"

#include "ir/constant.h"
#include "ir/operand_checks.h"
#include "sinter/runtime/eager/layout.h"
#include "sinter/runtime/eager/movement.h"

using namespace mlir;

#include "ir/ops/shape/shape_enums.cpp.inc"

#define GET_OP_CLASSES
#include "ir/ops/shape/shape.cpp.inc"

namespace sinter::ir {

//===-- reshape -------------------------------------------------------------------------------------===//

LogicalResult ReshapeOp::inferReturnTypes(MLIRContext*, std::optional<Location> location, ValueRange operands,
                                          DictionaryAttr attributes, OpaqueProperties properties,
                                          RegionRange regions, SmallVectorImpl<Type>& types) {
  const StringRef name = getOperationName();
  Adaptor adaptor(operands, attributes, properties, regions);
  auto input = staticOperand(location, name, adaptor.getInput(), "input");
  const DenseI64ArrayAttr shape = adaptor.getProperties().shape;
  if (failed(input) ||
      failed(
          checkEntries(location, name, "shape", shape, shape ? static_cast<size_t>(shape.size()) : 0, 0)) ||
      failed(addResult(location, name, shape.asArrayRef(), input->getElementType(), {}, types)))
    return failure();
  if (cast<RankedTensorType>(types.back()).getNumElements() != input->getNumElements())
    return emitOptionalError(location, name, ": input ", *input, " has ", input->getNumElements(),
                             " elements, which shape ", text(shape.asArrayRef()), " does not hold");
  return success();
}

void ReshapeOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::reshape(operands[0], results[0]);
}

OpFoldResult ReshapeOp::fold(FoldAdaptor) {
  return getInput().getType() == getType() ? OpFoldResult(getInput()) : OpFoldResult();
}

//===-- transpose -----------------------------------------------------------------------------------===//

LogicalResult TransposeOp::inferReturnTypes(MLIRContext*, std::optional<Location> location,
                                            ValueRange operands, DictionaryAttr attributes,
                                            OpaqueProperties properties, RegionRange regions,
                                            SmallVectorImpl<Type>& types) {
  const StringRef name = getOperationName();
  Adaptor adaptor(operands, attributes, properties, regions);
  auto input = staticOperand(location, name, adaptor.getInput(), "input");
  const DenseI64ArrayAttr permutation = adaptor.getProperties().permutation;
  if (failed(input) ||
      failed(checkEntries(location, name, "permutation", permutation, static_cast<size_t>(input->getRank()))))
    return failure();
  SmallVector<int64_t> shape;
  SmallVector<bool> seen(static_cast<size_t>(input->getRank()), false);
  for (int64_t from : permutation.asArrayRef()) {
    if (from < 0 || from >= input->getRank() || seen[static_cast<size_t>(from)])
      return emitOptionalError(location, name, ": permutation ", text(permutation.asArrayRef()),
                               " does not name every dimension of ", *input, " once");
    seen[static_cast<size_t>(from)] = true;
    shape.push_back(input->getShape()[static_cast<size_t>(from)]);
  }
  return addResult(location, name, ArrayRef<int64_t>(shape), input->getElementType(), {}, types);
}

void TransposeOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::transpose(operands[0], results[0], Shape(getPermutation()));
}

OpFoldResult TransposeOp::fold(FoldAdaptor) {
  const bool identity =
      llvm::equal(getPermutation(), llvm::seq<int64_t>(0, tensorType(getInput()).getRank()));
  return identity && getInput().getType() == getType() ? OpFoldResult(getInput()) : OpFoldResult();
}

//===-- slice ---------------------------------------------------------------------------------------===//

LogicalResult SliceOp::inferReturnTypes(MLIRContext*, std::optional<Location> location, ValueRange operands,
                                        DictionaryAttr attributes, OpaqueProperties properties,
                                        RegionRange regions, SmallVectorImpl<Type>& types) {
  const StringRef name = getOperationName();
  Adaptor adaptor(operands, attributes, properties, regions);
  auto input = staticOperand(location, name, adaptor.getInput(), "input");
  if (failed(input))
    return failure();
  const auto rank = static_cast<size_t>(input->getRank());
  const auto& given = adaptor.getProperties();
  if (failed(checkEntries(location, name, "starts", given.starts, rank)) ||
      failed(checkEntries(location, name, "sizes", given.sizes, rank, 0)) ||
      failed(checkEntries(location, name, "steps", given.steps, rank)))
    return failure();
  for (size_t d = 0; d < rank; ++d) {
    const Wide start = given.starts[d], size = given.sizes[d], step = given.steps[d],
               extent = input->getShape()[d];
    const Wide last = start + (size - 1) * step;
    if (step == 0)
      return emitOptionalError(location, name, ": steps ", text(given.steps.asArrayRef()), " has a zero");
    if (size > 0 && (start < 0 || start >= extent || last < 0 || last >= extent))
      return emitOptionalError(location, name, ": starts ", text(given.starts.asArrayRef()), ", sizes ",
                               text(given.sizes.asArrayRef()), " and steps ", text(given.steps.asArrayRef()),
                               " leave dimension ", d, " of input ", *input);
  }
  return addResult(location, name, given.sizes.asArrayRef(), input->getElementType(), {}, types);
}

void SliceOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::slice(operands[0], results[0], Shape(getStarts()), Shape(getSteps()));
}

OpFoldResult SliceOp::fold(FoldAdaptor) {
  const bool whole = llvm::all_of(getStarts(), [](int64_t start) { return start == 0; }) &&
                     llvm::all_of(getSteps(), [](int64_t step) { return step == 1; });
  return whole && getInput().getType() == getType() ? OpFoldResult(getInput()) : OpFoldResult();
}

//===-- concat --------------------------------------------------------------------------------------===//

LogicalResult ConcatOp::inferReturnTypes(MLIRContext*, std::optional<Location> location, ValueRange operands,
                                         DictionaryAttr attributes, OpaqueProperties properties,
                                         RegionRange regions, SmallVectorImpl<Type>& types) {
  const StringRef name = getOperationName();
  Adaptor adaptor(operands, attributes, properties, regions);
  if (operands.empty())
    return emitOptionalError(location, name, ": there is nothing to concatenate");
  auto first = staticOperand(location, name, operands[0], "input 0");
  if (failed(first))
    return failure();
  const IntegerAttr axisAttr = adaptor.getProperties().axis;
  const int64_t axis = axisAttr ? axisAttr.getInt() : -1;
  if (axis < 0 || axis >= first->getRank())
    return emitOptionalError(location, name, ": axis ", axis, " is not a dimension of ", *first);
  SmallVector<Wide> shape(first->getShape().begin(), first->getShape().end());
  for (auto [i, operand] : llvm::enumerate(operands.drop_front())) {
    auto type = staticOperand(location, name, operand, "input " + std::to_string(i + 1));
    if (failed(type))
      return failure();
    bool fits = type->getRank() == first->getRank() && type->getElementType() == first->getElementType();
    for (unsigned d = 0; fits && d < type->getRank(); ++d)
      fits = d == axis || type->getDimSize(d) == first->getDimSize(d);
    if (!fits)
      return emitOptionalError(location, name, ": input ", i + 1, ", ", *type,
                               ", does not continue input 0, ", *first, ", along axis ", axis);
    shape[static_cast<size_t>(axis)] += type->getDimSize(static_cast<unsigned>(axis));
  }
  return addResult(location, name, ArrayRef<Wide>(shape), first->getElementType(), {}, types);
}

void ConcatOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::concat({operands.data(), operands.size()}, results[0], static_cast<int>(getAxis()));
}

//===-- pad -----------------------------------------------------------------------------------------===//

namespace {

// True if `value` can be stored as an element: integers have limits.
bool isRepresentable(double value, Type element) {
  auto integer = dyn_cast<IntegerType>(element);
  if (!integer)
    return true;
  const bool isUnsigned = isUnsignedElement(element);
  const double limit = std::ldexp(1.0, static_cast<int>(integer.getWidth()) - (isUnsigned ? 0 : 1));
  return value == std::trunc(value) && value >= (isUnsigned ? 0 : -limit) && value < limit;
}

} // namespace

LogicalResult PadOp::inferReturnTypes(MLIRContext*, std::optional<Location> location, ValueRange operands,
                                      DictionaryAttr attributes, OpaqueProperties properties,
                                      RegionRange regions, SmallVectorImpl<Type>& types) {
  const StringRef name = getOperationName();
  Adaptor adaptor(operands, attributes, properties, regions);
  auto input = staticOperand(location, name, adaptor.getInput(), "input");
  if (failed(input))
    return failure();
  const auto rank = static_cast<size_t>(input->getRank());
  const DenseI64ArrayAttr low = adaptor.getProperties().low, high = adaptor.getProperties().high;
  if (failed(checkEntries(location, name, "low", low, rank)) ||
      failed(checkEntries(location, name, "high", high, rank)))
    return failure();
  SmallVector<Wide> shape;
  for (size_t d = 0; d < rank; ++d) {
    const int64_t extent = input->getShape()[d];
    const Wide padded = Wide{extent} + low[d] + high[d];
    if (padded < 0)
      return emitOptionalError(location, name, ": low ", text(low.asArrayRef()), " and high ",
                               text(high.asArrayRef()), " remove more than dimension ", d, " of input ",
                               *input, " has");
    constexpr Wide limit = Wide{1} << 48; // positions are computed in 64 bits
    if (low[d] > limit || low[d] < -limit || high[d] > limit || high[d] < -limit)
      return emitOptionalError(location, name, ": low ", text(low.asArrayRef()), " or high ",
                               text(high.asArrayRef()), " is too large");
    // What is repeated or mirrored must be there.
    const bool fills = low[d] > 0 || high[d] > 0;
    const bool enough = adaptor.getMode() == PadMode::edge ? extent > 0 : low[d] < extent && high[d] < extent;
    if (adaptor.getMode() != PadMode::constant && fills && !enough)
      return emitOptionalError(location, name, ": low ", text(low.asArrayRef()), " and high ",
                               text(high.asArrayRef()), " ask for more than dimension ", d, " of input ",
                               *input, " can give in mode ", stringifyPadMode(adaptor.getMode()));
    shape.push_back(padded);
  }
  const double value = adaptor.getValue().convertToDouble();
  if (adaptor.getMode() == PadMode::constant && !isRepresentable(value, input->getElementType()))
    return emitOptionalError(location, name, ": value ", value, " is not a number of type ",
                             input->getElementType());
  return addResult(location, name, ArrayRef<Wide>(shape), input->getElementType(), {}, types);
}

void PadOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  const auto mode = getMode() == PadMode::constant  ? eager::PadMode::constant
                    : getMode() == PadMode::reflect ? eager::PadMode::reflect
                                                    : eager::PadMode::edge;
  eager::pad(operands[0], results[0], Shape(getLow()), mode, getValue().convertToDouble());
}

//===-- broadcast_to --------------------------------------------------------------------------------===//

LogicalResult BroadcastToOp::inferReturnTypes(MLIRContext*, std::optional<Location> location,
                                              ValueRange operands, DictionaryAttr attributes,
                                              OpaqueProperties properties, RegionRange regions,
                                              SmallVectorImpl<Type>& types) {
  const StringRef name = getOperationName();
  Adaptor adaptor(operands, attributes, properties, regions);
  auto input = staticOperand(location, name, adaptor.getInput(), "input");
  const DenseI64ArrayAttr shape = adaptor.getProperties().shape;
  if (failed(input) ||
      failed(checkEntries(location, name, "shape", shape, shape ? static_cast<size_t>(shape.size()) : 0, 0)))
    return failure();
  auto merged = broadcastShapes(input->getShape(), shape.asArrayRef());
  if (failed(merged) || ArrayRef(*merged) != shape.asArrayRef())
    return emitOptionalError(location, name, ": input ", *input, " does not broadcast to ",
                             text(shape.asArrayRef()));
  return addResult(location, name, shape.asArrayRef(), input->getElementType(), {}, types);
}

void BroadcastToOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::broadcast(operands[0], results[0]);
}

OpFoldResult BroadcastToOp::fold(FoldAdaptor) {
  return getInput().getType() == getType() ? OpFoldResult(getInput()) : OpFoldResult();
}

//===-- convert_layout ------------------------------------------------------------------------------===//

namespace {

eager::Layout eagerLayout(RankedTensorType type) {
  auto layout = dyn_cast_or_null<LayoutAttr>(type.getEncoding());
  if (!layout)
    return eager::Layout::row_major(static_cast<int>(type.getRank()));
  return {Shape(layout.getOrder()), static_cast<int>(layout.getBlocked()), layout.getBlock()};
}

} // namespace

LogicalResult ConvertLayoutOp::verify() {
  const auto input = tensorType(getInput()), result = tensorType(getResult());
  if (!sameLogicalTypes(getInput().getType(), getResult().getType()))
    return emitOpError() << "changes more than the layout: " << input << " to " << result;
  for (RankedTensorType type : {input, result}) {
    if (!type.hasStaticShape())
      return emitOpError() << "needs a static shape, not " << type;
    const auto layout = dyn_cast_or_null<LayoutAttr>(type.getEncoding());
    if (type.getEncoding() && !layout)
      return emitOpError() << "does not know the encoding of " << type;
    if (type.getRank() + (layout && layout.getBlock() != 1) > kMaxRank)
      return emitOpError() << "needs more than " << kMaxRank << " dimensions to store " << type;
    Wide bytes = 8;
    for (auto [d, extent] : llvm::enumerate(type.getShape())) {
      const bool blocked = layout && static_cast<int64_t>(d) == layout.getBlocked();
      bytes *= std::max<Wide>(Wide{extent} + (blocked ? layout.getBlock() : 0), 1);
      if (bytes > std::numeric_limits<int64_t>::max())
        return emitOpError() << "cannot store " << type << ": it is too large";
    }
  }
  return success();
}

void ConvertLayoutOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::convert_layout(operands[0], eagerLayout(tensorType(getInput())), results[0],
                        eagerLayout(tensorType(getResult())), shapeOf(tensorType(getResult())));
}

OpFoldResult ConvertLayoutOp::fold(FoldAdaptor) {
  if (getInput().getType() == getType())
    return getInput();
  if (auto inner = getInput().getDefiningOp<ConvertLayoutOp>();
      inner && inner.getInput().getType() == getType())
    return inner.getInput();
  return {};
}

//===-- Layouts --------------------------------------------------------------------------------------===//

bool SliceOp::runsBlocked(int64_t block) {
  return getStarts().size() > 1 && getStarts()[1] % block == 0 && getSteps()[1] == 1;
}

bool PadOp::runsBlocked(int64_t) {
  return getLow().size() > 1 && getLow()[1] == 0 && getHigh()[1] == 0;
}

bool ConcatOp::runsBlocked(int64_t block) {
  return getAxis() != 1 || llvm::all_of(getInputs().drop_back(), [&](Value input) {
           return tensorType(input).getDimSize(1) % block == 0;
         });
}

} // namespace sinter::ir
