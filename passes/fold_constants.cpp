// Evaluates operations whose operands are constants with the eager kernels.
#include "passes/constants.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace sinter::passes {
namespace {

struct FoldConstants : FunctionPass<FoldConstants> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FoldConstants)
  StringRef getArgument() const final { return "sinter-fold-constants"; }
  StringRef getDescription() const final { return "evaluate operations on constants"; }

  void runOnOperation() override {
    getOperation().walk<WalkOrder::PreOrder>([&](Block* block) {
      for (Operation& op : llvm::make_early_inc_range(*block))
        if (failed(fold(&op)))
          signalPassFailure();
    });
  }

  // Program order: by the time an operation is looked at, its operands are constants if they can be.
  static LogicalResult fold(Operation* op) {
    if (op->getParentOfType<ir::FusionOp>())
      return success();
    try {
      auto values = evaluateConstants(op);
      if (!values)
        return success();
      OpBuilder builder(op);
      for (auto [result, value] : llvm::zip(op->getResults(), *values))
        result.replaceAllUsesWith(ir::ConstantOp::create(builder, op->getLoc(), result.getType(), value));
      eraseWithOperands(op);
      return success();
    } catch (const Error& error) {
      return op->emitOpError("cannot be evaluated: ") << error.what();
    }
  }

  static void eraseWithOperands(Operation* op) {
    // Once each: an operand may be used twice.
    llvm::SmallSetVector<Operation*, 4> producers;
    for (Value operand : op->getOperands())
      if (Operation* producer = operand.getDefiningOp())
        producers.insert(producer);
    op->erase();
    for (Operation* producer : producers)
      if (producer->use_empty())
        producer->erase();
  }
};

} // namespace

std::unique_ptr<Pass> createFoldConstantsPass() {
  return std::make_unique<FoldConstants>();
}

} // namespace sinter::passes
