// What users say about derivatives: the operations, and the rules that heed it.
#include "ir/control_flow.h"
#include "ir/location.h"
#include "ir/ops/control/body_checks.h"
#include "ir/ops/control/derived_body.h"

using namespace mlir;

#define GET_OP_CLASSES
#include "ir/ops/control/derivative.cpp.inc"

namespace sinter::ir {

using derived::joined;
using derived::Values;

namespace {

// Those of `values` that can carry a derivative.
Values floats(ValueRange values) {
  Values found;
  llvm::copy_if(values, std::back_inserter(found), isDifferentiable);
  return found;
}

// For each of `values`: the next of `derivatives` where it can carry one, else null.
Values inPlacesOfFloats(ValueRange values, ValueRange derivatives) {
  Values pattern;
  for (Value value : values)
    pattern.push_back(isDifferentiable(value) ? value : Value());
  return derived::inPlaces(pattern, derivatives);
}

} // namespace

//===-- checkpoint ----------------------------------------------------------------------------------===//

LogicalResult CheckpointOp::inferReturnTypes(MLIRContext*, std::optional<Location> location,
                                             ValueRange operands, DictionaryAttr attributes,
                                             OpaqueProperties properties, RegionRange regions,
                                             SmallVectorImpl<Type>& types) {
  Adaptor adaptor(operands, attributes, properties, regions);
  auto given = yieldedTypes(location, getOperationName(), adaptor.getBody());
  if (failed(given))
    return failure();
  llvm::append_range(types, *given);
  return success();
}

LogicalResult CheckpointOp::verify() {
  if (failed(checkArguments(*this, getBody(), "body", getInputs().getTypes(), "the inputs")))
    return failure();
  if (yielded(getBody()).getTypes() != getResultTypes())
    return emitOpError() << "body gives " << textOf(yielded(getBody()).getTypes()) << ", but the results are "
                         << textOf(getResultTypes());
  return success();
}

// The inputs become other values first: or else what is computed again would be found to be there already,
// and kept.
SmallVector<Value> CheckpointOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  const Values inputs = llvm::map_to_vector(
      getInputs(), [&](Value input) -> Value { return ir::create<BarrierOp>(builder, getLoc(), input); });
  const Values outputs = inlineBody(builder, getBody(), inputs);
  return inPlacesOfFloats(getInputs(), buildVjp(builder, outputs, cotangents, floats(inputs)));
}

SmallVector<Value> CheckpointOp::jvp(OpBuilder& builder, ValueRange tangents) {
  return buildJvp(builder, getInputs(), tangents, inlineBody(builder, getBody(), getInputs()));
}

//===-- custom_gradient -----------------------------------------------------------------------------===//

LogicalResult CustomGradientOp::inferReturnTypes(MLIRContext*, std::optional<Location>, ValueRange operands,
                                                 DictionaryAttr attributes, OpaqueProperties properties,
                                                 RegionRange regions, SmallVectorImpl<Type>& types) {
  Adaptor adaptor(operands, attributes, properties, regions);
  llvm::append_range(types, adaptor.getValues().getTypes());
  return success();
}

LogicalResult CustomGradientOp::verify() {
  SmallVector<Type> wanted;
  for (TypeRange types : {TypeRange(getInputs().getTypes()), TypeRange(getValues().getTypes()),
                          TypeRange(getValues().getTypes()), TypeRange(getCaptured().getTypes())})
    llvm::append_range(wanted, types);
  if (failed(checkArguments(*this, getRule(), "the rule", wanted,
                            "inputs, results, cotangents and what it captures")))
    return failure();
  if (getResultTypes() != getValues().getTypes())
    return emitOpError() << "the values are " << textOf(getValues().getTypes()) << ", but the results are "
                         << textOf(getResultTypes());
  const ValueRange given = yielded(getRule());
  if (given.size() != getInputs().size())
    return emitOpError() << "the rule gives " << given.size() << " cotangents for " << getInputs().size()
                         << " inputs";
  for (auto [cotangent, input] : llvm::zip_equal(given, getInputs()))
    if (isDifferentiable(input) && cotangent.getType() != input.getType())
      return emitOpError() << "the rule gives " << cotangent.getType() << " as the cotangent of an input of "
                           << input.getType();
  return success();
}

namespace {

// What the rule of `op` gives for these cotangents, of which none is null, by input.
Values applyRule(CustomGradientOp op, OpBuilder& builder, ValueRange cotangents) {
  const Values given = inlineBody(builder, op.getRule(),
                                  joined({op.getInputs(), op.getResults(), cotangents, op.getCaptured()}));
  Values found;
  for (auto [input, cotangent] : llvm::zip_equal(op.getInputs(), given))
    found.push_back(isDifferentiable(input) ? cotangent : Value());
  return found;
}

// True if one of `values` is computed from one of `sources`.
bool dependsOn(ValueRange values, ValueRange sources) {
  DenseSet<Value> seen;
  SmallVector<Value> waiting(values);
  while (!waiting.empty()) {
    Value value = waiting.pop_back_val();
    if (!value || !seen.insert(value).second)
      continue;
    if (llvm::is_contained(sources, value))
      return true;
    if (Operation* op = value.getDefiningOp())
      llvm::append_range(waiting, op->getOperands());
  }
  return false;
}

} // namespace

SmallVector<Value> CustomGradientOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  GradientArithmetic g(builder, getLoc());
  Values seeds;
  for (auto [result, cotangent] : llvm::zip_equal(getResults(), cotangents))
    seeds.push_back(g.materialized(cotangent, tensorType(result)));
  Values found = applyRule(*this, builder, seeds);
  found.resize(getNumOperands());
  return found;
}

// The rule is linear in the cotangents: the derivative by them, at any place, is the Jacobian transposed once
// more.
SmallVector<Value> CustomGradientOp::jvp(OpBuilder& builder, ValueRange tangents) {
  GradientArithmetic g(builder, getLoc());
  Values seeds, cotangents, directions;
  for (Value result : getResults())
    seeds.push_back(g.filled(0, tensorType(result)));
  for (auto [cotangent, tangent] : llvm::zip(applyRule(*this, builder, seeds), tangents))
    if (cotangent && tangent) {
      cotangents.push_back(cotangent);
      directions.push_back(tangent);
    }
  const Values found = buildVjp(builder, cotangents, directions, floats(seeds));
  if (dependsOn(found, seeds)) {
    const auto sources = sourcesOf(getLoc());
    throw Error((sources.empty() ? "" : sources.front() + ": ") +
                "custom_gradient: forward mode (jvp, hvp) takes a rule that is linear in the cotangent, and "
                "this one is not");
  }
  return inPlacesOfFloats(getResults(), found);
}

} // namespace sinter::ir
