// Recognises operations that exporters write out as chains of simpler ones.
//
// A chain is replaced only if its inner values are used nowhere else; they then become dead.
#include "passes/constants.h"

#include <cmath>

using namespace mlir;

namespace sinter::passes {
namespace {

constexpr double kInvSqrt2 = 0.70710678118654752440;
constexpr double kSqrt2OverPi = 0.79788456080286535588;

// Constants were rounded to f32, and some exporters wrote few digits.
bool near(double a, double b) {
  return std::abs(a - b) <= 2e-5 * std::abs(b);
}

/// `value` = x + c, a commutative match with a constant c.
template <class OpTy>
std::optional<std::pair<Value, double>> withConstant(Value value) {
  auto op = value.getDefiningOp<OpTy>();
  if (!op)
    return std::nullopt;
  for (auto [x, c] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())})
    if (auto constant = splatOf(c); constant && x.getType() == op.getType())
      return std::pair(x, *constant);
  return std::nullopt;
}

/// A product of values times a number.
struct Product {
  SmallVector<Value, 4> factors;
  double scale = 1;

  bool is(Value factor, double expected) const {
    return factors.size() == 1 && factors[0] == factor && near(scale, expected);
  }
};

// Splits `value` into factors; inner products are opened only if nothing else uses them.
void collectFactors(Value value, bool outermost, Product& product) {
  Operation* op = value.getDefiningOp();
  if (op && (outermost || value.hasOneUse())) {
    if (auto mul = dyn_cast<ir::MulOp>(op)) {
      for (Value side : {mul.getLhs(), mul.getRhs()})
        if (auto number = splatOf(side))
          product.scale *= *number;
        else
          collectFactors(side, false, product);
      return;
    }
    if (auto div = dyn_cast<ir::DivOp>(op); div && splatOf(div.getRhs())) {
      product.scale /= *splatOf(div.getRhs());
      collectFactors(div.getLhs(), false, product);
      return;
    }
  }
  product.factors.push_back(value);
}

Product productOf(Value value) {
  Product product;
  collectFactors(value, true, product);
  return product;
}

/// clip(x + 3, 0, 6) -> x
Value matchShiftedRelu6(Value value) {
  auto clip = value.getDefiningOp<ir::ClipOp>();
  if (!clip || !value.hasOneUse() || !clip.getInput().hasOneUse() || !clip.getLow().isZero() ||
      clip.getHigh().convertToDouble() != 6)
    return {};
  auto shifted = withConstant<ir::AddOp>(clip.getInput());
  return shifted && shifted->second == 3 ? shifted->first : Value();
}

bool isHardSwishGate(Value value, Value x) {
  auto gate = value.getDefiningOp<ir::HardSigmoidOp>();
  return gate && value.hasOneUse() && gate.getInput() == x &&
         near(gate.getAlpha().convertToDouble(), 1.0 / 6) && near(gate.getBeta().convertToDouble(), 0.5);
}

bool isSigmoidOf(Value value, Value x) {
  auto sigmoid = value.getDefiningOp<ir::SigmoidOp>();
  return sigmoid && value.hasOneUse() && sigmoid.getInput() == x;
}

bool isTanhOfSoftplus(Value value, Value x) {
  auto tanh = value.getDefiningOp<ir::TanhOp>();
  auto softplus = tanh ? tanh.getInput().getDefiningOp<ir::SoftplusOp>() : nullptr;
  return softplus && value.hasOneUse() && tanh.getInput().hasOneUse() && softplus.getInput() == x;
}

/// 1 + f(...), f of one use: the f operation.
template <class OpTy>
OpTy matchOnePlus(Value value) {
  auto sum = withConstant<ir::AddOp>(value);
  if (!sum || !value.hasOneUse() || sum->second != 1 || !sum->first.hasOneUse())
    return {};
  return sum->first.getDefiningOp<OpTy>();
}

/// 1 + erf(x / sqrt(2))
bool isErfGate(Value value, Value x) {
  auto erf = matchOnePlus<ir::ErfOp>(value);
  return erf && erf.getInput().hasOneUse() && productOf(erf.getInput()).is(x, kInvSqrt2);
}

bool isCube(const Product& product, Value x) {
  if (product.factors.size() == 3)
    return llvm::all_of(product.factors, [&](Value f) { return f == x; });
  if (product.factors.size() == 2) // x * square, the square used elsewhere
    return false;
  auto pow = product.factors[0].getDefiningOp<ir::PowOp>();
  return pow && product.factors[0].hasOneUse() && pow.getLhs() == x && splatOf(pow.getRhs()) == 3.0;
}

/// x + 0.044715 x^3, or x * (1 + 0.044715 x^2)
bool isTanhPolynomial(const Product& product, Value x) {
  if (product.factors.size() == 1) {
    auto sum = product.factors[0].getDefiningOp<ir::AddOp>();
    if (!sum || !product.factors[0].hasOneUse())
      return false;
    Value cube = sum.getLhs() == x ? sum.getRhs() : sum.getRhs() == x ? sum.getLhs() : Value();
    if (!cube || !cube.hasOneUse())
      return false;
    const Product parts = productOf(cube);
    return near(parts.scale, 0.044715) && isCube(parts, x);
  }
  if (product.factors.size() != 2)
    return false;
  Value gate = product.factors[0] == x   ? product.factors[1]
               : product.factors[1] == x ? product.factors[0]
                                         : Value();
  auto sum = gate && gate.hasOneUse() ? withConstant<ir::AddOp>(gate) : std::nullopt;
  if (!sum || sum->second != 1 || !sum->first.hasOneUse())
    return false;
  const Product square = productOf(sum->first);
  return near(square.scale, 0.044715) && square.factors.size() == 2 && square.factors[0] == x &&
         square.factors[1] == x;
}

/// 1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))
bool isTanhGate(Value value, Value x) {
  auto tanh = matchOnePlus<ir::TanhOp>(value);
  if (!tanh || !tanh.getInput().hasOneUse())
    return false;
  const Product inner = productOf(tanh.getInput());
  return near(inner.scale, kSqrt2OverPi) && isTanhPolynomial(inner, x);
}

/// x times a gate that depends on x, in every order and association of its factors.
template <class OpTy>
struct RaiseProduct : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpTy op, PatternRewriter& rewriter) const override {
    if (!isa<FloatType>(ir::tensorType(op.getResult()).getElementType()))
      return failure(); // the operations to raise to are of real numbers
    const Product product = productOf(op.getResult());
    if (product.factors.size() == 1) {
      Value x = matchShiftedRelu6(product.factors[0]);
      if (!x || x.getType() != op.getType() || !near(product.scale, 1.0 / 6))
        return failure();
      rewriter.replaceOpWithNewOp<ir::HardSigmoidOp>(op, op.getType(), x, APFloat(1.0 / 6), APFloat(0.5));
      return success();
    }
    if (product.factors.size() != 2)
      return failure();
    for (size_t i : {0, 1})
      if (Operation* raised =
              raise(op, product.factors[i], product.factors[1 - i], product.scale, rewriter)) {
        rewriter.replaceOp(op, raised);
        return success();
      }
    return failure();
  }

  static Operation* raise(OpTy op, Value x, Value gate, double scale, PatternRewriter& rewriter) {
    const Location loc = op.getLoc();
    const Type type = op.getType();
    if (x.getType() != type || x == gate || !isa<FloatType>(ir::tensorType(x).getElementType()))
      return nullptr;
    if ((near(scale, 1.0 / 6) && matchShiftedRelu6(gate) == x) ||
        (near(scale, 1) && isHardSwishGate(gate, x)))
      return ir::HardSwishOp::create(rewriter, loc, type, x);
    if (near(scale, 1) && isSigmoidOf(gate, x))
      return ir::SiluOp::create(rewriter, loc, type, x);
    if (near(scale, 1) && isTanhOfSoftplus(gate, x))
      return ir::MishOp::create(rewriter, loc, type, x);
    if (near(scale, 0.5) && isErfGate(gate, x))
      return ir::GeluOp::create(rewriter, loc, type, x, false);
    if (near(scale, 0.5) && isTanhGate(gate, x))
      return ir::GeluOp::create(rewriter, loc, type, x, true);
    return nullptr;
  }
};

/// clip(a * x + b, 0, 1) -> hard_sigmoid
struct RaiseHardSigmoid : OpRewritePattern<ir::ClipOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ir::ClipOp op, PatternRewriter& rewriter) const override {
    Value input = op.getInput();
    if (!op.getLow().isZero() || op.getHigh().convertToDouble() != 1 || !input.hasOneUse() ||
        !isa<FloatType>(ir::tensorType(input).getElementType()))
      return failure();
    auto sum = withConstant<ir::AddOp>(input);
    if (!sum)
      return failure();
    Product product;
    collectFactors(sum->first, false, product);
    if (product.factors.size() != 1 || product.factors[0].getType() != op.getType())
      return failure();
    rewriter.replaceOpWithNewOp<ir::HardSigmoidOp>(op, op.getType(), product.factors[0],
                                                   APFloat(product.scale), APFloat(sum->second));
    return success();
  }
};

/// maximum(x, 0) -> relu
struct RaiseRelu : OpRewritePattern<ir::MaximumOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ir::MaximumOp op, PatternRewriter& rewriter) const override {
    auto match = withConstant<ir::MaximumOp>(op.getResult());
    if (!match || match->second != 0)
      return failure();
    rewriter.replaceOpWithNewOp<ir::ReluOp>(op, op.getType(), match->first);
    return success();
  }
};

/// minimum(maximum(x, low), high), minimum(relu(x), high), maximum(minimum(x, high), low) -> clip
template <class Outer, class Inner>
struct RaiseClip : OpRewritePattern<Outer> {
  using OpRewritePattern<Outer>::OpRewritePattern;
  LogicalResult matchAndRewrite(Outer op, PatternRewriter& rewriter) const override {
    constexpr bool outerIsMin = std::is_same_v<Outer, ir::MinimumOp>;
    auto outer = withConstant<Outer>(op.getResult());
    if (!outer || !outer->first.hasOneUse())
      return failure();
    auto inner = withConstant<Inner>(outer->first);
    if (!inner)
      if (auto relu = outer->first.template getDefiningOp<ir::ReluOp>(); relu && outerIsMin)
        inner = std::pair<Value, double>(relu.getInput(), 0);
    if (!inner)
      return failure();
    const double low = outerIsMin ? inner->second : outer->second;
    const double high = outerIsMin ? outer->second : inner->second;
    if (!(low <= high))
      return failure();
    // Clip's bounds are doubles: integers beyond 2^53 have no exact counterpart among them.
    constexpr double kExact = 9007199254740992.0;
    if (!isa<FloatType>(ir::tensorType(op.getResult()).getElementType()) &&
        (low <= -kExact || high >= kExact))
      return failure();
    rewriter.replaceOpWithNewOp<ir::ClipOp>(op, op.getType(), inner->first, APFloat(low), APFloat(high));
    return success();
  }
};

/// 1 / (1 + exp(-x)) -> sigmoid
struct RaiseSigmoid : OpRewritePattern<ir::DivOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ir::DivOp op, PatternRewriter& rewriter) const override {
    if (splatOf(op.getLhs()) != 1.0)
      return failure();
    auto exp = matchOnePlus<ir::ExpOp>(op.getRhs());
    auto neg = exp && exp.getInput().hasOneUse() ? exp.getInput().getDefiningOp<ir::NegOp>() : nullptr;
    if (!neg || neg.getInput().getType() != op.getType())
      return failure();
    rewriter.replaceOpWithNewOp<ir::SigmoidOp>(op, op.getType(), neg.getInput());
    return success();
  }
};

/// exp(x - max(x)) / sum(exp(x - max(x))) along one axis -> softmax
struct RaiseSoftmax : OpRewritePattern<ir::DivOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ir::DivOp op, PatternRewriter& rewriter) const override {
    auto exp = op.getLhs().getDefiningOp<ir::ExpOp>();
    auto sum = op.getRhs().getDefiningOp<ir::ReduceSumOp>();
    if (!exp || !sum || sum.getInput() != exp.getResult() || !sum.getKeepDims() ||
        sum.getAxes().size() != 1 || !op.getRhs().hasOneUse() || !exp.getResult().hasNUses(2) ||
        !exp.getInput().hasOneUse())
      return failure();
    auto sub = exp.getInput().getDefiningOp<ir::SubOp>();
    auto max = sub ? sub.getRhs().getDefiningOp<ir::ReduceMaxOp>() : nullptr;
    if (!max || !max.getKeepDims() || max.getAxes() != sum.getAxes() || max.getInput() != sub.getLhs() ||
        !max.getResult().hasOneUse() || sub.getLhs().getType() != op.getType())
      return failure();
    rewriter.replaceOpWithNewOp<ir::SoftmaxOp>(op, op.getType(), sub.getLhs(),
                                               static_cast<uint64_t>(sum.getAxes()[0]));
    return success();
  }
};

/// The mean over all dimensions from some axis on, kept as extent 1.
std::optional<int64_t> trailingMeanAxis(ir::ReduceMeanOp mean) {
  if (!mean || !mean.getKeepDims() || mean.getAxes().empty())
    return std::nullopt;
  const int64_t rank = ir::tensorType(mean.getInput()).getRank();
  for (auto [i, axis] : llvm::enumerate(llvm::reverse(mean.getAxes())))
    if (axis != rank - 1 - static_cast<int64_t>(i))
      return std::nullopt;
  return mean.getAxes().front();
}

/// The standard deviation sqrt(mean(d^2) + epsilon) of the deviations d over the dimensions from `axis` on.
std::optional<double> matchDeviation(Value value, Value d, int64_t axis) {
  auto shifted = value.hasOneUse() ? withConstant<ir::AddOp>(value) : std::nullopt;
  auto mean = shifted ? shifted->first.getDefiningOp<ir::ReduceMeanOp>() : nullptr;
  if (!mean || !shifted->first.hasOneUse() || trailingMeanAxis(mean) != axis || !mean.getInput().hasOneUse())
    return std::nullopt;
  Operation* square = mean.getInput().getDefiningOp();
  auto mul = dyn_cast_or_null<ir::MulOp>(square);
  auto pow = dyn_cast_or_null<ir::PowOp>(square);
  if ((mul && mul.getLhs() == d && mul.getRhs() == d) ||
      (pow && pow.getLhs() == d && splatOf(pow.getRhs()) == 2.0))
    return shifted->second;
  return std::nullopt;
}

/// The argument of the square root that `op` divides by: d / sqrt(v), d * (1 / sqrt(v)), d * rsqrt(v).
std::pair<Value, Value> matchNormalised(Operation* op) {
  const auto rootOf = [](Value value) -> Value {
    auto root = value.hasOneUse() ? value.getDefiningOp<ir::SqrtOp>() : nullptr;
    return root ? root.getInput() : Value();
  };
  if (auto div = dyn_cast<ir::DivOp>(op))
    return {div.getLhs(), rootOf(div.getRhs())};
  auto mul = cast<ir::MulOp>(op);
  for (auto [d, factor] : {std::pair(mul.getLhs(), mul.getRhs()), std::pair(mul.getRhs(), mul.getLhs())}) {
    if (!factor.hasOneUse())
      continue;
    if (auto rsqrt = factor.getDefiningOp<ir::RsqrtOp>())
      return {d, rsqrt.getInput()};
    if (auto reciprocal = factor.getDefiningOp<ir::ReciprocalOp>())
      if (Value v = rootOf(reciprocal.getInput()))
        return {d, v};
    if (auto quotient = factor.getDefiningOp<ir::DivOp>(); quotient && splatOf(quotient.getLhs()) == 1.0)
      if (Value v = rootOf(quotient.getRhs()))
        return {d, v};
  }
  return {};
}

/// (x - mean) / sqrt(variance + epsilon) over trailing dimensions -> layer_norm with scale 1
template <class OpTy>
struct RaiseLayerNorm : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpTy op, PatternRewriter& rewriter) const override {
    auto [d, variance] = matchNormalised(op);
    auto sub = variance ? d.template getDefiningOp<ir::SubOp>() : nullptr;
    auto mean = sub ? sub.getRhs().template getDefiningOp<ir::ReduceMeanOp>() : nullptr;
    const auto axis = trailingMeanAxis(mean);
    if (!axis || mean.getInput() != sub.getLhs() || !mean.getResult().hasOneUse() ||
        sub.getLhs().getType() != op.getType())
      return failure();
    // The deviations are used by this operation and by the square of the variance, and by nothing else.
    auto epsilon = matchDeviation(variance, d, *axis);
    if (!epsilon || llvm::any_of(d.getUsers(), [&](Operation* user) {
          return user != op.getOperation() && !feeds(user, variance);
        }))
      return failure();
    const RankedTensorType type = ir::tensorType(sub.getLhs());
    auto parameter =
        RankedTensorType::get(type.getShape().drop_front(static_cast<size_t>(*axis)), type.getElementType());
    Value ones = makeSplat(rewriter, op.getLoc(), parameter, 1);
    rewriter.replaceOpWithNewOp<ir::LayerNormOp>(op, op.getType(), sub.getLhs(), ones, Value(),
                                                 static_cast<uint64_t>(*axis), APFloat(*epsilon));
    return success();
  }

  // True for the square, whose mean is what `variance` adds epsilon to.
  static bool feeds(Operation* user, Value variance) {
    auto mean = withConstant<ir::AddOp>(variance)->first.template getDefiningOp<ir::ReduceMeanOp>();
    return mean.getInput().getDefiningOp() == user;
  }
};

/// `value` as a parameter of a layer-norm over dimensions `shape`: same shape, perhaps with leading ones.
Value asParameter(Value value, ArrayRef<int64_t> shape, PatternRewriter& rewriter) {
  const RankedTensorType type = ir::tensorType(value);
  const ArrayRef<int64_t> own = type.getShape();
  if (own.size() < shape.size() || own.take_back(shape.size()) != shape ||
      llvm::any_of(own.drop_back(shape.size()), [](int64_t extent) { return extent != 1; }))
    return {};
  if (own.size() == shape.size())
    return value;
  return createFolded<ir::ReshapeOp>(rewriter, value.getLoc(),
                                     RankedTensorType::get(shape, type.getElementType()), value, shape);
}

/// Takes a following multiplication into the scale of a layer-norm that has none, an addition into its bias.
template <class OpTy>
struct AbsorbAffine : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpTy op, PatternRewriter& rewriter) const override {
    for (auto [x, other] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())}) {
      auto norm = x.template getDefiningOp<ir::LayerNormOp>();
      if (!norm || !x.hasOneUse() || norm.getBias() || x.getType() != op.getType())
        continue;
      constexpr bool scales = std::is_same_v<OpTy, ir::MulOp>;
      if (scales && splatOf(norm.getScale()) != 1.0)
        continue;
      Value parameter = asParameter(other, ir::tensorType(norm.getScale()).getShape(), rewriter);
      if (!parameter)
        continue;
      rewriter.replaceOpWithNewOp<ir::LayerNormOp>(
          op, op.getType(), norm.getInput(), scales ? parameter : norm.getScale(),
          scales ? Value() : parameter, norm.getAxisAttr(), norm.getEpsilonAttr());
      return success();
    }
    return failure();
  }
};

struct RaisePatterns : FunctionPass<RaisePatterns> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(RaisePatterns)
  StringRef getArgument() const final { return "sinter-raise-patterns"; }
  StringRef getDescription() const final { return "recognise operations that exporters decompose"; }

  void runOnOperation() override {
    MLIRContext* context = &getContext();
    RewritePatternSet patterns(context);
    patterns.add<RaiseProduct<ir::MulOp>, RaiseProduct<ir::DivOp>, RaiseHardSigmoid, RaiseRelu,
                 RaiseClip<ir::MinimumOp, ir::MaximumOp>, RaiseClip<ir::MaximumOp, ir::MinimumOp>,
                 RaiseSigmoid, RaiseSoftmax, RaiseLayerNorm<ir::DivOp>, RaiseLayerNorm<ir::MulOp>,
                 AbsorbAffine<ir::MulOp>, AbsorbAffine<ir::AddOp>>(context);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

std::unique_ptr<Pass> createRaisePatternsPass() {
  return std::make_unique<RaisePatterns>();
}

} // namespace sinter::passes
