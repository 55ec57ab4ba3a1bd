// What the rules of branches and loops have in common: bodies that are made of others.
#include "ir/ops/control/derived_body.h"

#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace sinter::ir::derived {

Body::Body(Operation* op)
    : region_(std::make_unique<Region>()), block_(&region_->emplaceBlock()), loc_(op->getLoc()),
      builder_(op->getContext()) {
  builder_.setInsertionPointToEnd(block_);
}

Values Body::arguments(TypeRange types) {
  return llvm::map_to_vector(types, [&](Type type) { return argument(type); });
}

void Body::yield(ValueRange values) {
  YieldOp::create(builder_, loc_, values);
  for (Operation& op : llvm::make_early_inc_range(llvm::reverse(*block_)))
    if (isOpTriviallyDead(&op))
      op.erase();
}

Values present(ValueRange values) {
  Values found;
  llvm::copy_if(values, std::back_inserter(found), [](Value value) { return bool(value); });
  return found;
}

Values inPlaces(ValueRange pattern, ValueRange values) {
  Values result;
  size_t next = 0;
  for (Value value : pattern)
    result.push_back(value ? values[next++] : Value());
  return result;
}

bool any(ValueRange values) {
  return llvm::any_of(values, [](Value value) { return bool(value); });
}

Values joined(std::initializer_list<ValueRange> parts) {
  Values all;
  for (ValueRange part : parts)
    llvm::append_range(all, part);
  return all;
}

Values vjpOf(Body& body, ValueRange outputs, ValueRange cotangents, ValueRange inputs) {
  Values variables;
  llvm::copy_if(inputs, std::back_inserter(variables), isDifferentiable);
  const Values found = buildVjp(body.builder(), outputs, cotangents, variables);
  Values result;
  size_t next = 0;
  for (Value input : inputs)
    result.push_back(isDifferentiable(input) ? found[next++] : Value());
  return result;
}

Values jvpOf(Body& body, ValueRange inputs, ValueRange tangents, ValueRange outputs) {
  Values variables, seeds;
  for (auto [input, tangent] : llvm::zip_equal(inputs, tangents))
    if (tangent) {
      variables.push_back(input);
      seeds.push_back(tangent);
    }
  return buildJvp(body.builder(), variables, seeds, outputs);
}

void dropUnused(MutableArrayRef<Body> bodies, Values& operands, size_t before) {
  for (size_t i = operands.size(); i-- > 0;) {
    if (llvm::any_of(bodies, [&](const Body& body) { return body.isUsed(before + i); }))
      continue;
    for (Body& body : bodies)
      body.eraseArgument(before + i);
    operands.erase(operands.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

} // namespace sinter::ir::derived
