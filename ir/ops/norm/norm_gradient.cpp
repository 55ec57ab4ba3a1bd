// Derivatives of normalisations.
#include "ir/ops.h"

using namespace mlir;

namespace sinter::ir {
namespace {

Value sumAlong(GradientArithmetic& g, Value x, int64_t axis) {
  return g.sum(x, {axis}, /*keepDims=*/true);
}

//===-- Layer normalisation -------------------------------------------------------------------------===//

// (x - mean) / sqrt(variance + epsilon), written out: what derives from it is shared by all operands.
class NormalisedLayer {
public:
  NormalisedLayer(GradientArithmetic& g, LayerNormOp op)
      : g(g), axes(llvm::to_vector(llvm::seq<int64_t>(static_cast<int64_t>(op.getAxis()),
                                                      op.getInput().getType().getRank()))) {
    const Value deviation = g.sub(op.getInput(), mean(op.getInput()));
    const Value variance = g.add(mean(g.square(deviation)), op.getEpsilon().convertToDouble());
    factor = g.apply<RsqrtOp>(variance);
    normal = g.mul(deviation, factor);
  }

  // The derivative in the direction of `x`, or, as it is symmetric, what `x` as a cotangent becomes.
  Value derivative(Value x) {
    return g.mul(g.sub(g.sub(x, mean(x)), g.mul(normal, mean(g.mul(x, normal)))), factor);
  }

  Value normal;

private:
  Value mean(Value x) { return g.apply<ReduceMeanOp>(x, axes, /*keepDims=*/true); }

  GradientArithmetic& g;
  SmallVector<int64_t> axes;
  Value factor;
};

//===-- Batch normalisation -------------------------------------------------------------------------===//

// The operands of a batch-norm that are one number per channel, as tensors that broadcast with its input.
class Channels {
public:
  Channels(GradientArithmetic& g, BatchNormOp op) : g(g), input(op.getInput().getType()) {
    root = broadcasting(g.apply<RsqrtOp>(g.add(op.getVariance(), op.getEpsilon().convertToDouble())));
    factor = g.mul(broadcasting(op.getScale()), root);
    // By the variance: scale * (x - mean) * -1/2 (variance + epsilon)^(-3/2)
    slopeByVariance = g.mul(g.mul(factor, g.square(root)), -0.5);
    deviation = g.sub(op.getInput(), broadcasting(op.getMean()));
  }

  Value broadcasting(Value channels) {
    SmallVector<int64_t> shape(static_cast<size_t>(input.getRank() - 1), 1);
    shape[0] = input.getDimSize(1);
    return g.reshape(channels, shape);
  }

  // The other way round; sums over everything else.
  Value perChannel(Value x) {
    if (!x)
      return x;
    return g.reshape(g.sumTo(x, tensorType(root)), {input.getDimSize(1)});
  }

  Value root, factor, slopeByVariance, deviation;

private:
  GradientArithmetic& g;
  RankedTensorType input;
};

//===-- Local response normalisation ----------------------------------------------------------------===//

// x / base^beta with base = bias + alpha * mean of squares of the channels around; the mean is a pool over
// channels that counts those outside.
class ResponseNorm {
public:
  ResponseNorm(GradientArithmetic& g, LrnOp op)
      : g(g), op(op), before((static_cast<int64_t>(op.getSize()) - 1) / 2),
        after(static_cast<int64_t>(op.getSize()) / 2) {
    const double alpha = op.getAlpha().convertToDouble(), beta = op.getBeta().convertToDouble(),
                 bias = op.getBias().convertToDouble();
    const Value base = alpha == 0 ? g.filled(bias, op.getInput().getType())
                                  : g.add(g.mul(mean(g.square(x()), before, after), alpha), bias);
    factor = g.pow(base, -beta);
    slope = g.mul(g.mul(x(), g.div(factor, base)), -2 * alpha * beta);
  }

  Value tangent(Value t) { return g.add(g.mul(t, factor), g.mul(slope, mean(g.mul(t, x()), before, after))); }

  Value cotangent(Value t) {
    return g.add(g.mul(t, factor), slope ? g.mul(x(), mean(g.mul(t, slope), after, before)) : slope);
  }

private:
  Value x() { return op.getInput(); }

  // Of the channels from `low` before to `high` after each.
  Value mean(Value values, int64_t low, int64_t high) {
    const auto shape = op.getInput().getType().getShape();
    const int64_t batch = shape[0], channels = shape[1];
    auto array = [&](ArrayRef<int64_t> entries) { return g.builder.getDenseI64ArrayAttr(entries); };
    const Value planes = g.reshape(
        values, {batch, 1, channels, op.getInput().getType().getNumElements() / (batch * channels)});
    const Value means =
        g.apply<AvgPoolOp>(planes, array({low + high + 1, 1}), array({1, 1}), array({1, 1}), array({low, 0}),
                           array({high, 0}), g.builder.getBoolAttr(false), g.builder.getBoolAttr(true));
    return g.reshape(means, shape);
  }

  GradientArithmetic& g;
  LrnOp op;
  int64_t before, after;
  Value factor; ///< base^-beta
  Value slope;  ///< of x * factor, by the mean of squares times x / 2
};

} // namespace

//===-- Softmax -------------------------------------------------------------------------------------===//

// With y the result: y * (t - sum(t * y)), forward and backward.
static SmallVector<Value> softmaxDerivative(GradientArithmetic g, SoftmaxOp op, Value t) {
  const Value y = op.getResult();
  return {g.mul(y, g.sub(t, sumAlong(g, g.mul(t, y), static_cast<int64_t>(op.getAxis()))))};
}

SmallVector<Value> SoftmaxOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  return softmaxDerivative({builder, getLoc()}, *this, cotangents[0]);
}

SmallVector<Value> SoftmaxOp::jvp(OpBuilder& builder, ValueRange tangents) {
  return softmaxDerivative({builder, getLoc()}, *this, tangents[0]);
}

SmallVector<Value> LogSoftmaxOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  GradientArithmetic g(builder, getLoc());
  const Value sum = sumAlong(g, cotangents[0], static_cast<int64_t>(getAxis()));
  return {g.sub(cotangents[0], g.mul(g.exp(getResult()), sum))};
}

SmallVector<Value> LogSoftmaxOp::jvp(OpBuilder& builder, ValueRange tangents) {
  GradientArithmetic g(builder, getLoc());
  const Value mean = sumAlong(g, g.mul(g.exp(getResult()), tangents[0]), static_cast<int64_t>(getAxis()));
  return {g.sub(tangents[0], mean)};
}

//===-- Layer normalisation -------------------------------------------------------------------------===//

SmallVector<Value> LayerNormOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  SmallVector<Value> result(getNumOperands());
  if (getInput().getType().getNumElements() == 0)
    return result;
  GradientArithmetic g(builder, getLoc());
  NormalisedLayer layer(g, *this);
  const auto outer = llvm::to_vector(llvm::seq<int64_t>(0, static_cast<int64_t>(getAxis())));
  result[0] = layer.derivative(g.mul(cotangents[0], getScale()));
  result[1] = g.sum(g.mul(cotangents[0], layer.normal), outer);
  if (getBias())
    result[2] = g.sum(cotangents[0], outer);
  return result;
}

SmallVector<Value> LayerNormOp::jvp(OpBuilder& builder, ValueRange tangents) {
  if (getInput().getType().getNumElements() == 0)
    return {Value()};
  GradientArithmetic g(builder, getLoc());
  NormalisedLayer layer(g, *this);
  const Value byInput = tangents[0] ? g.mul(layer.derivative(tangents[0]), getScale()) : Value();
  const Value byScale = g.mul(layer.normal, tangents[1]);
  const Value sum = g.add(g.add(byInput, byScale), getBias() ? tangents[2] : Value());
  return {g.broadcastTo(sum, getInput().getType().getShape())};
}

//===-- Batch normalisation -------------------------------------------------------------------------===//

SmallVector<Value> BatchNormOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  if (getInput().getType().getNumElements() == 0)
    return SmallVector<Value>(getNumOperands());
  GradientArithmetic g(builder, getLoc());
  Channels channels(g, *this);
  const Value sum = channels.perChannel(cotangents[0]);
  const Value moment = channels.perChannel(g.mul(cotangents[0], channels.deviation));
  const int64_t count[] = {getInput().getType().getDimSize(1)};
  const auto flat = [&](Value x) { return g.reshape(x, count); };
  return {g.mul(cotangents[0], channels.factor), g.mul(moment, flat(channels.root)), sum,
          g.neg(g.mul(sum, flat(channels.factor))), g.mul(moment, flat(channels.slopeByVariance))};
}

SmallVector<Value> BatchNormOp::jvp(OpBuilder& builder, ValueRange tangents) {
  if (getInput().getType().getNumElements() == 0)
    return {Value()};
  GradientArithmetic g(builder, getLoc());
  Channels channels(g, *this);
  const auto channel = [&](unsigned operand) { return channels.broadcasting(tangents[operand]); };
  const Value slope = g.add(g.mul(channel(1), channels.root), g.mul(channel(4), channels.slopeByVariance));
  const Value byInput = g.mul(g.sub(tangents[0], channel(3)), channels.factor);
  const Value sum = g.add(g.add(byInput, g.mul(channels.deviation, slope)), channel(2));
  return {g.broadcastTo(sum, getInput().getType().getShape())};
}

//===-- Local response normalisation ----------------------------------------------------------------===//

SmallVector<Value> LrnOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  if (getInput().getType().getNumElements() == 0)
    return {Value()};
  GradientArithmetic g(builder, getLoc());
  return {ResponseNorm(g, *this).cotangent(cotangents[0])};
}

SmallVector<Value> LrnOp::jvp(OpBuilder& builder, ValueRange tangents) {
  if (getInput().getType().getNumElements() == 0)
    return {Value()};
  GradientArithmetic g(builder, getLoc());
  return {ResponseNorm(g, *this).tangent(tangents[0])};
}

} // namespace sinter::ir
