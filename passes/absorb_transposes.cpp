// Matrix products read operands that are stored the other way round, where kernels can.
#include "passes/passes.h"

using namespace mlir;

namespace sinter::passes {
namespace {

// True for a transpose that only swaps the last two dimensions.
bool swapsLastTwo(ir::TransposeOp transpose) {
  SmallVector<int64_t> swapped =
      llvm::to_vector(llvm::seq<int64_t>(0, static_cast<int64_t>(transpose.getPermutation().size())));
  if (swapped.size() < 2)
    return false;
  std::swap(swapped[swapped.size() - 2], swapped.back());
  return transpose.getPermutation() == ArrayRef(swapped);
}

// Reads what the transpose before `operand` reads; true if there is one.
bool absorb(OpOperand& operand) {
  auto transpose = operand.get().getDefiningOp<ir::TransposeOp>();
  if (!transpose || !swapsLastTwo(transpose) || ir::layoutOf(operand.get()) ||
      ir::layoutOf(transpose.getInput()))
    return false;
  operand.set(transpose.getInput());
  if (transpose->use_empty())
    transpose->erase();
  return true;
}

struct AbsorbTransposes : FunctionPass<AbsorbTransposes> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(AbsorbTransposes)
  StringRef getArgument() const final { return "sinter-absorb-transposes"; }
  StringRef getDescription() const final { return "transposes of factors as flags of matrix products"; }

  void runOnOperation() override {
    getOperation().walk([](ir::MatmulOp op) {
      if (absorb(op.getLhsMutable()))
        op.setTransposeLhs(!op.getTransposeLhs());
      if (absorb(op.getRhsMutable()))
        op.setTransposeRhs(!op.getTransposeRhs());
    });
  }
};

} // namespace

std::unique_ptr<Pass> createAbsorbTransposesPass() {
  return std::make_unique<AbsorbTransposes>();
}

} // namespace sinter::passes
