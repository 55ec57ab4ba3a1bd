// Grouped convolutions whose groups do not fill whole blocks of channels, which have no micro-kernel.
//
// Kernels of one position are a matrix product for each group: filters times the row-major positions of the
// group's channels. For others, neighbouring groups become one whose filters have zeros for the channels of
// the others: more products, at many times the speed.
#include "passes/constants.h"
#include "passes/windows.h"

using namespace mlir;

namespace sinter::passes {
namespace {

// Beyond this, the loops that compute a grouped convolution as it is are no slower.
constexpr int64_t kMostMerged = 4;

/// True for a convolution without micro-kernel that can be rewritten.
bool isAwkward(ir::ConvOp op, int64_t block) {
  const ir::Contraction c = op.getContraction();
  return c.groups > 1 && !c.isDepthwise() && isConstant(op.getFilter()) &&
         (!op.getBias() || isConstant(op.getBias())) &&
         ir::tensorType(op.getResult()).getElementType().isF32() &&
         ir::tensorType(op.getResult()).getNumElements() > 0 && c.inChannels > 0 &&
         (c.inChannels % block != 0 || c.outChannels % block != 0);
}

bool isPointwise(ir::ConvOp op) {
  return hasOnePosition(op) && allAre(1, op.getStrides());
}

/// conv of 1x1 -> [groups, M, C] times [N, groups, C, positions]
struct AsMatrixProduct : OpRewritePattern<ir::ConvOp> {
  AsMatrixProduct(MLIRContext* context, int64_t block) : OpRewritePattern(context), block(block) {}

  LogicalResult matchAndRewrite(ir::ConvOp op, PatternRewriter& rewriter) const override {
    if (!isAwkward(op, block) || !isPointwise(op))
      return failure();
    const ir::Contraction c = op.getContraction();
    const RankedTensorType type = ir::tensorType(op.getResult());
    const int64_t positions = c.output[0] * c.output[1] * c.output[2];
    Value filter = reshaped(op.getFilter(), {c.groups, c.outChannels, c.inChannels}, rewriter);
    Value input =
        ir::ReshapeOp::create(rewriter, op.getLoc(), type.clone({c.batch, c.groups, c.inChannels, positions}),
                              op.getInput(), ArrayRef<int64_t>{c.batch, c.groups, c.inChannels, positions});
    const RankedTensorType product = type.clone({c.batch, c.groups, c.outChannels, positions});
    Value value = ir::MatmulOp::create(rewriter, op.getLoc(), product, filter, input, false, false);
    if (op.getBias())
      value = ir::AddOp::create(rewriter, op.getLoc(), product, value,
                                reshaped(op.getBias(), {c.groups, c.outChannels, 1}, rewriter));
    rewriter.replaceOpWithNewOp<ir::ReshapeOp>(op, type, value, type.getShape());
    return success();
  }

  int64_t block;
};

/// `merged` groups -> one with zeros
struct MergeGroups : OpRewritePattern<ir::ConvOp> {
  MergeGroups(MLIRContext* context, int64_t block) : OpRewritePattern(context), block(block) {}

  LogicalResult matchAndRewrite(ir::ConvOp op, PatternRewriter& rewriter) const override {
    if (!isAwkward(op, block) || isPointwise(op))
      return failure();
    const ir::Contraction c = op.getContraction();
    const int64_t merged = mergedGroups(c);
    if (merged == 0)
      return failure();
    Value filter = mergedFilter(op.getFilter(), c, merged, rewriter);
    rewriter.replaceOpWithNewOp<ir::ConvOp>(op, op.getType(), op.getInput(), filter, op.getBias(),
                                            op.getStrides(), op.getDilations(), op.getPadBegin(),
                                            op.getPadEnd(), static_cast<uint64_t>(c.groups / merged));
    return success();
  }

  // How many groups make one that fills whole blocks, or all of them; 0: too many.
  int64_t mergedGroups(const ir::Contraction& c) const {
    for (int64_t merged = 2; merged <= std::min(kMostMerged, c.groups); ++merged)
      if (merged == c.groups || (c.groups % merged == 0 && c.inChannels * merged % block == 0 &&
                                 c.outChannels * merged % block == 0))
        return merged;
    return 0;
  }

  // [M, C, kernel...] with the channels of the other groups of the same new one as zeros.
  static Value mergedFilter(Value filter, const ir::Contraction& c, int64_t merged,
                            PatternRewriter& rewriter) {
    const Location loc = filter.getLoc();
    const RankedTensorType type = ir::tensorType(filter);
    const int64_t taps = c.kernel[0] * c.kernel[1] * c.kernel[2], wide = merged * c.inChannels;
    const SmallVector<int64_t> split{c.groups / merged, merged, c.outChannels, c.inChannels, taps};
    const SmallVector<int64_t> one{split[0], 1, split[2], split[3], taps}, ones(5, 1);
    Value parts = reshaped(filter, split, rewriter);
    SmallVector<Value> padded;
    for (int64_t i = 0; i < merged; ++i) {
      Value part = createFolded<ir::SliceOp>(rewriter, loc, type.clone(one), parts,
                                             ArrayRef<int64_t>{0, i, 0, 0, 0}, one, ones);
      SmallVector<int64_t> shape(one);
      shape[3] = wide;
      padded.push_back(createFolded<ir::PadOp>(rewriter, loc, type.clone(shape), part,
                                               ArrayRef<int64_t>{0, 0, 0, i * c.inChannels, 0},
                                               ArrayRef<int64_t>{0, 0, 0, (merged - 1 - i) * c.inChannels, 0},
                                               ir::PadMode::constant, llvm::APFloat(0.0)));
    }
    SmallVector<int64_t> shape(split);
    shape[3] = wide;
    Value joined = createFolded<ir::ConcatOp>(rewriter, loc, type.clone(shape), padded, uint64_t{1});
    shape.assign(type.getShape().begin(), type.getShape().end());
    shape[1] = wide;
    return reshaped(joined, shape, rewriter);
  }

  int64_t block;
};

struct LowerGroupedConv : FunctionPass<LowerGroupedConv> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerGroupedConv)
  LowerGroupedConv() = default;
  LowerGroupedConv(int64_t block, bool merge) {
    this->block = block;
    this->merge = merge;
  }
  LowerGroupedConv(const LowerGroupedConv& other) : FunctionPass<LowerGroupedConv>(other) {}

  StringRef getArgument() const final { return "sinter-lower-grouped-conv"; }
  StringRef getDescription() const final {
    return "grouped convolutions that do not fill blocks of channels as matrix products or with fewer groups";
  }
  Option<int64_t> block{*this, "block", llvm::cl::desc("channels in a block"), llvm::cl::init(8)};
  Option<bool> merge{*this, "merge", llvm::cl::desc("multiply with zeros where that pays"),
                     llvm::cl::init(true)};

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<AsMatrixProduct>(&getContext(), block);
    if (merge)
      patterns.add<MergeGroups>(&getContext(), block);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

std::unique_ptr<Pass> createLowerGroupedConvPass(int64_t block, bool merge) {
  return std::make_unique<LowerGroupedConv>(block, merge);
}

} // namespace sinter::passes
