// backward(): what is taken from the tape, computed, and released.
#include "autodiff/run_program.h"
#include "autodiff/tape.h"
#include "ir/gradient.h"
#include "ir/ops.h"
#include "trace/errors.h"
#include "trace/placement.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace sinter::autodiff {

using trace::node_of;
using trace::Trace;

// What happens to each part of the tape in one backward().
class Tape::Plan {
public:
  Plan(const Tape& tape, Value output, bool retain) : tape_(tape), retain(retain), output(output) {
    requiring_ = tape.requiring_gradient();
    find_path();
    settle_tensors();
    find_program();
  }

  struct Held {
    std::shared_ptr<trace::Node> node;
    Value value;
    bool requires_grad;
  };

private:
  const Tape& tape_;
  llvm::DenseSet<Value> requiring_;

public:
  const bool retain;
  const Value output;
  llvm::DenseSet<Operation*> path;          // what derivatives go through, and is released
  std::vector<Held> settled;                // the tensors that get elements, once and for all
  llvm::SmallVector<Value> border;          // of the path, used by what stays
  llvm::SmallVector<Value> results;         // what the program gives: `settled` and `border`, each once
  llvm::SmallVector<unsigned> inputs;       // its arguments by their number on the tape
  unsigned variables = 0;                   // the first of those
  llvm::SmallVector<Operation*> operations; // of the program, in order
  bool anything_stays = false;

private:
  void find_path() {
    if (!requiring_.contains(output))
      throw Error("nothing it depends on requires a gradient (detach() and stop_gradient() cut the way)");
    llvm::SmallVector<Value> waiting{output};
    while (!waiting.empty()) {
      const Value value = waiting.pop_back_val();
      if (const auto released = tape_.released_.find(value); released != tape_.released_.end())
        throw Error("it depends on " + to_string(ir::shapeOf(ir::tensorType(value))) +
                    ", of which the record was released by the backward() at " + released->second +
                    "; give that {.retain_graph = true}, or detach() what is carried on from it");
      Operation* op = value.getDefiningOp();
      if (!op || !path.insert(op).second)
        continue;
      for (Value operand : op->getOperands())
        if (requiring_.contains(operand))
          waiting.push_back(operand);
    }
  }

  // Values for which something is needed that another backward() may still go through.
  llvm::DenseSet<Value> waiting_values() const {
    llvm::DenseSet<Value> open, waiting; // those that depend on leaves by what is not released; ... on them
    for (Value leaf : tape_.body_->getArguments().take_front(tape_.leaves_.size()))
      open.insert(leaf);
    for (Operation& op : *tape_.body_) {
      if (path.contains(&op))
        continue;
      const auto any = [&](const llvm::DenseSet<Value>& set) {
        return llvm::any_of(op.getOperands(), [&](Value operand) { return set.contains(operand); });
      };
      const bool is_open = any(open), waits = any(waiting);
      for (Value result : op.getResults())
        if (is_open && requiring_.contains(result)) {
          open.insert(result);
          waiting.insert(result);
        } else if (waits)
          waiting.insert(result);
    }
    return waiting;
  }

  void settle_tensors() {
    const llvm::DenseSet<Value> waiting = retain ? llvm::DenseSet<Value>() : waiting_values();
    llvm::DenseSet<Value> listed;
    llvm::SmallVector<Value> staying;
    for (const std::shared_ptr<trace::Node>& node : tape_.live()) {
      const Value value = node->value;
      if (node->body_open) // of a body: it has no elements outside
        continue;
      const bool on_path = value.getDefiningOp() && path.contains(value.getDefiningOp());
      if (retain ? !on_path : waiting.contains(value)) {
        staying.push_back(value);
        continue;
      }
      settled.push_back({node, value, requiring_.contains(value)});
      if (listed.insert(value).second)
        results.push_back(value);
    }
    if (retain)
      return;
    anything_stays = !staying.empty();
    for (Value value : reached_from(staying, /*past_path=*/false).second)
      if (Operation* op = value.getDefiningOp(); op && path.contains(op)) {
        border.push_back(value);
        if (listed.insert(value).second)
          results.push_back(value);
      }
  }

  // The operations that give `values`, and all values on the way, in order of discovery.
  std::pair<llvm::DenseSet<Operation*>, llvm::SetVector<Value>> reached_from(ArrayRef<Value> values,
                                                                             bool past_path) const {
    llvm::DenseSet<Operation*> ops;
    llvm::SetVector<Value> seen(values.begin(), values.end());
    for (std::size_t i = 0; i < seen.size(); ++i) {
      Operation* op = seen[i].getDefiningOp();
      if (!op || (!past_path && path.contains(op)) || !ops.insert(op).second)
        continue;
      seen.insert(op->operand_begin(), op->operand_end());
    }
    return {std::move(ops), std::move(seen)};
  }

  void find_program() {
    llvm::SmallVector<Value> ends(results);
    ends.push_back(output);
    const auto [ops, values] = reached_from(ends, /*past_path=*/true);
    for (Operation& op : *tape_.body_)
      if (ops.contains(&op))
        operations.push_back(&op);
    llvm::DenseSet<Value> differentiated;
    for (Operation* op : path)
      differentiated.insert(op->operand_begin(), op->operand_end());
    const auto add = [&](bool variable) {
      for (BlockArgument argument : tape_.body_->getArguments())
        if (values.contains(argument) &&
            variable == (argument.getArgNumber() < tape_.leaves_.size() && differentiated.contains(argument)))
          inputs.push_back(argument.getArgNumber());
    };
    add(true);
    variables = static_cast<unsigned>(inputs.size());
    add(false);
  }
};

std::vector<Tensor> Tape::run(const Plan& plan, const std::optional<Tensor>& cotangent,
                              const SourceLocation& where) {
  const auto part =
      std::make_shared<Trace>(TapeContext::lease->context(), where, trace::Values::on_demand, "backward()");
  IRMapping mapping;
  for (unsigned input : plan.inputs)
    mapping.map(body_->getArgument(input), node_of(part->argument(checked(arguments_[input]))).value);
  OpBuilder& builder = part->builder();
  for (Operation* op : plan.operations)
    builder.clone(*op, mapping);
  llvm::SmallVector<Value> ends;
  for (Value result : plan.results)
    ends.push_back(mapping.lookup(result));
  const Value output = mapping.lookup(plan.output);
  ends.push_back(output);
  ends.push_back(cotangent
                     ? node_of(part->argument(trace::concrete(*cotangent))).value
                     : ir::GradientArithmetic(builder, output.getLoc()).filled(1, ir::tensorType(output)));
  const std::vector<Tensor> arguments = part->arguments();
  part->finish(ends);
  const Derivation derivation{.mode = Derivation::Mode::reverse,
                              .values = static_cast<unsigned>(plan.results.size()),
                              .outputs = 1,
                              .variables = plan.variables,
                              .device = trace::common_device(arguments)};
  const auto program =
      TapeContext::lease->program(part->release(), derivation, "backward() at " + trace::to_string(where));
  return run_program(*program, arguments);
}

void Tape::backward(Value output, const std::optional<Tensor>& cotangent, bool retain,
                    const SourceLocation& where) {
  const auto keep = shared_from_this(); // the last of its tensors may let go of it
  const Plan plan(*this, output, retain);
  const std::vector<Tensor> computed = run(plan, cotangent, where);
  for (unsigned i = 0; i < plan.variables; ++i)
    add_to_gradient(node_of(leaves_[plan.inputs[i]]), computed[plan.results.size() + i]);
  for (std::size_t i = 0; i < plan.results.size(); ++i)
    known_.try_emplace(plan.results[i], computed[i]); // what was read before is not computed anew
  if (!retain)
    release(plan, where);
}

void Tape::release(const Plan& plan, const SourceLocation& where) {
  const auto released = std::make_shared<trace::GradientState>();
  released->released_at = trace::to_string(where);
  for (const Plan::Held& held : plan.settled) {
    held.node->become(node_of(known_.find(held.value)->second));
    if (held.requires_grad)
      held.node->gradient = released;
  }
  if (!plan.anything_stays) {
    close();
    return;
  }
  for (Value value : plan.border) {
    const Tensor elements = known_.find(value)->second;
    const Value argument = node_of(this->argument(elements)).value;
    if (isa<FloatType>(ir::tensorType(value).getElementType()))
      released_.try_emplace(argument, released->released_at);
    value.replaceAllUsesWith(argument);
  }
  prune();
}

} // namespace sinter::autodiff
