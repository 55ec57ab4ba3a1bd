// Transposed convolutions whose windows do not overlap: a 1x1 convolution, then depth-to-space.
#include "passes/constants.h"
#include "passes/windows.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace sinter::passes {
namespace {

bool windowsTile(ir::ConvTransposeOp op) {
  const ArrayRef<int64_t> kernel = ir::tensorType(op.getFilter()).getShape().drop_front(2);
  return op.getStrides() == kernel && allAre(1, op.getDilations()) && allAre(0, op.getPadBegin()) &&
         allAre(0, op.getPadEnd()) && allAre(0, op.getOutputPadding()) && op.getGroups() == 1;
}

/// Filter [C, M, k...] as the filter [M * k..., C, 1...] of a 1x1 convolution.
Value pointwiseFilter(Value filter, PatternRewriter& rewriter) {
  const RankedTensorType type = ir::tensorType(filter);
  SmallVector<int64_t> permutation, transposed, shape(static_cast<size_t>(type.getRank()), 1);
  for (int64_t d = 1; d < type.getRank(); ++d)
    permutation.push_back(d);
  permutation.push_back(0);
  for (int64_t d : permutation)
    transposed.push_back(type.getDimSize(d));
  shape[1] = type.getDimSize(0);
  shape[0] = type.getNumElements() / std::max<int64_t>(shape[1], 1);
  Value moved =
      createFolded<ir::TransposeOp>(rewriter, filter.getLoc(), type.clone(transposed), filter, permutation);
  return createFolded<ir::ReshapeOp>(rewriter, filter.getLoc(), type.clone(shape), moved, shape);
}

/// Bias [M] repeated for every position of the kernel: [M * k...].
Value repeatedBias(Value bias, int64_t times, PatternRewriter& rewriter) {
  const RankedTensorType type = ir::tensorType(bias);
  const int64_t channels = type.getDimSize(0);
  const Location loc = bias.getLoc();
  Value column = createFolded<ir::ReshapeOp>(rewriter, loc, type.clone({channels, 1}), bias,
                                             ArrayRef<int64_t>{channels, 1});
  Value wide = createFolded<ir::BroadcastToOp>(rewriter, loc, type.clone({channels, times}), column,
                                               ArrayRef<int64_t>{channels, times});
  return createFolded<ir::ReshapeOp>(rewriter, loc, type.clone({channels * times}), wide,
                                     ArrayRef<int64_t>{channels * times});
}

/// [N, M * k..., s...] to `type` = [N, M, (s * k)...]
Value depthToSpace(Value value, RankedTensorType type, ArrayRef<int64_t> kernel, PatternRewriter& rewriter) {
  const RankedTensorType from = ir::tensorType(value);
  const auto spatial = static_cast<int64_t>(kernel.size());
  SmallVector<int64_t> split{type.getDimSize(0), type.getDimSize(1)};
  split.append(kernel.begin(), kernel.end());
  split.append(from.getShape().begin() + 2, from.getShape().end());
  SmallVector<int64_t> permutation{0, 1}, moved;
  for (int64_t d = 0; d < spatial; ++d)
    permutation.append({2 + spatial + d, 2 + d});
  for (int64_t d : permutation)
    moved.push_back(split[static_cast<size_t>(d)]);
  const Location loc = value.getLoc();
  Value parts = ir::ReshapeOp::create(rewriter, loc, type.clone(split), value, split);
  Value interleaved = ir::TransposeOp::create(rewriter, loc, type.clone(moved), parts, permutation);
  return ir::ReshapeOp::create(rewriter, loc, type, interleaved, type.getShape());
}

struct LowerTiling : OpRewritePattern<ir::ConvTransposeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ir::ConvTransposeOp op, PatternRewriter& rewriter) const override {
    const RankedTensorType input = ir::tensorType(op.getInput());
    const RankedTensorType type = ir::tensorType(op.getResult());
    const auto spatial = static_cast<size_t>(input.getRank()) - 2;
    const bool empty = input.getNumElements() == 0 || type.getNumElements() == 0 ||
                       ir::tensorType(op.getFilter()).getNumElements() == 0;
    if (empty || !isConstant(op.getFilter()) || !windowsTile(op) ||
        2 + 2 * spatial > static_cast<size_t>(kMaxRank))
      return failure();
    const SmallVector<int64_t> kernel(ir::tensorType(op.getFilter()).getShape().drop_front(2));
    Value filter = pointwiseFilter(op.getFilter(), rewriter);
    const int64_t channels = ir::tensorType(filter).getDimSize(0);
    Value bias = op.getBias() ? repeatedBias(op.getBias(),
                                             channels / std::max<int64_t>(type.getDimSize(1), 1), rewriter)
                              : Value();
    SmallVector<int64_t> shape(input.getShape());
    shape[1] = channels;
    const SmallVector<int64_t> ones(spatial, 1), zeros(spatial, 0);
    Value value = ir::ConvOp::create(rewriter, op.getLoc(), type.clone(shape), op.getInput(), filter, bias,
                                     ones, ones, zeros, zeros, uint64_t{1});
    Operation* last = applyFollowing(op, value, rewriter);
    rewriter.setInsertionPoint(last);
    rewriter.replaceOp(last, depthToSpace(value, ir::tensorType(last->getResult(0)), kernel, rewriter));
    return success();
  }

  // Applies the pointwise operations that follow with nothing but numbers beside them to `value`, where they
  // are the convolution's epilogue. Returns the last operation whose result `value` stands for.
  static Operation* applyFollowing(Operation* op, Value& value, PatternRewriter& rewriter) {
    while (op->hasOneUse()) {
      Operation* user = *op->user_begin();
      if (!isa<ir::PointwiseOpInterface>(user) || user->getNumResults() != 1 ||
          ir::tensorType(user->getResult(0)).getShape() != ir::tensorType(op->getResult(0)).getShape() ||
          !llvm::all_of(user->getOperands(), [&](Value operand) {
            return operand == op->getResult(0) ||
                   (isConstant(operand) && ir::tensorType(operand).getNumElements() == 1);
          }))
        break;
      IRMapping mapping;
      mapping.map(op->getResult(0), value);
      rewriter.setInsertionPoint(user);
      Operation* clone = rewriter.clone(*user, mapping);
      clone->getResult(0).setType(RankedTensorType::get(ir::tensorType(value).getShape(),
                                                        ir::tensorType(user->getResult(0)).getElementType()));
      value = clone->getResult(0);
      op = user;
    }
    return op;
  }
};

struct LowerConvTranspose : FunctionPass<LowerConvTranspose> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerConvTranspose)
  StringRef getArgument() const final { return "sinter-lower-conv-transpose"; }
  StringRef getDescription() const final {
    return "transposed convolutions of disjoint windows as 1x1 convolution and depth-to-space";
  }

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<LowerTiling>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

std::unique_ptr<Pass> createLowerConvTransposePass() {
  return std::make_unique<LowerConvTranspose>();
}

} // namespace sinter::passes
