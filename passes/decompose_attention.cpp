// Attention that has no kernel of its own, as the products and the softmax it stands for.
#include "ir/ops/contract/attention_products.h"
#include "passes/passes.h"

using namespace mlir;

namespace sinter::passes {
namespace {

struct DecomposeAttention : FunctionPass<DecomposeAttention> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(DecomposeAttention)
  StringRef getArgument() const final { return "sinter-decompose-attention"; }
  StringRef getDescription() const final {
    return "attention of other elements than f32 as products and softmax";
  }

  void runOnOperation() override {
    SmallVector<ir::AttentionOp> found;
    getOperation().walk([&](ir::AttentionOp op) {
      if (!ir::tensorType(op.getResult()).getElementType().isF32())
        found.push_back(op);
    });
    for (ir::AttentionOp op : found) {
      OpBuilder builder(op);
      ir::GradientArithmetic g(builder, op.getLoc());
      op.getResult().replaceAllUsesWith(ir::attentionResult(g, op));
      op.erase();
    }
  }
};

} // namespace

std::unique_ptr<Pass> createDecomposeAttentionPass() {
  return std::make_unique<DecomposeAttention>();
}

} // namespace sinter::passes
