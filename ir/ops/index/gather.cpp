// Data-dependent access.
#include "ir/ops.h"

#include "ir/constant.h"
#include "ir/index_math.h"
#include "ir/operand_checks.h"
#include "sinter/runtime/eager/gather.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

#define GET_OP_CLASSES
#include "ir/ops/index/gather.cpp.inc"

namespace sinter::ir {

LogicalResult GatherOp::inferReturnTypes(MLIRContext*, std::optional<Location> location, ValueRange operands,
                                         DictionaryAttr attributes, OpaqueProperties properties,
                                         RegionRange regions, SmallVectorImpl<Type>& types) {
  const StringRef name = getOperationName();
  Adaptor adaptor(operands, attributes, properties, regions);
  auto input = staticOperand(location, name, adaptor.getInput(), "input");
  auto indices = staticOperand(location, name, adaptor.getIndices(), "indices");
  if (failed(input) || failed(indices))
    return failure();
  const IntegerAttr axisAttr = adaptor.getProperties().axis;
  const int64_t axis = axisAttr ? axisAttr.getInt() : -1;
  if (axis < 0 || axis >= input->getRank())
    return emitOptionalError(location, name, ": axis ", axis, " is not a dimension of input ", *input);
  const auto before = static_cast<size_t>(axis);
  if (input->getShape()[before] == 0 && indices->getNumElements() > 0)
    return emitOptionalError(location, name, ": axis ", axis, " of input ", *input,
                             " has nothing to take by indices ", *indices);
  SmallVector<int64_t> shape(input->getShape().take_front(before));
  llvm::append_range(shape, indices->getShape());
  llvm::append_range(shape, input->getShape().drop_front(before + 1));
  return addResult(location, name, ArrayRef<int64_t>(shape), input->getElementType(), {}, types);
}

LogicalResult GatherOp::verify() {
  // Compiled kernels clamp: indices known to be wrong are better named now.
  constexpr int64_t worthReading = 4096;
  if (tensorType(getIndices()).getNumElements() > worthReading)
    return success();
  const auto indices = constantIntegers(getIndices());
  const int64_t extent = tensorType(getInput()).getDimSize(static_cast<unsigned>(getAxis()));
  for (int64_t index : indices.value_or(SmallVector<int64_t>{}))
    if (index < -extent || index >= extent)
      return emitOpError() << "index " << index << " is out of range for axis " << getAxis() << " of input "
                           << getInput().getType();
  return success();
}

void GatherOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::gather(operands[0], operands[1], results[0], static_cast<int>(getAxis()));
}

Value GatherOp::emitElement(LoopEmitter& emitter, const Point& at, ValueRange) {
  IndexMath math(emitter);
  const auto axis = static_cast<size_t>(getAxis());
  const auto indexRank = static_cast<size_t>(tensorType(getIndices()).getRank());
  const int64_t extent = tensorType(getInput()).getShape()[axis];
  const Point position(ArrayRef<Coord>(at).slice(axis, indexRank));
  Value index = emitter.element(getIndices(), position);
  const bool sameForAllLanes =
      llvm::all_of(position, [](const Coord& coord) { return !coord.perLane && coord.laneStride == 0; });
  if (sameForAllLanes && isa<VectorType>(index.getType()))
    index = vector::ExtractOp::create(emitter.builder, emitter.loc, index, ArrayRef<int64_t>{0});
  Type type = emitter.builder.getIndexType();
  if (auto lanes = dyn_cast<VectorType>(index.getType()))
    type = lanes.clone(type);
  index = arith::IndexCastOp::create(emitter.builder, emitter.loc, type, index);
  const Value fromEnd = math.add(index, math.number(extent, index));
  const Value negative = math.compare(arith::CmpIPredicate::slt, index, math.number(0, index));
  index = math.min(math.max(math.select(negative, fromEnd, index), 0), extent - 1);
  Point source(ArrayRef<Coord>(at).take_front(axis));
  source.push_back(math.coord(index));
  llvm::append_range(source, ArrayRef<Coord>(at).drop_front(axis + indexRank));
  return emitter.element(getInput(), source);
}

} // namespace sinter::ir
