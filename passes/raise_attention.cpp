// Recognises attention: matmul(softmax(scale * matmul(query, key^T) + mask), value), and takes in the
// transposes that split and merge its heads.
//
// Values in between are used nowhere else; they then become dead.
#include "passes/attention_kernels.h"
#include "passes/constants.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace sinter::passes {
namespace {

// Keys and values are packed for every batch entry. With this many rows of queries and 1024 keys that pays;
// fewer were not measured.
constexpr int64_t kFewestRows = 8;

/// `value` = x * c or x / c: x and c, or 1 / c.
std::optional<std::pair<Value, double>> scaledBy(Value value) {
  if (auto mul = value.getDefiningOp<ir::MulOp>())
    for (auto [x, c] : {std::pair(mul.getLhs(), mul.getRhs()), std::pair(mul.getRhs(), mul.getLhs())})
      if (auto number = splatOf(c); number && x.getType() == value.getType())
        return std::pair(x, *number);
  if (auto div = value.getDefiningOp<ir::DivOp>(); div && div.getLhs().getType() == value.getType())
    if (auto number = splatOf(div.getRhs()))
      return std::pair(div.getLhs(), 1 / *number);
  return std::nullopt;
}

/// Softmaxes between products of 16 bits may be of f32: what `value`, which is used once, is a conversion of
/// between the two, or else itself.
Value beforeCast(Value value) {
  auto cast = value.hasOneUse() ? value.getDefiningOp<ir::CastOp>() : ir::CastOp();
  if (!cast)
    return value;
  const auto isOneOfTwo = [](Value of) {
    const Type element = ir::tensorType(of).getElementType();
    return element.isF32() || element.isF16() || element.isBF16();
  };
  return isOneOfTwo(cast.getInput()) && isOneOfTwo(value) ? cast.getInput() : value;
}

bool sameShapes(Value a, Value b) {
  return ir::tensorType(a).getShape() == ir::tensorType(b).getShape();
}

ir::MatmulOp plainProduct(Value value) {
  auto product = value.getDefiningOp<ir::MatmulOp>();
  if (!product || product.getTransposeLhs() || product.getTransposeRhs())
    return {};
  const int64_t rank = ir::tensorType(value).getRank();
  const bool sameRanks = ir::tensorType(product.getLhs()).getRank() == rank &&
                         ir::tensorType(product.getRhs()).getRank() == rank;
  return sameRanks ? product : ir::MatmulOp();
}

/// Scales are multiplied in f32.
bool isScale(double number) {
  const double magnitude = std::abs(number);
  return number == 0 ||
         (magnitude >= std::numeric_limits<float>::min() && magnitude <= std::numeric_limits<float>::max());
}

SmallVector<int64_t> identity(int64_t rank) {
  return llvm::to_vector(llvm::seq<int64_t>(0, rank));
}

/// What a transpose by `first` and then one by `second` come to; empty is none.
SmallVector<int64_t> composed(ArrayRef<int64_t> first, ArrayRef<int64_t> second) {
  if (first.empty() || second.empty())
    return SmallVector<int64_t>(first.empty() ? second : first);
  return llvm::map_to_vector(second, [&](int64_t dim) { return first[static_cast<size_t>(dim)]; });
}

struct RaiseAttention : OpRewritePattern<ir::MatmulOp> {
  RaiseAttention(MLIRContext* context, Backend backend) : OpRewritePattern(context), backend(backend) {}

  LogicalResult matchAndRewrite(ir::MatmulOp op, PatternRewriter& rewriter) const override {
    if (plainProduct(op.getResult()) != op || !op.getLhs().hasOneUse())
      return failure();
    auto softmax = beforeCast(op.getLhs()).getDefiningOp<ir::SoftmaxOp>();
    const int64_t rank = ir::tensorType(op.getResult()).getRank();
    if (!softmax || !softmax.getResult().hasOneUse() || static_cast<int64_t>(softmax.getAxis()) != rank - 1)
      return failure();
    Value scores = beforeCast(softmax.getInput()), mask;
    if (auto add = scores.getDefiningOp<ir::AddOp>(); add && scores.hasOneUse()) {
      const bool first = isScores(add.getLhs(), scores);
      mask = first ? add.getRhs() : add.getLhs();
      scores = first ? add.getLhs() : add.getRhs();
    }
    if (!isScores(scores, softmax.getResult()))
      return failure();
    double scale = 1;
    scores = beforeCast(scores);
    if (auto factor = scaledBy(scores))
      std::tie(scores, scale) = *factor;
    auto product = plainProduct(beforeCast(scores));
    const ArrayRef<int64_t> shape = ir::tensorType(scores).getShape();
    if (!isScale(scale) || shape[shape.size() - 2] < kFewestRows || llvm::is_contained(shape, 0) ||
        !hasKernel(product, op) || (mask && !isMask(mask, product)))
      return failure();
    // Constants are better packed once, and scores not computed for every batch entry of the values.
    if (isConstant(product.getRhs()) || isConstant(op.getRhs()) ||
        ir::tensorType(op.getResult()).getShape().drop_back() != shape.drop_back())
      return failure();
    SmallVector<int64_t> swapped = identity(rank);
    std::swap(swapped[swapped.size() - 2], swapped.back());
    rewriter.replaceOpWithNewOp<ir::AttentionOp>(op, op.getType(), product.getLhs(), product.getRhs(),
                                                 op.getRhs(), mask, APFloat(scale), ArrayRef<int64_t>{},
                                                 swapped, ArrayRef<int64_t>{}, ArrayRef<int64_t>{});
    return success();
  }

  // A product of the shape of `like` that is used once, perhaps scaled.
  static bool isScores(Value value, Value like) {
    if (!value.hasOneUse() || !sameShapes(value, like))
      return false;
    value = beforeCast(value);
    if (auto factor = scaledBy(value))
      return factor->first.hasOneUse() && plainProduct(beforeCast(factor->first));
    return value.hasOneUse() && plainProduct(value);
  }

  bool hasKernel(ir::MatmulOp scores, ir::MatmulOp sums) const {
    const RankedTensorType query = ir::tensorType(scores.getLhs()), value = ir::tensorType(sums.getRhs());
    const ArrayRef<int64_t> rows = query.getShape().take_back(2);
    return rows.back() != 0 && query.getElementType() == value.getElementType() &&
           hasAttentionKernel(query.getElementType(), rows.front(), rows.back(), value.getShape().back(),
                              backend);
  }

  static bool isMask(Value mask, ir::MatmulOp scores) {
    const Type element = ir::tensorType(mask).getElementType(), own = ir::tensorType(scores).getElementType();
    return element == own || (element.isF32() && own.getIntOrFloatBitWidth() == 16);
  }

  Backend backend;
};

/// attention(transpose(x)) reads x; the last dimension stays, of a key it may come to be the one before.
struct AbsorbOperandTranspose : OpRewritePattern<ir::AttentionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ir::AttentionOp op, PatternRewriter& rewriter) const override {
    const ArrayRef<int64_t> permutations[] = {op.getQueryPermutation(), op.getKeyPermutation(),
                                              op.getValuePermutation()};
    for (auto [number, permutation] : llvm::enumerate(permutations)) {
      OpOperand& operand = op->getOpOperand(static_cast<unsigned>(number));
      auto transpose = operand.get().getDefiningOp<ir::TransposeOp>();
      if (!transpose)
        continue;
      const SmallVector<int64_t> all = composed(transpose.getPermutation(), permutation);
      const auto last = static_cast<int64_t>(all.size()) - 1;
      const bool isKey = number == 1;
      if (all.back() != last && !(isKey && all[all.size() - 2] == last))
        continue;
      rewriter.modifyOpInPlace(op, [&] {
        operand.set(transpose.getInput());
        number == 0 ? op.setQueryPermutation(all)
        : isKey     ? op.setKeyPermutation(all)
                    : op.setValuePermutation(all);
      });
      return success();
    }
    return failure();
  }
};

/// attention(x * c) of the query or the key: the scale takes the factor in.
struct AbsorbOperandScale : OpRewritePattern<ir::AttentionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ir::AttentionOp op, PatternRewriter& rewriter) const override {
    for (unsigned number : {0, 1}) {
      OpOperand& operand = op->getOpOperand(number);
      auto factor = operand.get().hasOneUse() ? scaledBy(operand.get()) : std::nullopt;
      if (!factor || !isScale(op.getScale().convertToDouble() * factor->second))
        continue;
      rewriter.modifyOpInPlace(op, [&] {
        operand.set(factor->first);
        op.setScale(APFloat(op.getScale().convertToDouble() * factor->second));
      });
      return success();
    }
    return failure();
  }
};

/// transpose(attention(...)) is written so.
struct AbsorbResultTranspose : OpRewritePattern<ir::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ir::TransposeOp op, PatternRewriter& rewriter) const override {
    auto attention = op.getInput().getDefiningOp<ir::AttentionOp>();
    if (!attention || !op.getInput().hasOneUse())
      return failure();
    const SmallVector<int64_t> all = composed(attention.getResultPermutation(), op.getPermutation());
    if (all.back() != static_cast<int64_t>(all.size()) - 1)
      return failure();
    rewriter.replaceOpWithNewOp<ir::AttentionOp>(
        op, op.getType(), attention.getQuery(), attention.getKey(), attention.getValue(), attention.getMask(),
        attention.getScale(), attention.getQueryPermutation(), attention.getKeyPermutation(),
        attention.getValuePermutation(), all);
    return success();
  }
};

struct RaiseAttentionPass : FunctionPass<RaiseAttentionPass> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(RaiseAttentionPass)
  RaiseAttentionPass() = default;
  explicit RaiseAttentionPass(Backend backend) : backend(backend) {}
  StringRef getArgument() const final { return "sinter-raise-attention"; }
  StringRef getDescription() const final {
    return "recognise attention, and take in the transposes around it";
  }

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<RaiseAttention>(&getContext(), backend);
    patterns.add<AbsorbOperandTranspose, AbsorbOperandScale, AbsorbResultTranspose>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }

  Backend backend = Backend::cpu;
};

} // namespace

std::unique_ptr<Pass> createRaiseAttentionPass(Backend backend) {
  return std::make_unique<RaiseAttentionPass>(backend);
}

} // namespace sinter::passes
