// Convolutions of one position with strides: first the input they meet, then a convolution without strides.
//
// Strided positions use a part of every cache line, once for every tile of output channels, and rows of them
// cannot be joined into one. Copied together once, they are read as fast as any.
#include "passes/windows.h"

using namespace mlir;

namespace sinter::passes {
namespace {

// With fewer output channels the input is read too seldom to make up for the copy.
constexpr int64_t kFewestChannels = 64;

struct CompactInput : OpRewritePattern<ir::ConvOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ir::ConvOp op, PatternRewriter& rewriter) const override {
    const ir::Contraction c = op.getContraction();
    const RankedTensorType input = ir::tensorType(op.getInput()), type = ir::tensorType(op.getResult());
    if (!hasOnePosition(op) || allAre(1, op.getStrides()) || c.outChannels < kFewestChannels ||
        type.getNumElements() == 0 || input.getNumElements() == 0)
      return failure();
    SmallVector<int64_t> sizes(input.getShape().take_front(2)), steps{1, 1};
    sizes.append(type.getShape().begin() + 2, type.getShape().end());
    steps.append(op.getStrides().begin(), op.getStrides().end());
    const SmallVector<int64_t> zeros(sizes.size(), 0), ones(sizes.size() - 2, 1);
    Value compact =
        ir::SliceOp::create(rewriter, op.getLoc(), input.clone(sizes), op.getInput(), zeros, sizes, steps);
    rewriter.replaceOpWithNewOp<ir::ConvOp>(op, type, compact, op.getFilter(), op.getBias(), ones,
                                            op.getDilations(), op.getPadBegin(), op.getPadEnd(),
                                            op.getGroups());
    return success();
  }
};

struct CompactStridedConv : FunctionPass<CompactStridedConv> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CompactStridedConv)
  StringRef getArgument() const final { return "sinter-compact-strided-conv"; }
  StringRef getDescription() const final { return "the input of strided 1x1 convolutions copied together"; }

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<CompactInput>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

std::unique_ptr<Pass> createCompactStridedConvPass() {
  return std::make_unique<CompactStridedConv>();
}

} // namespace sinter::passes
