// Elements of traced tensors, computed when they are asked for.
#include "codegen/compile.h"
#include "ir/constant.h"
#include "ir/ops.h"
#include "trace/placement.h"
#include "trace/trace.h"

using namespace mlir;

namespace sinter::trace {

const Tensor* Trace::known(Value value) const {
  const auto found = known_.find(value);
  return found == known_.end() ? nullptr : &found->second;
}

const Tensor& Trace::elements(Value value) {
  if (!has_elements(value))
    throw Error(
        "reading a value inside the body of a branch or loop: the body is recorded once and runs later, "
        "any number of times; choose between values with where() or cond()");
  llvm::SmallVector<Operation*> waiting;
  const auto wait_for = [&](Value needed) {
    if (!known_.contains(needed))
      waiting.push_back(needed.getDefiningOp());
  };
  check_argument(value);
  wait_for(value);
  while (!waiting.empty()) { // depth first, without recursion: programs may be long chains
    Operation* op = waiting.back();
    const size_t before = waiting.size();
    if (!known_.contains(op->getResult(0)))
      for (Value operand : op->getOperands())
        wait_for(operand);
    if (waiting.size() > before)
      continue;
    waiting.pop_back();
    if (!known_.contains(op->getResult(0)))
      evaluate(op);
  }
  return known_.find(value)->second;
}

std::optional<Device> Trace::place_of(Value value) {
  if (values_ == Values::unknown)
    return device_;
  llvm::SmallVector<Value> waiting{value};
  while (!waiting.empty()) { // depth first, as above
    const Value next = waiting.back();
    const size_t before = waiting.size();
    std::optional<Device> place;
    if (Operation* op = next.getDefiningOp()) {
      for (Value operand : op->getOperands())
        if (const auto found = places_.find(operand); found == places_.end())
          waiting.push_back(operand);
        else if (!place)
          place = found->second;
    } else if (const Tensor* elements = known(next)) {
      const Device device = trace::device_of(*elements);
      if (device != Device::cpu || elements->rank() > 0)
        place = device;
    }
    if (waiting.size() > before)
      continue;
    places_[next] = place;
    waiting.pop_back();
  }
  return places_.find(value)->second;
}

// What is computed late must not be computed from what was written meanwhile.
void Trace::check_argument(Value value) const {
  if (const auto argument = dyn_cast<BlockArgument>(value);
      argument && argument.getArgNumber() < arguments_.size())
    (void)checked(arguments_[argument.getArgNumber()]);
}

// All operands of `op` are known.
void Trace::evaluate(Operation* op) {
  if (auto constant = dyn_cast<ir::ConstantOp>(op)) {
    const ir::ConstantData data = ir::readElements(constant.getValue());
    known_[constant.getResult()] =
        make_concrete(data.storage, data.view.dtype, data.view.shape, data.view.strides, data.byteOffset);
    return;
  }
  llvm::SmallVector<View, 4> operands, results;
  llvm::SmallVector<Tensor, 4> elements;
  Device device; // constants, and what is made of them, are on the host
  for (Value operand : op->getOperands()) {
    check_argument(operand);
    elements.push_back(known_.find(operand)->second);
    operands.push_back(node_of(elements.back()).view());
    device = device == Device::cpu ? trace::device_of(elements.back()) : device;
  }
  if (device != Device::cpu) {
    for (auto [result, tensor] : llvm::zip_equal(op->getResults(), run_operation(*op, elements, device)))
      known_[result] = tensor;
    return;
  }
  llvm::SmallVector<Tensor, 2> made;
  for (Value result : op->getResults()) {
    const RankedTensorType type = ir::tensorType(result);
    made.push_back(make_empty(ir::dtypeOf(type.getElementType()), ir::shapeOf(type)));
    results.push_back(node_of(made.back()).view());
  }
  codegen::interpret(*op, operands, results);
  for (auto [result, tensor] : llvm::zip(op->getResults(), made))
    known_[result] = tensor;
}

} // namespace sinter::trace
