// Rules of differentiation of attention, written in the products and the softmax it stands for.
#include "ir/ops/contract/attention_products.h"

#include "mlir/Dialect/Utils/IndexingUtils.h"

using namespace mlir;

namespace sinter::ir {

Value permuted(GradientArithmetic& g, Value x, ArrayRef<int64_t> permutation) {
  return permutation.empty() ? x : g.transpose(x, permutation);
}

Value unpermuted(GradientArithmetic& g, Value x, ArrayRef<int64_t> permutation) {
  return permutation.empty() ? x : g.transpose(x, invertPermutationVector(permutation));
}

namespace {

/// Softmaxes of elements of 16 bits, and what is summed up beside them, are computed in f32.
Value cast(GradientArithmetic& g, Value x, Type element) {
  if (!x || tensorType(x).getElementType() == element)
    return x;
  return g.apply<CastOp>(x, element);
}

Value widened(GradientArithmetic& g, Value x) {
  const bool isNarrow = x && tensorType(x).getElementTypeBitWidth() == 16;
  return isNarrow ? cast(g, x, g.builder.getF32Type()) : x;
}

} // namespace

AttentionProducts::AttentionProducts(GradientArithmetic& g, AttentionOp op)
    : query(permuted(g, op.getQuery(), op.getQueryPermutation())),
      key(permuted(g, op.getKey(), op.getKeyPermutation())),
      value(permuted(g, op.getValue(), op.getValuePermutation())) {
  const Type element = tensorType(op.getResult()).getElementType();
  const Value product = widened(g, g.apply<MatmulOp>(query, key, false, true));
  // A scale of 0 still lets NaN through.
  const Value scaled = g.apply<MulOp>(
      product, g.number(op.getScale().convertToDouble(), tensorType(product).getElementType()));
  const Value scores = op.getMask() ? g.add(scaled, widened(g, op.getMask())) : scaled;
  weights =
      cast(g, g.apply<SoftmaxOp>(scores, static_cast<uint64_t>(tensorType(scores).getRank() - 1)), element);
}

Value attentionResult(GradientArithmetic& g, AttentionOp op) {
  const AttentionProducts products(g, op);
  return permuted(g, g.apply<MatmulOp>(products.weights, products.value, false, false),
                  op.getResultPermutation());
}

namespace {

/// What the softmax makes of tangents of its input, and of cotangents of its result: its Jacobian is
/// symmetric in each row.
Value throughSoftmax(GradientArithmetic& g, Value weights, Value derivative) {
  const int64_t last = tensorType(weights).getRank() - 1;
  const Type element = tensorType(weights).getElementType();
  weights = widened(g, weights);
  derivative = widened(g, derivative);
  return cast(g,
              g.mul(weights, g.sub(derivative, g.sum(g.mul(weights, derivative), {last}, /*keepDims=*/true))),
              element);
}

} // namespace

SmallVector<Value> AttentionOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  GradientArithmetic g(builder, getLoc());
  const AttentionProducts products(g, *this);
  const double scale = getScale().convertToDouble();
  const Value result = unpermuted(g, cotangents[0], getResultPermutation());
  const auto to = [&](Value derivative, Value operand, ArrayRef<int64_t> permutation) {
    return unpermuted(g, g.sumTo(derivative, tensorType(operand)), permutation);
  };
  const Value value = g.apply<MatmulOp>(products.weights, result, true, false);
  const Value weights =
      g.sumTo(g.apply<MatmulOp>(result, products.value, false, true), tensorType(products.weights));
  const Value scores = throughSoftmax(g, products.weights, weights);
  const Value product = g.mul(scores, scale);
  SmallVector<Value> operands(3);
  if (product) {
    operands[0] =
        to(g.apply<MatmulOp>(product, products.key, false, false), products.query, getQueryPermutation());
    operands[1] =
        to(g.apply<MatmulOp>(product, products.query, true, false), products.key, getKeyPermutation());
  }
  operands[2] = to(value, products.value, getValuePermutation());
  if (getMask())
    operands.push_back(
        g.sumTo(cast(g, scores, tensorType(getMask()).getElementType()), tensorType(getMask())));
  return operands;
}

SmallVector<Value> AttentionOp::jvp(OpBuilder& builder, ValueRange tangents) {
  GradientArithmetic g(builder, getLoc());
  const AttentionProducts products(g, *this);
  const double scale = getScale().convertToDouble();
  Value product, result;
  if (tangents[0])
    product = g.apply<MatmulOp>(permuted(g, tangents[0], getQueryPermutation()), products.key, false, true);
  if (tangents[1])
    product = g.add(product, g.apply<MatmulOp>(products.query, permuted(g, tangents[1], getKeyPermutation()),
                                               false, true));
  Value scores = g.mul(product, scale);
  if (getMask() && tangents[3])
    scores = g.add(scores, g.broadcastTo(cast(g, tangents[3], tensorType(products.weights).getElementType()),
                                         tensorType(products.weights).getShape()));
  if (scores)
    result = g.apply<MatmulOp>(throughSoftmax(g, products.weights, scores), products.value, false, false);
  if (tangents[2])
    result = g.add(result, g.apply<MatmulOp>(products.weights,
                                             permuted(g, tangents[2], getValuePermutation()), false, false));
  return {permuted(g, result, getResultPermutation())};
}

} // namespace sinter::ir
