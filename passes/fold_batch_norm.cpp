// Writes batch-norms as a multiplication and an addition per channel, and folds those by constants into the
// contraction before them.
//
// Everything is written as operations on constants that fold at once; weights stay in the arithmetic of their
// type. What would make weights that are not finite stays as it is: a sum of products with infinity is often
// NaN where infinity times the sum is not.
#include "passes/constants.h"

using namespace mlir;

namespace sinter::passes {
namespace {

/// `value` op `other`, of the type of `value`.
template <class OpTy>
Value arithmetic(Value value, Value other, PatternRewriter& rewriter) {
  return createFolded<OpTy>(rewriter, value.getLoc(), value.getType(), value, other);
}

/// True if `value` is a constant that broadcasts to `shape` along dimension `dim` only.
bool isPerChannel(Value value, ArrayRef<int64_t> shape, int64_t dim) {
  const RankedTensorType type = ir::tensorType(value);
  const int64_t offset = static_cast<int64_t>(shape.size()) - type.getRank();
  if (!isConstant(value) || offset < 0)
    return false;
  for (int64_t d = 0; d < type.getRank(); ++d)
    if (type.getDimSize(d) != 1 && d + offset != dim)
      return false;
  return type.getNumElements() == shape[static_cast<size_t>(dim)] || splatOf(value);
}

/// The elements of a constant for which isPerChannel holds, as [channels].
Value perChannel(Value value, int64_t channels, PatternRewriter& rewriter) {
  const RankedTensorType type = ir::tensorType(value);
  if (type.getNumElements() == channels)
    return reshaped(value, {channels}, rewriter);
  return makeSplat(rewriter, value.getLoc(), RankedTensorType::get({channels}, type.getElementType()),
                   *splatOf(value));
}

/// Half the greatest float of `type`: numbers up to it are finite however they are rounded.
double finiteLimit(RankedTensorType type) {
  return llvm::APFloat::getLargest(cast<FloatType>(type.getElementType()).getFloatSemantics())
             .convertToDouble() /
         2;
}

/// True if `constant` times numbers up to `scale` plus numbers up to `shift` is certainly finite, or taken
/// for it.
bool staysFinite(Value constant, double scale, double shift) {
  if (assumeFinite(constant))
    return true;
  const auto magnitudes = magnitudesOf(constant);
  return magnitudes && magnitudes->most * scale + shift <= finiteLimit(ir::tensorType(constant));
}

/// A contraction whose weights are constants and whose result is used once, so that they can be changed.
struct Weights {
  Operation* op = nullptr;
  int64_t channelDim = 1; ///< of the result

  static std::optional<Weights> of(Value value) {
    Operation* op = value.getDefiningOp();
    if (!op || !value.hasOneUse())
      return std::nullopt;
    if (isa<ir::ConvOp, ir::ConvTransposeOp>(op)) {
      const bool constant =
          isConstant(op->getOperand(1)) && (op->getNumOperands() < 3 || isConstant(op->getOperand(2)));
      return constant ? std::optional(Weights{op, 1}) : std::nullopt;
    }
    auto matmul = dyn_cast<ir::MatmulOp>(op);
    if (matmul && isConstant(matmul.getRhs()) && ir::tensorType(matmul.getRhs()).getRank() == 2)
      return Weights{op, ir::tensorType(value).getRank() - 1};
    return std::nullopt;
  }

  bool takesBias() const { return !isa<ir::MatmulOp>(op); }
  Value bias() const { return takesBias() && op->getNumOperands() == 3 ? op->getOperand(2) : Value(); }
  RankedTensorType resultType() const { return ir::tensorType(op->getResult(0)); }

  /// True if weights and bias are finite once multiplied by numbers up to `scale`, as staysFinite says.
  bool canScale(double scale) const {
    return scale <= finiteLimit(resultType()) && staysFinite(op->getOperand(1), scale, 0) &&
           (!bias() || staysFinite(bias(), scale, 0));
  }
  /// True if the bias is finite once multiplied by numbers up to `scale` and added to numbers up to `shift`.
  bool canShift(double scale, double shift) const {
    return bias() ? staysFinite(bias(), scale, shift) : shift <= finiteLimit(resultType());
  }

  /// The weights with output channel c multiplied by scale[c].
  Value scaled(Value scale, PatternRewriter& rewriter) const {
    Value weights = op->getOperand(1);
    SmallVector<int64_t> shape(ir::tensorType(weights).getShape());
    const int64_t channels = ir::tensorType(scale).getDimSize(0);
    if (auto matmul = dyn_cast<ir::MatmulOp>(op))
      return arithmetic<ir::MulOp>(
          weights, matmul.getTransposeRhs() ? reshaped(scale, {channels, 1}, rewriter) : scale, rewriter);
    SmallVector<int64_t> broadcast(shape.size(), 1);
    if (isa<ir::ConvOp>(op)) {
      broadcast[0] = channels;
      return arithmetic<ir::MulOp>(weights, reshaped(scale, broadcast, rewriter), rewriter);
    }
    // [C, M / groups, ...]: the rows of a group share its output channels.
    const auto groups = static_cast<int64_t>(cast<ir::ConvTransposeOp>(op).getGroups());
    SmallVector<int64_t> grouped{groups, shape[0] / groups, shape[1]};
    int64_t kernel = 1;
    for (int64_t extent : ArrayRef(shape).drop_front(2))
      kernel *= extent;
    grouped.push_back(kernel);
    Value product = arithmetic<ir::MulOp>(reshaped(weights, grouped, rewriter),
                                          reshaped(scale, {groups, 1, shape[1], 1}, rewriter), rewriter);
    return reshaped(product, shape, rewriter);
  }

  /// The contraction with other weights and bias (null: none).
  Value rebuilt(Value weights, Value bias, Location loc, PatternRewriter& rewriter) const {
    SmallVector<Value> operands{op->getOperand(0), weights};
    if (bias)
      operands.push_back(bias);
    OperationState state(rewriter.getFusedLoc({op->getLoc(), loc}), op->getName(), operands,
                         op->getResultTypes(), op->getAttrs());
    return rewriter.create(state)->getResult(0);
  }
};

/// `value` * scale + shift per channel, the contraction that makes `value` rewritten for it. Null scale: 1;
/// null shift: 0.
Value applyAffine(const Weights& weights, Value scale, Value shift, Location loc, PatternRewriter& rewriter) {
  Value filter = scale ? weights.scaled(scale, rewriter) : weights.op->getOperand(1);
  if (!weights.takesBias()) {
    Value result = weights.rebuilt(filter, {}, loc, rewriter);
    return shift ? ir::AddOp::create(rewriter, loc, result.getType(), result, shift) : result;
  }
  Value bias = weights.bias();
  if (bias && scale)
    bias = arithmetic<ir::MulOp>(bias, scale, rewriter);
  if (shift)
    bias = bias ? arithmetic<ir::AddOp>(bias, shift, rewriter) : shift;
  return weights.rebuilt(filter, bias, loc, rewriter);
}

/// batch_norm(x) -> x * scale + shift, if both are finite constants; else (x - mean) * scale + bias, which is
/// right for infinite scales too, and whatever is not constant is left to the program.
struct ExpandBatchNorm : OpRewritePattern<ir::BatchNormOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ir::BatchNormOp op, PatternRewriter& rewriter) const override {
    const Location loc = op.getLoc();
    const RankedTensorType type = ir::tensorType(op.getResult());
    // scale / sqrt(variance + epsilon), bias - mean * that
    const RankedTensorType channel = ir::tensorType(op.getScale());
    Value epsilon = makeSplat(rewriter, loc, channel, op.getEpsilon().convertToDouble());
    Value deviation = createFolded<ir::SqrtOp>(rewriter, loc, channel,
                                               arithmetic<ir::AddOp>(op.getVariance(), epsilon, rewriter));
    Value scale = arithmetic<ir::DivOp>(op.getScale(), deviation, rewriter);
    SmallVector<int64_t> shape(static_cast<size_t>(type.getRank()) - 1, 1);
    shape[0] = type.getDimSize(1);
    const auto perChannel = [&](Value value) { return reshaped(value, shape, rewriter); };

    if (const auto scales = magnitudesOf(scale); scales && isConstant(op.getMean())) {
      Value shift =
          arithmetic<ir::SubOp>(op.getBias(), arithmetic<ir::MulOp>(op.getMean(), scale, rewriter), rewriter);
      if (const auto shifts = magnitudesOf(shift)) {
        auto weights = Weights::of(op.getInput());
        if (weights && weights->channelDim == 1 && weights->canScale(scales->most) &&
            weights->canShift(scales->most, shifts->most)) {
          rewriter.replaceOp(op, applyAffine(*weights, scale, shift, loc, rewriter));
          return success();
        }
        Value product = ir::MulOp::create(rewriter, loc, type, op.getInput(), perChannel(scale));
        rewriter.replaceOpWithNewOp<ir::AddOp>(op, type, product, perChannel(shift));
        return success();
      }
    }
    Value centered = ir::SubOp::create(rewriter, loc, type, op.getInput(), perChannel(op.getMean()));
    Value product = ir::MulOp::create(rewriter, loc, type, centered, perChannel(scale));
    rewriter.replaceOpWithNewOp<ir::AddOp>(op, type, product, perChannel(op.getBias()));
    return success();
  }
};

/// contraction * c, contraction / c, contraction + c, contraction - c
template <class OpTy>
struct FoldAffine : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpTy op, PatternRewriter& rewriter) const override {
    if (match(op, op.getLhs(), op.getRhs(), rewriter))
      return success();
    return success(op->template hasTrait<OpTrait::IsCommutative>() &&
                   match(op, op.getRhs(), op.getLhs(), rewriter));
  }

  static bool match(OpTy op, Value value, Value constant, PatternRewriter& rewriter) {
    constexpr bool scales = std::is_same_v<OpTy, ir::MulOp> || std::is_same_v<OpTy, ir::DivOp>;
    auto weights = Weights::of(value);
    if (!weights || value.getType() != op.getType() || (!scales && !weights->takesBias()) ||
        !isa<FloatType>(weights->resultType().getElementType()) ||
        !isPerChannel(constant, weights->resultType().getShape(), weights->channelDim) ||
        !staysFinite(*weights, constant))
      return false;
    Value channel = perChannel(constant, weights->resultType().getDimSize(weights->channelDim), rewriter);
    if constexpr (std::is_same_v<OpTy, ir::DivOp>)
      channel = arithmetic<ir::DivOp>(makeSplat(rewriter, op.getLoc(), ir::tensorType(channel), 1), channel,
                                      rewriter);
    if constexpr (std::is_same_v<OpTy, ir::SubOp>)
      channel = createFolded<ir::NegOp>(rewriter, op.getLoc(), channel.getType(), channel);
    rewriter.replaceOp(op, applyAffine(*weights, scales ? channel : Value(), scales ? Value() : channel,
                                       op.getLoc(), rewriter));
    return true;
  }

  static bool staysFinite(const Weights& weights, Value constant) {
    const auto magnitudes = magnitudesOf(constant);
    if (!magnitudes)
      return false;
    if constexpr (std::is_same_v<OpTy, ir::MulOp>)
      return weights.canScale(magnitudes->most);
    else if constexpr (std::is_same_v<OpTy, ir::DivOp>)
      return magnitudes->least > 0 && weights.canScale(1 / magnitudes->least);
    else
      return weights.canShift(1, magnitudes->most);
  }
};

/// (matmul + bias) * c -> matmul * c + bias * c, so that the product can go into the weights.
struct DistributeOverBias : OpRewritePattern<ir::MulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ir::MulOp op, PatternRewriter& rewriter) const override {
    for (auto [sum, factor] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())}) {
      auto add = sum.getDefiningOp<ir::AddOp>();
      if (!add || !sum.hasOneUse() || !isConstant(factor) || sum.getType() != op.getType())
        continue;
      for (auto [product, bias] :
           {std::pair(add.getLhs(), add.getRhs()), std::pair(add.getRhs(), add.getLhs())}) {
        const auto weights = Weights::of(product);
        if (!weights || !isa<ir::MatmulOp>(weights->op) || product.getType() != op.getType() ||
            !isConstant(bias) || !isa<FloatType>(ir::tensorType(product).getElementType()))
          continue;
        const ArrayRef<int64_t> shape = ir::tensorType(product).getShape();
        const auto last = static_cast<int64_t>(shape.size()) - 1;
        if (!isPerChannel(factor, shape, last) || !isPerChannel(bias, shape, last))
          continue;
        const auto factors = magnitudesOf(factor);
        if (!factors || !weights->canScale(factors->most) || !staysFinite(bias, factors->most, 0))
          continue;
        Value scale = perChannel(factor, shape.back(), rewriter);
        Value shift = perChannel(bias, shape.back(), rewriter);
        Value scaled = ir::MulOp::create(rewriter, op.getLoc(), op.getType(), product, scale);
        rewriter.replaceOpWithNewOp<ir::AddOp>(op, op.getType(), scaled,
                                               arithmetic<ir::MulOp>(shift, scale, rewriter));
        return success();
      }
    }
    return failure();
  }
};

struct FoldBatchNorm : FunctionPass<FoldBatchNorm> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FoldBatchNorm)
  StringRef getArgument() const final { return "sinter-fold-batch-norm"; }
  StringRef getDescription() const final {
    return "write batch-norms per channel, and fold per-channel constants into the weights before them";
  }

  void runOnOperation() override {
    MLIRContext* context = &getContext();
    RewritePatternSet patterns(context);
    patterns.add<ExpandBatchNorm, FoldAffine<ir::MulOp>, FoldAffine<ir::DivOp>, FoldAffine<ir::AddOp>,
                 FoldAffine<ir::SubOp>, DistributeOverBias>(context);
    // From the top, so that a chain of constants is taken in one after the other.
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

std::unique_ptr<Pass> createFoldBatchNormPass() {
  return std::make_unique<FoldBatchNorm>();
}

} // namespace sinter::passes
