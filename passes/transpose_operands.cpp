// Operands of matrix products that are stored the other way round, and that no micro-kernel reads so, are
// transposed by kernels of their own: one pass over the operand, for products at full speed.
#include "passes/constants.h"

using namespace mlir;

namespace sinter::passes {
namespace {

Value lastTwoSwapped(IRRewriter& rewriter, Location loc, Value value) {
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, ir::tensorType(value).getRank()));
  std::swap(order[order.size() - 2], order.back());
  return foldNow(rewriter, ir::create<ir::TransposeOp>(rewriter, loc, value, order).getOperation());
}

struct TransposeOperands : FunctionPass<TransposeOperands> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(TransposeOperands)
  StringRef getArgument() const final { return "sinter-transpose-operands"; }
  StringRef getDescription() const final { return "operands of matrix products as micro-kernels read them"; }

  void runOnOperation() override {
    getOperation().walk([&](ir::MatmulOp op) {
      if (!ir::tensorType(op.getResult()).getElementType().isF32())
        return;
      IRRewriter rewriter(op);
      if (op.getTransposeLhs()) {
        op.getLhsMutable().assign(lastTwoSwapped(rewriter, op.getLoc(), op.getLhs()));
        op.setTransposeLhs(false);
      }
      // Constants are packed when the program is compiled.
      if (op.getTransposeRhs() && !isConstant(op.getRhs())) {
        op.getRhsMutable().assign(lastTwoSwapped(rewriter, op.getLoc(), op.getRhs()));
        op.setTransposeRhs(false);
      }
    });
  }
};

} // namespace

std::unique_ptr<Pass> createTransposeOperandsPass() {
  return std::make_unique<TransposeOperands>();
}

} // namespace sinter::passes
