// Makers of elementwise operations.
#include "case.h"

#include "ir/op_creation.h"

namespace sinter::differential {

namespace {

constexpr int64_t kMaxRank = 5;

template <class Op, Elements elements = Elements::floating>
mlir::Value unary(Case& c) {
  return ir::create<Op>(c.builder(), c.location(), c.data(elements, 0, kMaxRank));
}

template <class Op>
mlir::Value unaryPositive(Case& c) {
  return ir::create<Op>(c.builder(), c.location(), c.data(Elements::floating, 0, kMaxRank, kPositive));
}

template <class Op, Elements elements = Elements::number>
mlir::Value binary(Case& c) {
  mlir::Value a = c.data(elements, 0, kMaxRank);
  mlir::Value b = c.broadcastWith(a);
  if (c.chance(0.3))
    std::swap(a, b);
  return ir::create<Op>(c.builder(), c.location(), a, b);
}

/// The right operand away from zero, except that integers may meet it.
template <class Op>
mlir::Value quotient(Case& c) {
  mlir::Value a = c.data(Elements::number, 0, kMaxRank, {-9, 9});
  const bool integers = !llvm::isa<mlir::FloatType>(ir::tensorType(a).getElementType());
  return ir::create<Op>(c.builder(), c.location(), a,
                        c.broadcastWith(a, integers ? Range{-4, 4} : kPositive));
}

mlir::Value power(Case& c) {
  mlir::Value a = c.data(Elements::number, 0, kMaxRank, {0.25, 4});
  const bool integers = !llvm::isa<mlir::FloatType>(ir::tensorType(a).getElementType());
  return ir::create<ir::PowOp>(c.builder(), c.location(), a,
                               c.broadcastWith(a, integers ? Range{0, 3} : Range{-2, 2}));
}

/// Small whole numbers, so that equal ones meet.
template <class Op>
mlir::Value comparison(Case& c) {
  const bool floats = c.chance(0.5);
  mlir::Value a = c.data(floats ? Elements::floating : Elements::any, 0, kMaxRank, {-3, 3, c.chance(0.3)});
  return ir::create<Op>(c.builder(), c.location(), a, c.broadcastWith(a, {-3, 3, false}));
}

mlir::Value isNan(Case& c) {
  return ir::create<ir::IsNanOp>(c.builder(), c.location(),
                                 c.data(Elements::floating, 0, kMaxRank, {-2, 2, true}));
}

mlir::Value gelu(Case& c) {
  return ir::create<ir::GeluOp>(c.builder(), c.location(), c.data(Elements::floating, 0, kMaxRank),
                                c.chance(0.5));
}

mlir::FloatAttr number(Case& c, double low, double high) {
  return c.builder().getF64FloatAttr(c.real(low, high));
}

template <class Op>
mlir::Value withAlpha(Case& c) {
  return ir::create<Op>(c.builder(), c.location(), c.data(Elements::floating, 0, kMaxRank),
                        number(c, 0.01, 1.5));
}

mlir::Value selu(Case& c) {
  return ir::create<ir::SeluOp>(c.builder(), c.location(), c.data(Elements::floating, 0, kMaxRank),
                                number(c, 0.5, 2), number(c, 0.5, 2));
}

mlir::Value hardSigmoid(Case& c) {
  return ir::create<ir::HardSigmoidOp>(c.builder(), c.location(), c.data(Elements::floating, 0, kMaxRank),
                                       number(c, 0.1, 0.4), number(c, 0.3, 0.6));
}

mlir::Value clip(Case& c) {
  mlir::Value x = c.data(Elements::number, 0, kMaxRank, {-4, 4});
  const bool integers = !llvm::isa<mlir::FloatType>(ir::tensorType(x).getElementType());
  mlir::FloatAttr low = integers ? c.builder().getF64FloatAttr(-1) : number(c, -1.5, 0);
  mlir::FloatAttr high = integers ? c.builder().getF64FloatAttr(2) : number(c, 0, 1.5);
  return ir::create<ir::ClipOp>(c.builder(), c.location(), x, low, high);
}

mlir::Value prelu(Case& c) {
  mlir::Value x = c.data(Elements::floating, 0, kMaxRank);
  return ir::create<ir::PreluOp>(c.builder(), c.location(), x, c.broadcastWith(x, {-1, 1, false}, true));
}

mlir::Value select(Case& c) {
  mlir::Value a = c.data(Elements::any, 0, kMaxRank);
  mlir::Value b = c.broadcastWith(a);
  auto boolean = mlir::RankedTensorType::get(ir::tensorType(a).getShape(), c.builder().getI1Type());
  mlir::Value condition = c.tensor(boolean.getShape(), boolean.getElementType());
  return ir::create<ir::SelectOp>(c.builder(), c.location(), condition, a, b);
}

mlir::Value cast(Case& c) {
  mlir::Value x = c.data(Elements::any, 0, kMaxRank, {-9, 9});
  return ir::create<ir::CastOp>(c.builder(), c.location(), x,
                                mlir::TypeAttr::get(c.elementType(Elements::any)));
}

mlir::Value batchNorm(Case& c) {
  mlir::Value x = c.data(Elements::floating, 2, kMaxRank);
  const mlir::RankedTensorType type = ir::tensorType(x);
  const int64_t channels = type.getDimSize(1);
  auto statistic = [&](Range range) { return c.tensor({channels}, type.getElementType(), range, 0.8); };
  mlir::Value scale = statistic({-2, 2}), bias = statistic({-2, 2}), mean = statistic({-1, 1}),
              variance = statistic(kPositive);
  return ir::create<ir::BatchNormOp>(c.builder(), c.location(), x, scale, bias, mean, variance,
                                     number(c, 1e-5, 1e-3));
}

} // namespace

void detail::addElementwise(Table& table) {
  using enum Elements;
  constexpr bool kSmooth = true;
  constexpr bool kExactOperandsOnly = false;
  constexpr bool kCommon = true;

  table["sinter.abs"] = {unary<ir::AbsOp, number>, kSmooth};
  table["sinter.neg"] = {unary<ir::NegOp, number>, kSmooth};
  table["sinter.relu"] = {unary<ir::ReluOp, number>, kSmooth, kCommon};
  table["sinter.sigmoid"] = {unary<ir::SigmoidOp>, kSmooth, kCommon};
  table["sinter.silu"] = {unary<ir::SiluOp>, kSmooth};
  table["sinter.softplus"] = {unary<ir::SoftplusOp>, kSmooth};
  table["sinter.softsign"] = {unary<ir::SoftsignOp>, kSmooth};
  table["sinter.mish"] = {unary<ir::MishOp>, kSmooth};
  table["sinter.hard_swish"] = {unary<ir::HardSwishOp>, kSmooth, kCommon};
  table["sinter.tanh"] = {unary<ir::TanhOp>, kSmooth};
  table["sinter.erf"] = {unary<ir::ErfOp>, kSmooth};
  table["sinter.gelu"] = {gelu, kSmooth, kCommon};
  table["sinter.leaky_relu"] = {withAlpha<ir::LeakyReluOp>, kSmooth};
  table["sinter.elu"] = {withAlpha<ir::EluOp>, kSmooth};
  table["sinter.selu"] = {selu, kSmooth};
  table["sinter.hard_sigmoid"] = {hardSigmoid, kSmooth};
  table["sinter.clip"] = {clip, kSmooth, kCommon};
  table["sinter.prelu"] = {prelu, kSmooth, kCommon};
  table["sinter.batch_norm"] = {batchNorm, kSmooth, kCommon};
  table["sinter.exp"] = {unary<ir::ExpOp>, kExactOperandsOnly};
  table["sinter.sin"] = {unary<ir::SinOp>, kExactOperandsOnly};
  table["sinter.cos"] = {unary<ir::CosOp>, kExactOperandsOnly};
  table["sinter.log"] = {unaryPositive<ir::LogOp>, kExactOperandsOnly};
  table["sinter.sqrt"] = {unaryPositive<ir::SqrtOp>, kExactOperandsOnly};
  table["sinter.rsqrt"] = {unaryPositive<ir::RsqrtOp>, kExactOperandsOnly};
  table["sinter.reciprocal"] = {unaryPositive<ir::ReciprocalOp>, kExactOperandsOnly};
  table["sinter.sign"] = {unary<ir::SignOp, number>, kExactOperandsOnly};
  table["sinter.floor"] = {unary<ir::FloorOp>, kExactOperandsOnly};
  table["sinter.ceil"] = {unary<ir::CeilOp>, kExactOperandsOnly};
  table["sinter.round"] = {unary<ir::RoundOp>, kExactOperandsOnly};
  table["sinter.is_nan"] = {isNan, kExactOperandsOnly};
  table["sinter.stop_gradient"] = {unary<ir::StopGradientOp, any>, kSmooth};
  table["sinter.barrier"] = {unary<ir::BarrierOp, any>, kSmooth};
  table["sinter.logical_not"] = {unary<ir::LogicalNotOp, boolean>, kSmooth};
  table["sinter.add"] = {binary<ir::AddOp>, kSmooth, kCommon};
  table["sinter.sub"] = {binary<ir::SubOp>, kSmooth};
  table["sinter.mul"] = {binary<ir::MulOp>, kSmooth, kCommon};
  table["sinter.maximum"] = {binary<ir::MaximumOp>, kSmooth};
  table["sinter.minimum"] = {binary<ir::MinimumOp>, kSmooth};
  table["sinter.div"] = {quotient<ir::DivOp>, kExactOperandsOnly};
  table["sinter.remainder"] = {quotient<ir::RemainderOp>, kExactOperandsOnly};
  table["sinter.fmod"] = {quotient<ir::FmodOp>, kExactOperandsOnly};
  table["sinter.pow"] = {power, kExactOperandsOnly};
  table["sinter.equal"] = {comparison<ir::EqualOp>, kExactOperandsOnly};
  table["sinter.not_equal"] = {comparison<ir::NotEqualOp>, kExactOperandsOnly};
  table["sinter.less"] = {comparison<ir::LessOp>, kExactOperandsOnly};
  table["sinter.less_equal"] = {comparison<ir::LessEqualOp>, kExactOperandsOnly};
  table["sinter.greater"] = {comparison<ir::GreaterOp>, kExactOperandsOnly};
  table["sinter.greater_equal"] = {comparison<ir::GreaterEqualOp>, kExactOperandsOnly};
  table["sinter.logical_and"] = {binary<ir::LogicalAndOp, boolean>, kSmooth};
  table["sinter.logical_or"] = {binary<ir::LogicalOrOp, boolean>, kSmooth};
  table["sinter.logical_xor"] = {binary<ir::LogicalXorOp, boolean>, kSmooth};
  table["sinter.select"] = {select, kSmooth};
  table["sinter.cast"] = {cast, kExactOperandsOnly};
}

} // namespace sinter::differential
