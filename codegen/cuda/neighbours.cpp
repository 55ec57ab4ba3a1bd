// Steps of index arithmetic, and arithmetic repeated for every position of a run.
#include "codegen/cuda/neighbours.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace sinter::codegen::cuda {

std::optional<int64_t> Neighbours::step(Value value) {
  if (value == index)
    return 1;
  if (const auto known = steps.find(value); known != steps.end())
    return known->second;
  Operation* op = value.getDefiningOp();
  const std::optional<int64_t> result = op ? derive(op) : 0;
  steps[value] = result;
  return result;
}

std::optional<int64_t> Neighbours::derive(Operation* op) {
  if (op->getNumRegions() > 0)
    return std::nullopt;
  SmallVector<int64_t> operands;
  for (Value operand : op->getOperands()) {
    const auto known = step(operand);
    if (!known)
      return std::nullopt;
    operands.push_back(*known);
  }
  if (llvm::all_of(operands, [](int64_t operand) { return operand == 0; }))
    return 0;
  // Of a run that lies within one multiple of the divisor.
  const auto isWithin = [&] {
    const auto divisor = constantIndex(op->getOperand(1));
    const IndexFact fact = facts.of(op->getOperand(0));
    return operands[0] == 1 && divisor && *divisor > 0 && *divisor % width == 0 && fact.low >= 0 &&
           fact.isMultipleOf(width);
  };
  using Step = std::optional<int64_t>;
  return llvm::TypeSwitch<Operation*, Step>(op)
      .Case<arith::AddIOp>([&](auto) -> Step { return operands[0] + operands[1]; })
      .Case<arith::SubIOp>([&](auto) -> Step { return operands[0] - operands[1]; })
      .Case<arith::MulIOp>([&](auto) -> Step {
        const auto left = constantIndex(op->getOperand(0)), right = constantIndex(op->getOperand(1));
        if (right)
          return operands[0] * *right;
        return left ? Step(operands[1] * *left) : std::nullopt;
      })
      .Case<arith::IndexCastOp>([&](auto) -> Step { return operands[0]; })
      .Case<arith::DivUIOp>([&](auto) -> Step { return isWithin() ? Step(0) : std::nullopt; })
      .Case<arith::RemUIOp>([&](auto) -> Step { return isWithin() ? Step(1) : std::nullopt; })
      .Default([](Operation*) -> Step { return std::nullopt; });
}

bool Neighbours::isRun(LLVM::LoadOp load) {
  auto place = load.getAddr().getDefiningOp<LLVM::GEPOp>();
  if (!place || place.getElemType() != load.getResult().getType() || place.getDynamicIndices().size() != 1 ||
      place.getIndices().size() != 1 || step(place.getBase()) != 0)
    return false;
  Value offset = place.getDynamicIndices()[0];
  if (auto cast = offset.getDefiningOp<arith::IndexCastOp>())
    offset = cast.getIn();
  return step(offset) == 1 && facts.of(offset).isMultipleOf(width);
}

bool Neighbours::canWiden(Value value) {
  if (step(value) == 0)
    return true;
  Operation* op = value.getDefiningOp();
  if (auto load = dyn_cast_or_null<LLVM::LoadOp>(op))
    return isRun(load);
  return op && value != index && op->getNumRegions() == 0 && op->getNumResults() == 1 && isPure(op) &&
         !isa<IndexType>(value.getType()) &&
         llvm::all_of(op->getOperands(), [&](Value operand) { return canWiden(operand); });
}

SmallVector<Value> Neighbours::widened(OpBuilder& builder, Value value, LoadRun load) {
  if (const auto known = runs.find(value); known != runs.end())
    return known->second;
  SmallVector<Value> result;
  Operation* op = value.getDefiningOp();
  if (step(value) == 0) {
    result.assign(static_cast<size_t>(width), value);
  } else if (auto access = dyn_cast<LLVM::LoadOp>(op)) {
    result = load(access);
  } else {
    SmallVector<SmallVector<Value>> operands;
    for (Value operand : op->getOperands())
      operands.push_back(widened(builder, operand, load));
    for (int64_t i = 0; i < width; ++i) {
      IRMapping mapping;
      for (auto [operand, lanes] : llvm::zip(op->getOperands(), operands))
        mapping.map(operand, lanes[static_cast<size_t>(i)]);
      result.push_back(builder.clone(*op, mapping)->getResult(0));
    }
  }
  runs[value] = result;
  return result;
}

} // namespace sinter::codegen::cuda
