// Branches and loops: what fits together.
#include "ir/control_flow.h"
#include "ir/operand_checks.h"
#include "ir/ops/control/body_checks.h"

using namespace mlir;

#define GET_OP_CLASSES
#include "ir/ops/control/flow.cpp.inc"

namespace sinter::ir {
namespace {

LogicalResult checkRowMajor(Operation* op) {
  for (Value value : op->getOperands())
    if (layoutOf(value))
      return op->emitOpError() << "takes row-major tensors only, not " << value.getType();
  return success();
}

bool isSingleBool(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() == 0 && tensor.getElementType().isInteger(1);
}

LogicalResult checkCarries(Operation* op, TypeRange given, TypeRange carries) {
  if (given.size() < carries.size() || given.take_front(carries.size()) != carries)
    return op->emitOpError() << "body gives " << textOf(given) << ", but the carries are " << textOf(carries);
  return success();
}

SmallVector<Type> typesOf(std::initializer_list<ValueRange> values) {
  SmallVector<Type> types;
  for (ValueRange some : values)
    llvm::append_range(types, some.getTypes());
  return types;
}

} // namespace

//===-- cond ----------------------------------------------------------------------------------------===//

LogicalResult CondOp::inferReturnTypes(MLIRContext*, std::optional<Location> location, ValueRange operands,
                                       DictionaryAttr attributes, OpaqueProperties properties,
                                       RegionRange regions, SmallVectorImpl<Type>& types) {
  Adaptor adaptor(operands, attributes, properties, regions);
  auto given = yieldedTypes(location, getOperationName(), adaptor.getThenBody());
  if (failed(given))
    return failure();
  llvm::append_range(types, *given);
  return success();
}

LogicalResult CondOp::verify() {
  if (!isSingleBool(getPredicate().getType()))
    return emitOpError() << "the predicate must be a single bool, not " << getPredicate().getType();
  if (failed(checkRowMajor(*this)) ||
      failed(checkArguments(*this, getThenBody(), "then_body", getInputs().getTypes(), "the inputs")) ||
      failed(checkArguments(*this, getElseBody(), "else_body", getInputs().getTypes(), "the inputs")))
    return failure();
  const TypeRange given = yielded(getThenBody()).getTypes(), other = yielded(getElseBody()).getTypes();
  if (given != other)
    return emitOpError() << "then_body gives " << textOf(given) << ", but else_body gives " << textOf(other);
  return success();
}

//===-- while ---------------------------------------------------------------------------------------===//

LogicalResult WhileOp::inferReturnTypes(MLIRContext*, std::optional<Location>, ValueRange operands,
                                        DictionaryAttr attributes, OpaqueProperties properties,
                                        RegionRange regions, SmallVectorImpl<Type>& types) {
  Adaptor adaptor(operands, attributes, properties, regions);
  llvm::append_range(types, adaptor.getCarries().getTypes());
  return success();
}

LogicalResult WhileOp::verify() {
  const SmallVector<Type> wanted = typesOf({getCarries(), getInvariants()});
  constexpr StringLiteral what = "carries and invariants";
  if (failed(checkRowMajor(*this)) ||
      failed(checkArguments(*this, getCondition(), "condition", wanted, what)) ||
      failed(checkArguments(*this, getBody(), "body", wanted, what)))
    return failure();
  const TypeRange decision = yielded(getCondition()).getTypes();
  if (decision.size() != 1 || !isSingleBool(decision.front()))
    return emitOpError() << "condition gives " << textOf(decision) << ", not a single bool";
  const TypeRange given = yielded(getBody()).getTypes();
  if (given != getCarries().getTypes())
    return emitOpError() << "body gives " << textOf(given) << ", but the carries are "
                         << textOf(getCarries().getTypes());
  if (static_cast<int64_t>(getMaxIterations().value_or(0)) < 0)
    return emitOpError() << "max_iterations is " << static_cast<int64_t>(*getMaxIterations());
  return success();
}

//===-- scan ----------------------------------------------------------------------------------------===//

LogicalResult ScanOp::inferReturnTypes(MLIRContext*, std::optional<Location> location, ValueRange operands,
                                       DictionaryAttr attributes, OpaqueProperties properties,
                                       RegionRange regions, SmallVectorImpl<Type>& types) {
  const StringRef name = getOperationName();
  Adaptor adaptor(operands, attributes, properties, regions);
  auto given = yieldedTypes(location, name, adaptor.getBody());
  const IntegerAttr steps = adaptor.getProperties().steps;
  if (failed(given))
    return failure();
  if (!steps || steps.getInt() < 0)
    return emitOptionalError(location, name, ": steps is ", steps ? steps.getInt() : -1);
  const size_t carries = adaptor.getCarries().size();
  if (given->size() < carries)
    return emitOptionalError(location, name, ": body gives ", textOf(*given), ", but the carries are ",
                             textOf(adaptor.getCarries().getTypes()));
  llvm::append_range(types, adaptor.getCarries().getTypes());
  for (Type type : ArrayRef(*given).drop_front(carries)) {
    SmallVector<int64_t> shape{steps.getInt()};
    llvm::append_range(shape, cast<RankedTensorType>(type).getShape());
    if (failed(addResult(location, name, ArrayRef<int64_t>(shape),
                         cast<RankedTensorType>(type).getElementType(), {}, types)))
      return failure();
  }
  return success();
}

LogicalResult ScanOp::verify() {
  const auto steps = static_cast<int64_t>(getSteps());
  if (steps < 0)
    return emitOpError() << "steps is " << steps;
  SmallVector<Type> wanted = typesOf({getCarries()});
  for (Value sequence : getSequences()) {
    const RankedTensorType type = tensorType(sequence);
    if (type.getRank() == 0 || type.getDimSize(0) != steps)
      return emitOpError() << "a sequence is " << type
                           << ", but its first dimension must have the extent of the steps, " << steps;
    wanted.push_back(sliceType(type));
  }
  llvm::append_range(wanted, getInvariants().getTypes());
  if (failed(checkRowMajor(*this)) ||
      failed(checkArguments(*this, getBody(), "body", wanted, "carries, slices and invariants")))
    return failure();
  return checkCarries(*this, yielded(getBody()).getTypes(), getCarries().getTypes());
}

} // namespace sinter::ir
