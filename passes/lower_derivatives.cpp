// What only matters to differentiation goes, once that is done.
#include "ir/control_flow.h"
#include "passes/passes.h"

using namespace mlir;

namespace sinter::passes {
namespace {

struct LowerDerivatives : FunctionPass<LowerDerivatives> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerDerivatives)
  StringRef getArgument() const final { return "sinter-lower-derivatives"; }
  StringRef getDescription() const final {
    return "put bodies in the place of checkpoints, and values in that of custom gradients";
  }

  // Inner ones first: a body is taken as it is in the end.
  void runOnOperation() override {
    getOperation().walk([](Operation* op) {
      if (auto checkpoint = dyn_cast<ir::CheckpointOp>(op)) {
        OpBuilder builder(op);
        op->replaceAllUsesWith(ir::inlineBody(builder, checkpoint.getBody(), checkpoint.getInputs()));
      } else if (auto custom = dyn_cast<ir::CustomGradientOp>(op)) {
        op->replaceAllUsesWith(custom.getValues());
      } else if (auto stop = dyn_cast<ir::StopGradientOp>(op)) {
        op->replaceAllUsesWith(ValueRange(stop.getInput()));
      } else {
        return;
      }
      op->erase();
    });
  }
};

} // namespace

std::unique_ptr<Pass> createLowerDerivativesPass() {
  return std::make_unique<LowerDerivatives>();
}

} // namespace sinter::passes
