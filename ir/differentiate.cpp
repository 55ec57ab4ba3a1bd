// Differentiation as a transformation of programs in SSA form.
#include "ir/differentiate.h"

#include "ir/location.h"
#include "ir/ops.h"

#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace sinter::ir {
namespace {

// What leads from inputs to outputs: operations in an order in which each comes after those it depends on,
// and the values that depend on an input by way of floats.
class Dependence {
public:
  Dependence(ValueRange inputs, ValueRange outputs) : active_(inputs.begin(), inputs.end()) {
    for (Value output : outputs)
      visit(output);
  }

  const SmallVector<Operation*>& operations() const { return operations_; }
  bool isActive(Value value) const { return active_.contains(value); }

private:
  // Depth first, without recursion: programs may be long chains.
  void visit(Value output) {
    struct Frame {
      Operation* op;
      unsigned next;
    };
    SmallVector<Frame> stack;
    const auto enter = [&](Value value) {
      Operation* op = active_.contains(value) ? nullptr : value.getDefiningOp();
      if (op && seen_.insert(op).second)
        stack.push_back({op, 0});
    };
    enter(output);
    while (!stack.empty()) {
      auto& [op, next] = stack.back();
      if (next < op->getNumOperands()) {
        enter(op->getOperand(next++));
        continue;
      }
      leave(op);
      stack.pop_back();
    }
  }

  void leave(Operation* op) {
    if (isa<StopGradientOp>(op) ||
        llvm::none_of(op->getOperands(), [&](Value operand) { return isActive(operand); }))
      return;
    bool active = false;
    for (Value result : op->getResults())
      if (isDifferentiable(result)) {
        active_.insert(result);
        active = true;
      }
    if (active)
      operations_.push_back(op);
  }

  DenseSet<Value> active_;
  DenseSet<Operation*> seen_;
  SmallVector<Operation*> operations_;
};

GradientOpInterface ruleOf(Operation* op) {
  if (auto rule = dyn_cast<GradientOpInterface>(op))
    return rule;
  const auto sources = sourcesOf(op->getLoc());
  StringRef name = op->getName().getStringRef();
  name.consume_front("sinter.");
  throw Error((sources.empty() ? "" : sources.front() + ": ") + name.str() +
              " has no derivative; keep it out of the function, or take what it gives as a constant by "
              "stop_gradient()");
}

// What the rules of operations built and nobody uses after all.
class Building {
public:
  explicit Building(OpBuilder& builder)
      : block_(builder.getInsertionBlock()), end_(builder.getInsertionPoint()),
        before_(end_ == block_->begin() ? nullptr : &*std::prev(end_)) {}

  void eraseUnused(ArrayRef<Value> kept) {
    const DenseSet<Value> results(kept.begin(), kept.end());
    auto at = end_;
    while (at != block_->begin()) {
      Operation* op = &*std::prev(at);
      if (op == before_)
        return;
      if (isOpTriviallyDead(op) &&
          llvm::none_of(op->getResults(), [&](Value result) { return results.contains(result); }))
        op->erase();
      else
        --at;
    }
  }

private:
  Block* block_;
  Block::iterator end_;
  Operation* before_;
};

// Values and what goes with each: cotangents or tangents, null for zero.
class Derivatives {
public:
  Value of(Value value) const { return values_.lookup(value); }

  void add(OpBuilder& builder, Location loc, Value value, Value derivative) {
    if (!derivative)
      return;
    if (derivative.getType() != value.getType())
      throw Error("a derivative of type other than that of what it belongs to", ErrorKind::internal);
    Value& sum = values_[value];
    sum = GradientArithmetic(builder, loc).add(sum, derivative);
  }

private:
  DenseMap<Value, Value> values_;
};

SmallVector<Value> of(const Derivatives& derivatives, ValueRange values) {
  SmallVector<Value> found;
  for (Value value : values)
    found.push_back(derivatives.of(value));
  return found;
}

bool allNull(ValueRange values) {
  return llvm::none_of(values, [](Value value) { return bool(value); });
}

} // namespace

SmallVector<Value> buildVjp(OpBuilder& builder, ValueRange outputs, ValueRange cotangents,
                            ValueRange inputs) {
  Building building(builder);
  const Dependence dependence(inputs, outputs);
  Derivatives derivatives;
  for (auto [output, cotangent] : llvm::zip_equal(outputs, cotangents))
    if (dependence.isActive(output))
      derivatives.add(builder, output.getLoc(), output, cotangent);
  for (Operation* op : llvm::reverse(dependence.operations())) {
    const SmallVector<Value> results = of(derivatives, op->getResults());
    if (allNull(results))
      continue;
    const SmallVector<Value> operands = ruleOf(op).vjp(builder, results);
    for (auto [operand, cotangent] : llvm::zip_equal(op->getOperands(), operands))
      if (dependence.isActive(operand))
        derivatives.add(builder, op->getLoc(), operand, cotangent);
  }
  SmallVector<Value> result = of(derivatives, inputs);
  building.eraseUnused(result);
  return result;
}

SmallVector<Value> buildJvp(OpBuilder& builder, ValueRange inputs, ValueRange tangents, ValueRange outputs) {
  Building building(builder);
  const Dependence dependence(inputs, outputs);
  Derivatives derivatives;
  for (auto [input, tangent] : llvm::zip_equal(inputs, tangents))
    derivatives.add(builder, input.getLoc(), input, tangent);
  for (Operation* op : dependence.operations()) {
    const SmallVector<Value> operands = of(derivatives, op->getOperands());
    if (allNull(operands))
      continue;
    const SmallVector<Value> results = ruleOf(op).jvp(builder, operands);
    for (auto [result, tangent] : llvm::zip_equal(op->getResults(), results))
      derivatives.add(builder, op->getLoc(), result, tangent);
  }
  SmallVector<Value> result = of(derivatives, outputs);
  building.eraseUnused(result);
  return result;
}

} // namespace sinter::ir
