// Bodies of branches and loops, while they are traced and afterwards.
#include "trace/traced_body.h"

#include "ir/ops.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace sinter::trace {

TracedBody::TracedBody(Trace& trace, TypeRange arguments, const detail::TraceBody& body,
                       const SourceLocation& where)
    : region_(std::make_unique<Region>()) {
  OpBuilder& builder = trace.builder();
  const OpBuilder::InsertionGuard guard(builder);
  const Location location = mlir_location(builder.getContext(), where);
  Block& block = region_->emplaceBlock();
  builder.setInsertionPointToEnd(&block);
  const Trace::BodyScope scope(trace);
  std::vector<Tensor> tensors;
  for (Type type : arguments)
    tensors.push_back(trace.tensor(block.addArgument(type, location)));
  const std::vector<Tensor> results = body(tensors);
  llvm::SmallVector<Value> values;
  for (const Tensor& result : results)
    values.push_back(trace.value(result));
  ir::YieldOp::create(builder, location, values);
}

TracedBody::TracedBody(Trace& trace, Operation* before, std::span<const Tensor> results,
                       const SourceLocation& where)
    : region_(std::make_unique<Region>()) {
  llvm::SmallVector<Value> values;
  for (const Tensor& result : results)
    values.push_back(trace.value(result));
  OpBuilder& builder = trace.builder();
  const OpBuilder::InsertionGuard guard(builder);
  Block &outer = *builder.getInsertionBlock(), &block = region_->emplaceBlock();
  const auto first = before ? std::next(before->getIterator()) : outer.begin();
  for (Operation& op : llvm::make_early_inc_range(llvm::make_range(first, outer.end())))
    if (!isa<ir::ConstantOp>(op)) // the whole program's
      op.moveBefore(&block, block.end());
  builder.setInsertionPointToEnd(&block);
  ir::YieldOp::create(builder, mlir_location(builder.getContext(), where), values);
}

void TracedBody::collect_captured(llvm::SetVector<Value>& captured) {
  Block& block = region_->front();
  llvm::DenseMap<Operation*, Operation*> moved;
  for (Operation& op : llvm::make_early_inc_range(block))
    for (OpOperand& operand : op.getOpOperands()) {
      if (operand.get().getParentBlock() == &block)
        continue;
      if (auto constant = operand.get().getDefiningOp<ir::ConstantOp>()) {
        Operation*& inside = moved[constant];
        if (!inside) {
          inside = constant->clone();
          block.push_front(inside);
        }
        operand.set(inside->getResult(0));
      } else {
        captured.insert(operand.get());
      }
    }
}

std::unique_ptr<Region> TracedBody::isolated(ArrayRef<Value> captured) {
  Block& block = region_->front();
  for (Value value : captured) {
    const Value argument = block.addArgument(value.getType(), value.getLoc());
    value.replaceUsesWithIf(argument, [&](OpOperand& use) { return use.getOwner()->getBlock() == &block; });
  }
  return std::move(region_);
}

} // namespace sinter::trace
