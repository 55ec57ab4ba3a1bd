// Derivatives of branches: those of the body that runs.
#include "ir/ops/control/derived_body.h"

using namespace mlir;

namespace sinter::ir {

using namespace derived;

namespace {

// A cond of the same predicate whose bodies, after the operations of `op`'s, compute what `build` makes of
// inputs, seeds and outputs. What one of them finds to be zero and the other does not, is zeros.
using BuildBranch =
    llvm::function_ref<Values(Body& body, ValueRange inputs, ValueRange seeds, ValueRange outputs)>;
Values derivedCond(CondOp op, OpBuilder& builder, ValueRange seeds, BuildBranch build) {
  Values operands = joined({op.getInputs(), present(seeds)});
  SmallVector<Body> bodies;
  SmallVector<Values> found;
  for (Region* region : {&op.getThenBody(), &op.getElseBody()}) {
    Body& body = bodies.emplace_back(op);
    const Values inputs = body.arguments(op.getInputs().getTypes());
    const Values given = inPlaces(seeds, body.arguments(TypeRange(ValueRange(present(seeds)))));
    found.push_back(build(body, inputs, given, inlineBody(body.builder(), *region, inputs)));
  }
  Values pattern;
  for (auto [a, b] : llvm::zip_equal(found[0], found[1]))
    pattern.push_back(a ? a : b);
  if (!any(pattern))
    return pattern;
  for (auto [body, values] : llvm::zip_equal(bodies, found)) {
    Values results;
    for (auto [value, wanted] : llvm::zip_equal(values, pattern))
      if (wanted)
        results.push_back(body.arithmetic().materialized(value, tensorType(wanted)));
    body.yield(results);
  }
  dropUnused(bodies, operands, 0);
  CondOp cond =
      createCond(builder, op.getLoc(), op.getPredicate(), operands, bodies[0].take(), bodies[1].take());
  return inPlaces(pattern, cond.getResults());
}

} // namespace

SmallVector<Value> CondOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  Values found = derivedCond(*this, builder, cotangents,
                             [](Body& body, ValueRange inputs, ValueRange seeds, ValueRange outputs) {
                               return vjpOf(body, outputs, seeds, inputs);
                             });
  found.insert(found.begin(), Value());
  return found;
}

SmallVector<Value> CondOp::jvp(OpBuilder& builder, ValueRange tangents) {
  return derivedCond(*this, builder, tangents.drop_front(),
                     [](Body& body, ValueRange inputs, ValueRange seeds, ValueRange outputs) {
                       return jvpOf(body, inputs, seeds, outputs);
                     });
}

} // namespace sinter::ir
