// Making sinter.fusion regions out of operations.
#include "passes/fusion_region.h"

#include "passes/constants.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace sinter::passes {
namespace {

// Contractions fetch whole panels of their operands, so their constants stay in memory.
bool becomesImmediate(OpOperand& operand) {
  return splatOf(operand.get()) && fusionClassOf(operand.getOwner()) != ir::FusionClass::contraction;
}

// What the root needs, the root, the rest; each part in program order.
SmallVector<Operation*> rootFirst(ArrayRef<Operation*> ops, Operation* root) {
  SmallPtrSet<Operation*, 16> needed{root};
  for (Operation* op : llvm::reverse(ops))
    if (needed.contains(op))
      for (Value operand : op->getOperands())
        if (Operation* producer = operand.getDefiningOp())
          needed.insert(producer);
  SmallVector<Operation*> order;
  for (const bool first : {true, false})
    for (Operation* op : ops)
      if (needed.contains(op) == first)
        order.push_back(op);
  return order;
}

} // namespace

ir::FusionClass fusionClassOf(Operation* op) {
  auto fusion = dyn_cast<ir::FusionOpInterface>(op);
  return fusion ? fusion.getFusionClass() : ir::FusionClass::opaque;
}

bool samePositions(RankedTensorType a, RankedTensorType b) {
  return a.getShape() == b.getShape() && a.getEncoding() == b.getEncoding();
}

Location fusedLocation(ArrayRef<Operation*> ops) {
  llvm::SetVector<Location> locations;
  for (Operation* op : ops)
    locations.insert(op->getLoc());
  return FusedLoc::get(ops.front()->getContext(), locations.getArrayRef());
}

Value aliasRoot(Value value) {
  while (auto reshape = value.getDefiningOp<ir::ReshapeOp>())
    value = reshape.getInput();
  return value;
}

ir::FusionOp createFusion(ArrayRef<Operation*> ops, Operation* root) {
  Operation* last = ops.back();
  const SmallPtrSet<Operation*, 16> inside(ops.begin(), ops.end());
  llvm::SetVector<Value> inputs;
  const SmallVector<Operation*> order = root ? rootFirst(ops, root) : SmallVector<Operation*>(ops);
  for (Operation* op : order)
    for (OpOperand& operand : op->getOpOperands())
      if (Operation* producer = operand.get().getDefiningOp();
          !becomesImmediate(operand) && (!producer || !inside.contains(producer)))
        inputs.insert(operand.get());

  OpBuilder builder(last);
  auto fusion =
      ir::FusionOp::create(builder, fusedLocation(ops), last->getResultTypes(), inputs.getArrayRef());
  Block& body = fusion.getBody().empty() ? fusion.getBody().emplaceBlock() : fusion.getBody().front();
  IRMapping mapping;
  for (Value input : inputs)
    mapping.map(input, body.addArgument(input.getType(), input.getLoc()));
  builder.setInsertionPointToEnd(&body);
  // A constant may be an argument for one operation and an immediate for another: immediates have their own
  // map.
  DenseMap<Value, Value> immediates;
  for (Operation* op : order) {
    Operation* clone = builder.clone(*op, mapping);
    for (auto [from, to] : llvm::zip(op->getOpOperands(), clone->getOpOperands())) {
      if (!becomesImmediate(from))
        continue;
      Value& immediate = immediates[from.get()];
      if (!immediate) {
        OpBuilder::InsertionGuard guard(builder);
        builder.setInsertionPointToStart(&body);
        immediate = builder.clone(*from.get().getDefiningOp())->getResult(0);
      }
      to.set(immediate);
    }
  }
  SmallVector<Value> yielded;
  for (Value result : last->getResults())
    yielded.push_back(mapping.lookup(result));
  ir::YieldOp::create(builder, last->getLoc(), yielded);
  last->replaceAllUsesWith(fusion.getResults());
  for (Operation* op : llvm::reverse(ops))
    op->erase();
  return fusion;
}

Value createCopy(Value value, Operation* before) {
  OpBuilder builder(before);
  auto fusion = ir::FusionOp::create(builder, value.getLoc(), TypeRange(value.getType()), ValueRange(value));
  Block& body = fusion.getBody().empty() ? fusion.getBody().emplaceBlock() : fusion.getBody().front();
  Value argument = body.addArgument(value.getType(), value.getLoc());
  builder.setInsertionPointToEnd(&body);
  ir::YieldOp::create(builder, value.getLoc(), argument);
  return fusion.getResult(0);
}

} // namespace sinter::passes
