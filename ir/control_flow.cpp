// Building operations with bodies.
#include "ir/control_flow.h"

#include "ir/op_creation.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace sinter::ir {
namespace {

// A state with the operands of all `segments`, whose sizes it notes.
template <class Op>
OperationState stateOf(Location loc, std::initializer_list<ValueRange> segments) {
  OperationState state(loc, Op::getOperationName());
  auto& properties = state.getOrAddProperties<typename Op::Properties>();
  size_t number = 0;
  for (ValueRange segment : segments) {
    state.addOperands(segment);
    properties.operandSegmentSizes[number++] = static_cast<int32_t>(segment.size());
  }
  return state;
}

} // namespace

std::unique_ptr<Region> makeBody(MLIRContext* context, Location loc, TypeRange arguments, BodyBuilder build) {
  auto body = std::make_unique<Region>();
  Block& block = body->emplaceBlock();
  for (Type type : arguments)
    block.addArgument(type, loc);
  OpBuilder builder(context);
  builder.setInsertionPointToEnd(&block);
  const SmallVector<Value> values = build(builder, block.getArguments());
  YieldOp::create(builder, loc, values);
  return body;
}

CondOp createCond(OpBuilder& builder, Location loc, Value predicate, ValueRange inputs,
                  std::unique_ptr<Region> thenBody, std::unique_ptr<Region> elseBody) {
  OperationState state(loc, CondOp::getOperationName());
  state.addOperands(predicate);
  state.addOperands(inputs);
  state.addRegion(std::move(thenBody));
  state.addRegion(std::move(elseBody));
  return cast<CondOp>(detail::inferAndCreate(builder, state));
}

WhileOp createWhile(OpBuilder& builder, Location loc, ValueRange carries, ValueRange invariants,
                    std::unique_ptr<Region> condition, std::unique_ptr<Region> body,
                    std::optional<int64_t> maxIterations) {
  OperationState state = stateOf<WhileOp>(loc, {carries, invariants});
  if (maxIterations)
    state.getOrAddProperties<WhileOp::Properties>().max_iterations =
        builder.getI64IntegerAttr(*maxIterations);
  state.addRegion(std::move(condition));
  state.addRegion(std::move(body));
  return cast<WhileOp>(detail::inferAndCreate(builder, state));
}

ScanOp createScan(OpBuilder& builder, Location loc, ValueRange carries, ValueRange sequences,
                  ValueRange invariants, int64_t steps, bool reverse, std::unique_ptr<Region> body) {
  OperationState state = stateOf<ScanOp>(loc, {carries, sequences, invariants});
  auto& properties = state.getOrAddProperties<ScanOp::Properties>();
  properties.steps = builder.getI64IntegerAttr(steps);
  if (reverse)
    properties.reverse = builder.getUnitAttr();
  state.addRegion(std::move(body));
  return cast<ScanOp>(detail::inferAndCreate(builder, state));
}

CheckpointOp createCheckpoint(OpBuilder& builder, Location loc, ValueRange inputs,
                              std::unique_ptr<Region> body) {
  OperationState state(loc, CheckpointOp::getOperationName());
  state.addOperands(inputs);
  state.addRegion(std::move(body));
  return cast<CheckpointOp>(detail::inferAndCreate(builder, state));
}

CustomGradientOp createCustomGradient(OpBuilder& builder, Location loc, ValueRange inputs, ValueRange values,
                                      ValueRange captured, std::unique_ptr<Region> rule) {
  OperationState state = stateOf<CustomGradientOp>(loc, {inputs, values, captured});
  state.addRegion(std::move(rule));
  return cast<CustomGradientOp>(detail::inferAndCreate(builder, state));
}

SmallVector<Value> inlineBody(OpBuilder& builder, Region& body, ValueRange arguments) {
  IRMapping mapping;
  mapping.map(body.getArguments(), arguments);
  for (Operation& op : body.front().without_terminator())
    builder.clone(op, mapping);
  return llvm::map_to_vector(yielded(body), [&](Value value) { return mapping.lookup(value); });
}

RankedTensorType sliceType(RankedTensorType sequence) {
  return RankedTensorType::get(sequence.getShape().drop_front(), sequence.getElementType());
}

} // namespace sinter::ir
