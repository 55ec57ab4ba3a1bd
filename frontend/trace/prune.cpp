// What only a tape does with its program: leaves come first, and what no tensor refers to any more goes.
#include "trace/trace.h"

#include "ir/ops.h"

#include <algorithm>

using namespace mlir;

namespace sinter::trace {

void Trace::fail_other_thread() {
  throw Error("it was recorded by another thread, whose tape it belongs to; call detach() there first");
}

// The variables of a derivative are the first arguments of its program.
Value Trace::recorded_leaf(const Tensor& tensor) {
  const Tensor elements = dense(tensor);
  const Node& node = node_of(elements);
  const auto place = leaves_.size();
  const Value value =
      body_->insertArgument(static_cast<unsigned>(place),
                            RankedTensorType::get(ArrayRef(node.shape.begin(), node.shape.end()),
                                                  ir::elementTypeOf(builder_.getContext(), node.dtype)),
                            location_);
  const auto& storage = node_of(tensor).storage;
  arguments_.insert(arguments_.begin() + static_cast<std::ptrdiff_t>(place),
                    {elements, storage, storage->version()});
  leaves_.push_back(tensor);
  known_[value] = elements;
  return value;
}

Value Trace::recorded_released(const Tensor& tensor) {
  const Value value = argument(tensor).node()->value;
  released_.try_emplace(value, node_of(tensor).gradient->released_at);
  return value;
}

llvm::DenseSet<Value> Trace::requiring_gradient() const {
  llvm::DenseSet<Value> requiring;
  for (const auto& [value, line] : released_)
    requiring.insert(value);
  for (Value leaf : body_->getArguments().take_front(leaves_.size()))
    requiring.insert(leaf);
  const auto requires_one = [&](Value value) { return requiring.contains(value); };
  for (Operation& op : *body_)
    if (!isa<ir::StopGradientOp>(op) && llvm::any_of(op.getOperands(), requires_one))
      for (Value result : op.getResults())
        if (isa<FloatType>(ir::tensorType(result).getElementType()))
          requiring.insert(result);
  return requiring;
}

// What is connected to no leaf would keep the tape alive for its elements alone.
void Trace::settle() {
  const llvm::DenseSet<Value> requiring = requiring_gradient();
  for (const std::shared_ptr<Node>& node : live())
    if (!node->body_open && !requiring.contains(node->value))
      try {
        node->become(node_of(elements(node->value)));
      } catch (const Error&) { // who reads it will be told
      }
}

void Trace::prune() {
  if (!is_pinned())
    settle();
  llvm::DenseSet<Value> held;
  std::vector<std::weak_ptr<Node>> kept;
  for (const std::shared_ptr<Node>& node : live()) {
    held.insert(node->value);
    kept.push_back(node);
  }
  made_ = std::move(kept);
  const auto is_dead = [&](Value value) { return value.use_empty() && !held.contains(value); };

  llvm::DenseSet<Value> gone;
  for (Operation& op : llvm::make_early_inc_range(llvm::reverse(*body_))) {
    if (!llvm::all_of(op.getResults(), is_dead))
      continue;
    for (Value result : op.getResults())
      gone.insert(result);
    op.walk([&](Operation* each) { // what was read inside of a checkpoint is known as well
      for (Value result : each->getResults()) {
        known_.erase(result);
        places_.erase(result);
      }
    });
    op.erase();
  }
  for (Value argument : body_->getArguments())
    if (is_dead(argument))
      gone.insert(argument);
  std::erase_if(captured_, [&](const auto& entry) { return gone.contains(entry.second.second); });
  for (unsigned i = body_->getNumArguments(); i-- > 0;) {
    const Value argument = body_->getArgument(i);
    if (!gone.contains(argument))
      continue;
    known_.erase(argument);
    places_.erase(argument);
    released_.erase(argument);
    arguments_.erase(arguments_.begin() + i);
    if (i < leaves_.size())
      leaves_.erase(leaves_.begin() + i);
    body_->eraseArgument(i);
  }
  prune_at_ =
      made_.size() + std::max(kFirstPrune, body_->getOperations().size()); // its cost is spread evenly
}

} // namespace sinter::trace
