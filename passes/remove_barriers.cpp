// What must not be found equal has been compared for the last time.
#include "passes/passes.h"

using namespace mlir;

namespace sinter::passes {
namespace {

struct RemoveBarriers : FunctionPass<RemoveBarriers> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(RemoveBarriers)
  StringRef getArgument() const final { return "sinter-remove-barriers"; }
  StringRef getDescription() const final { return "put what barriers stand for in their place"; }

  void runOnOperation() override {
    getOperation().walk([](ir::BarrierOp op) {
      OpBuilder builder(op);
      Value input = op.getInput();
      if (input.getType() != op.getType()) // in another layout
        input = ir::ConvertLayoutOp::create(builder, op.getLoc(), op.getType(), input);
      op.getResult().replaceAllUsesWith(input);
      op.erase();
    });
  }
};

} // namespace

std::unique_ptr<Pass> createRemoveBarriersPass() {
  return std::make_unique<RemoveBarriers>();
}

} // namespace sinter::passes
