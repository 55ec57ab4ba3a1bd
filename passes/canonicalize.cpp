// Simplifications that leave less to do, before anything is matched, folded or laid out.
#include "passes/constants.h"

#include <cmath>

using namespace mlir;

namespace sinter::passes {
namespace {

/// x op c -> x for a neutral c on the right, or on either side of a commutative operation.
template <class OpTy>
struct DropNeutral : OpRewritePattern<OpTy> {
  DropNeutral(MLIRContext* context, double neutral) : OpRewritePattern<OpTy>(context), neutral(neutral) {}
  LogicalResult matchAndRewrite(OpTy op, PatternRewriter& rewriter) const override {
    if (splatOf(op.getRhs()) == neutral && op.getLhs().getType() == op.getType())
      return rewriter.replaceOp(op, op.getLhs()), success();
    if (op->template hasTrait<OpTrait::IsCommutative>() && splatOf(op.getLhs()) == neutral &&
        op.getRhs().getType() == op.getType())
      return rewriter.replaceOp(op, op.getRhs()), success();
    return failure();
  }
  double neutral;
};

struct SquareByMul : OpRewritePattern<ir::PowOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ir::PowOp op, PatternRewriter& rewriter) const override {
    if (splatOf(op.getRhs()) != 2.0 || op.getLhs().getType() != op.getType())
      return failure();
    rewriter.replaceOpWithNewOp<ir::MulOp>(op, op.getType(), op.getLhs(), op.getLhs());
    return success();
  }
};

/// x / c -> x * (1 / c) where that changes no bit: c a power of two.
struct DivideByPowerOfTwo : OpRewritePattern<ir::DivOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ir::DivOp op, PatternRewriter& rewriter) const override {
    const bool floats = isa<FloatType>(ir::tensorType(op.getRhs()).getElementType());
    const auto divisor = floats ? splatOf(op.getRhs()) : std::nullopt;
    int exponent = 0;
    // Beyond 2^±14 the reciprocal might leave the range of f16.
    if (!divisor || std::abs(std::frexp(*divisor, &exponent)) != 0.5 || std::abs(exponent) > 14)
      return failure();
    Value reciprocal = makeSplat(rewriter, op.getRhs().getLoc(), ir::tensorType(op.getRhs()), 1 / *divisor);
    rewriter.replaceOpWithNewOp<ir::MulOp>(op, op.getType(), op.getLhs(), reciprocal);
    return success();
  }
};

struct DropCast : OpRewritePattern<ir::CastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ir::CastOp op, PatternRewriter& rewriter) const override {
    if (op.getInput().getType() != op.getType())
      return failure();
    rewriter.replaceOp(op, op.getInput());
    return success();
  }
};

struct ReshapeOfReshape : OpRewritePattern<ir::ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ir::ReshapeOp op, PatternRewriter& rewriter) const override {
    auto inner = op.getInput().getDefiningOp<ir::ReshapeOp>();
    if (!inner)
      return failure();
    rewriter.replaceOpWithNewOp<ir::ReshapeOp>(op, op.getType(), inner.getInput(), op.getShapeAttr());
    return success();
  }
};

/// One number that is repeated has any shape: reshaped first, it is repeated by what reads it.
struct ReshapeOfRepeatedNumber : OpRewritePattern<ir::ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ir::ReshapeOp op, PatternRewriter& rewriter) const override {
    auto broadcast = op.getInput().getDefiningOp<ir::BroadcastToOp>();
    if (!broadcast || ir::tensorType(broadcast.getInput()).getNumElements() != 1)
      return failure();
    const RankedTensorType type = ir::tensorType(op.getResult());
    const SmallVector<int64_t> ones(static_cast<size_t>(type.getRank()), 1);
    Value number = ir::ReshapeOp::create(rewriter, op.getLoc(), type.clone(ones), broadcast.getInput(), ones);
    rewriter.replaceOpWithNewOp<ir::BroadcastToOp>(op, type, number, type.getShape());
    return success();
  }
};

struct TransposeOfTranspose : OpRewritePattern<ir::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ir::TransposeOp op, PatternRewriter& rewriter) const override {
    auto inner = op.getInput().getDefiningOp<ir::TransposeOp>();
    if (!inner)
      return failure();
    SmallVector<int64_t> permutation;
    for (int64_t dim : op.getPermutation())
      permutation.push_back(inner.getPermutation()[static_cast<size_t>(dim)]);
    rewriter.replaceOpWithNewOp<ir::TransposeOp>(op, op.getType(), inner.getInput(), permutation);
    return success();
  }
};

/// A transpose that keeps the order of all dimensions longer than 1 moves nothing.
struct TransposeToReshape : OpRewritePattern<ir::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ir::TransposeOp op, PatternRewriter& rewriter) const override {
    const ArrayRef<int64_t> shape = ir::tensorType(op.getInput()).getShape();
    int64_t last = -1;
    for (int64_t dim : op.getPermutation()) {
      if (shape[static_cast<size_t>(dim)] == 1)
        continue;
      if (dim < last)
        return failure();
      last = dim;
    }
    if (op.getInput().getType() == op.getType())
      rewriter.replaceOp(op, op.getInput());
    else
      rewriter.replaceOpWithNewOp<ir::ReshapeOp>(op, op.getType(), op.getInput(),
                                                 ir::tensorType(op.getResult()).getShape());
    return success();
  }
};

/// A pointwise operation broadcasts by itself: an explicit broadcast of an operand is dropped where the
/// others still give the result its shape.
struct DropOperandBroadcast : OpInterfaceRewritePattern<ir::PointwiseOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(ir::PointwiseOpInterface op, PatternRewriter& rewriter) const override {
    if (op->getNumOperands() < 2)
      return failure();
    for (OpOperand& operand : op->getOpOperands()) {
      auto broadcast = operand.get().getDefiningOp<ir::BroadcastToOp>();
      if (!broadcast || !othersGiveShape(op, operand, broadcast.getInput()))
        continue;
      rewriter.modifyOpInPlace(op, [&] { operand.set(broadcast.getInput()); });
      return success();
    }
    return failure();
  }

  static bool othersGiveShape(Operation* op, OpOperand& replaced, Value input) {
    SmallVector<int64_t> shape(ir::tensorType(input).getShape());
    for (OpOperand& operand : op->getOpOperands()) {
      if (&operand == &replaced)
        continue;
      auto merged = ir::broadcastShapes(shape, ir::tensorType(operand.get()).getShape());
      if (failed(merged))
        return false;
      shape = *merged;
    }
    return ArrayRef<int64_t>(shape) == ir::tensorType(op->getResult(0)).getShape();
  }
};

/// The micro-kernels take plain operands, so a transposed one is transposed first. Constant weights keep
/// their flag: they are packed from either order.
struct ExplicitMatmulTranspose : OpRewritePattern<ir::MatmulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ir::MatmulOp op, PatternRewriter& rewriter) const override {
    const bool weights = isConstant(op.getRhs()) && ir::tensorType(op.getRhs()).getRank() == 2;
    const bool swapRhs = op.getTransposeRhs() && !weights;
    if (!op.getTransposeLhs() && !swapRhs)
      return failure();
    Value lhs = op.getTransposeLhs() ? swapLast(op.getLhs(), rewriter) : op.getLhs();
    Value rhs = swapRhs ? swapLast(op.getRhs(), rewriter) : op.getRhs();
    rewriter.replaceOpWithNewOp<ir::MatmulOp>(op, op.getType(), lhs, rhs, false,
                                              op.getTransposeRhs() && weights);
    return success();
  }

  static Value swapLast(Value value, PatternRewriter& rewriter) {
    const RankedTensorType type = ir::tensorType(value);
    const auto rank = static_cast<size_t>(type.getRank());
    auto permutation = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
    std::swap(permutation[rank - 1], permutation[rank - 2]);
    SmallVector<int64_t> shape(type.getShape());
    std::swap(shape[rank - 1], shape[rank - 2]);
    return createFolded<ir::TransposeOp>(rewriter, value.getLoc(), type.clone(shape), value, permutation);
  }
};

struct Canonicalize : FunctionPass<Canonicalize> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Canonicalize)
  StringRef getArgument() const final { return "sinter-canonicalize"; }
  StringRef getDescription() const final {
    return "neutral elements, chained movements, explicit transposes";
  }

  void runOnOperation() override {
    MLIRContext* context = &getContext();
    RewritePatternSet patterns(context);
    patterns.add<DropNeutral<ir::AddOp>, DropNeutral<ir::SubOp>>(context, 0.0);
    patterns.add<DropNeutral<ir::MulOp>, DropNeutral<ir::DivOp>, DropNeutral<ir::PowOp>>(context, 1.0);
    patterns.add<SquareByMul, DivideByPowerOfTwo, DropCast, ReshapeOfReshape, ReshapeOfRepeatedNumber,
                 TransposeOfTranspose, TransposeToReshape, DropOperandBroadcast, ExplicitMatmulTranspose>(
        context);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

std::unique_ptr<Pass> createCanonicalizePass() {
  return std::make_unique<Canonicalize>();
}

} // namespace sinter::passes
