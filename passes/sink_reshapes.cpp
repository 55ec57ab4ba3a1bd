// Moves reshapes behind what follows them, out of the way of fusion: a reshape costs nothing, but no kernel
// goes across it.
#include "passes/fusion_region.h"

#include "passes/constants.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace sinter::passes {
namespace {

/// The input of `value` = reshape, if both are used once and the input is computed by a kernel that can go
/// on.
Value sinkable(Value value) {
  auto reshape = value.getDefiningOp<ir::ReshapeOp>();
  if (!reshape || !value.hasOneUse() || !reshape.getInput().hasOneUse())
    return {};
  Operation* producer = reshape.getInput().getDefiningOp();
  const bool computed = producer && fusionClassOf(producer) != ir::FusionClass::opaque &&
                        fusionClassOf(producer) != ir::FusionClass::alias;
  return computed ? reshape.getInput() : Value();
}

/// f(reshape(x), numbers...) -> reshape(f(x, numbers...)): f joins the kernel of x.
struct SinkBelowPointwise : OpInterfaceRewritePattern<ir::PointwiseOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(ir::PointwiseOpInterface op, PatternRewriter& rewriter) const override {
    if (op->getNumResults() != 1)
      return failure();
    Value x, reshaped;
    for (Value operand : op->getOperands()) {
      if (isConstant(operand) && ir::tensorType(operand).getNumElements() == 1)
        continue;
      if (x || !(x = sinkable(operand)))
        return failure();
      reshaped = operand;
    }
    const RankedTensorType type = ir::tensorType(op->getResult(0));
    if (!x || ir::tensorType(reshaped).getShape() != type.getShape())
      return failure();
    IRMapping mapping;
    mapping.map(reshaped, x);
    for (Value operand : op->getOperands())
      if (operand != reshaped)
        mapping.map(operand, scalar(operand, rewriter));
    Operation* clone = rewriter.clone(*op, mapping);
    clone->getResult(0).setType(RankedTensorType::get(ir::tensorType(x).getShape(), type.getElementType()));
    rewriter.replaceOpWithNewOp<ir::ReshapeOp>(op, type, clone->getResult(0), type.getShape());
    return success();
  }

  // A number of rank 0 broadcasts to every shape.
  static Value scalar(Value number, PatternRewriter& rewriter) {
    const RankedTensorType type = ir::tensorType(number);
    if (type.getRank() == 0)
      return number;
    return createFolded<ir::ReshapeOp>(rewriter, number.getLoc(),
                                       RankedTensorType::get({}, type.getElementType()), number,
                                       ArrayRef<int64_t>{});
  }
};

/// The dimensions of `shape` longer than 1.
SmallVector<int64_t> longDims(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> dims;
  for (auto [d, extent] : llvm::enumerate(shape))
    if (extent != 1)
      dims.push_back(static_cast<int64_t>(d));
  return dims;
}

SmallVector<int64_t> extentsAt(ArrayRef<int64_t> shape, ArrayRef<int64_t> dims) {
  return llvm::map_to_vector(dims, [&](int64_t d) { return shape[static_cast<size_t>(d)]; });
}

/// transpose(reshape(x)), the reshape adding or removing dimensions of extent 1 only -> reshape(transpose(x))
struct SinkBelowTranspose : OpRewritePattern<ir::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ir::TransposeOp op, PatternRewriter& rewriter) const override {
    Value x = sinkable(op.getInput());
    if (!x)
      return failure();
    const ArrayRef<int64_t> from = ir::tensorType(x).getShape(),
                            to = ir::tensorType(op.getInput()).getShape();
    const auto fromLong = longDims(from), toLong = longDims(to);
    if (extentsAt(from, fromLong) != extentsAt(to, toLong))
      return failure();
    // Dimensions of extent 1 go to the front, where they are in nobody's way.
    SmallVector<int64_t> permutation;
    for (auto [d, extent] : llvm::enumerate(from))
      if (extent == 1)
        permutation.push_back(static_cast<int64_t>(d));
    for (int64_t dim : op.getPermutation())
      if (const auto* found = llvm::find(toLong, dim); found != toLong.end())
        permutation.push_back(fromLong[static_cast<size_t>(found - toLong.begin())]);
    const RankedTensorType type = ir::tensorType(op.getResult());
    Value moved = ir::TransposeOp::create(rewriter, op.getLoc(), type.clone(extentsAt(from, permutation)), x,
                                          permutation);
    rewriter.replaceOpWithNewOp<ir::ReshapeOp>(op, type, moved, type.getShape());
    return success();
  }
};

/// slice(transpose(x)) -> transpose(slice(x)) where nothing but slices read the transposed tensor: each then
/// reads what it needs.
struct SliceBeforeTranspose : OpRewritePattern<ir::SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ir::SliceOp op, PatternRewriter& rewriter) const override {
    auto transpose = op.getInput().getDefiningOp<ir::TransposeOp>();
    if (!transpose || !llvm::all_of(transpose->getUsers(), llvm::IsaPred<ir::SliceOp>))
      return failure();
    const RankedTensorType type = ir::tensorType(op.getResult());
    const auto rank = static_cast<size_t>(type.getRank());
    SmallVector<int64_t> starts(rank), sizes(rank), steps(rank);
    for (auto [to, from] : llvm::enumerate(transpose.getPermutation())) {
      starts[static_cast<size_t>(from)] = op.getStarts()[to];
      sizes[static_cast<size_t>(from)] = op.getSizes()[to];
      steps[static_cast<size_t>(from)] = op.getSteps()[to];
    }
    Value sliced = ir::SliceOp::create(rewriter, op.getLoc(), type.clone(sizes), transpose.getInput(), starts,
                                       sizes, steps);
    rewriter.replaceOpWithNewOp<ir::TransposeOp>(op, type, sliced, transpose.getPermutation());
    return success();
  }
};

struct SinkReshapes : FunctionPass<SinkReshapes> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SinkReshapes)
  StringRef getArgument() const final { return "sinter-sink-reshapes"; }
  StringRef getDescription() const final {
    return "move reshapes behind what can join the kernel before them";
  }

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<SinkBelowPointwise, SinkBelowTranspose, SliceBeforeTranspose>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

std::unique_ptr<Pass> createSinkReshapesPass() {
  return std::make_unique<SinkReshapes>();
}

} // namespace sinter::passes
