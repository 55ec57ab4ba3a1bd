// Attention that has no kernel of its own, as the products and the softmax it stands for.
#include "ir/ops/contract/attention_products.h"
#include "passes/attention_kernels.h"
#include "passes/passes.h"

using namespace mlir;

namespace sinter::passes {
namespace {

struct DecomposeAttention : FunctionPass<DecomposeAttention> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(DecomposeAttention)
  explicit DecomposeAttention(Backend backend) : backend(backend) {}
  StringRef getArgument() const final { return "sinter-decompose-attention"; }
  StringRef getDescription() const final { return "attention that has no kernel as products and softmax"; }

  Backend backend;

  void runOnOperation() override {
    SmallVector<ir::AttentionOp> found;
    getOperation().walk([&](ir::AttentionOp op) {
      if (!hasAttentionKernel(op, backend))
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

std::unique_ptr<Pass> createDecomposeAttentionPass(Backend backend) {
  return std::make_unique<DecomposeAttention>(backend);
}

} // namespace sinter::passes
