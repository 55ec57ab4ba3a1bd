// Derivatives of reductions.
#include "ir/ops.h"

using namespace mlir;

namespace sinter::ir {
namespace {

bool isEmpty(Value x) {
  return tensorType(x).getNumElements() == 0;
}

double foldedElements(auto op) {
  double count = 1;
  for (int64_t axis : op.getAxes())
    count *= static_cast<double>(op.getInput().getType().getDimSize(axis));
  return count;
}

// `reduced`, of the result's shape, with the reduced dimensions as extent 1: it broadcasts with the input.
Value kept(GradientArithmetic& g, auto op, Value reduced) {
  SmallVector<int64_t> shape(op.getInput().getType().getShape());
  for (int64_t axis : op.getAxes())
    shape[static_cast<size_t>(axis)] = 1;
  return g.reshape(reduced, shape);
}

Value spread(GradientArithmetic& g, auto op, Value reduced) {
  return g.broadcastTo(kept(g, op, reduced), op.getInput().getType().getShape());
}

//===-- Maximum and minimum -------------------------------------------------------------------------===//

// Where elements are the one that the reduction found, and how many are.
struct Found {
  Value mask;
  Value count; ///< of the result's shape
};

Found findExtremes(GradientArithmetic& g, auto op) {
  const Value mask = g.equal(op.getInput(), kept(g, op, op.getResult()));
  return {mask,
          g.sum(g.indicator(mask, op.getInput().getType().getElementType()), op.getAxes(), op.getKeepDims())};
}

SmallVector<Value> extremeVjp(GradientArithmetic g, auto op, Value cotangent) {
  if (isEmpty(op.getInput()))
    return {Value()};
  const Found found = findExtremes(g, op);
  return {g.select(found.mask, kept(g, op, g.div(cotangent, found.count)), 0)};
}

SmallVector<Value> extremeJvp(GradientArithmetic g, auto op, Value tangent) {
  if (isEmpty(op.getInput()))
    return {Value()};
  const Found found = findExtremes(g, op);
  return {g.div(g.sum(g.select(found.mask, tangent, 0), op.getAxes(), op.getKeepDims()), found.count)};
}

//===-- Product -------------------------------------------------------------------------------------===//

Value halfOfPairs(GradientArithmetic& g, Value pairs, int64_t which) {
  const auto shape = tensorType(pairs).getShape();
  return g.apply<SliceOp>(pairs, ArrayRef<int64_t>{0, 0, which}, ArrayRef<int64_t>{shape[0], shape[1], 1},
                          ArrayRef<int64_t>{1, 1, 1});
}

Value swappedPairs(GradientArithmetic& g, Value pairs) {
  return g.apply<SliceOp>(pairs, ArrayRef<int64_t>{0, 0, 1}, tensorType(pairs).getShape(),
                          ArrayRef<int64_t>{1, 1, -1});
}

// For each element of the rows of `x` [rows, n], n >= 1, the product of the others of its row; without a
// division, so that zeros do no harm. Products of pairs up a binary tree; then down it, where what lies
// outside a node is what lies outside its parent, times its sibling: some 4 n multiplications.
Value productOfOthers(GradientArithmetic& g, Value x) {
  const int64_t rows = tensorType(x).getDimSize(0), n = tensorType(x).getDimSize(1);
  if (n == 1)
    return g.filled(1, tensorType(x));
  const int64_t pairs = (n + 1) / 2;
  if (n % 2 != 0)
    x = g.apply<PadOp>(x, ArrayRef<int64_t>{0, 0}, ArrayRef<int64_t>{0, 1}, PadMode::constant, APFloat(1.0));
  x = g.reshape(x, {rows, pairs, 2});
  Value others = swappedPairs(g, x);
  if (pairs > 1) {
    const Value products = g.reshape(g.mul(halfOfPairs(g, x, 0), halfOfPairs(g, x, 1)), {rows, pairs});
    others = g.mul(others, g.reshape(productOfOthers(g, products), {rows, pairs, 1}));
  }
  others = g.reshape(others, {rows, 2 * pairs});
  return n == 2 * pairs ? others
                        : g.apply<SliceOp>(others, ArrayRef<int64_t>{0, 0}, ArrayRef<int64_t>{rows, n},
                                           ArrayRef<int64_t>{1, 1});
}

// The derivative of a product by each of its factors, of the input's shape.
Value productSlope(GradientArithmetic& g, ReduceProdOp op) {
  const RankedTensorType input = op.getInput().getType();
  SmallVector<int64_t> order, inverse(static_cast<size_t>(input.getRank())), shape;
  for (int64_t d = 0; d < input.getRank(); ++d)
    if (!llvm::is_contained(op.getAxes(), d))
      order.push_back(d);
  llvm::append_range(order, op.getAxes());
  int64_t columns = 1;
  for (auto [to, from] : llvm::enumerate(order)) {
    inverse[static_cast<size_t>(from)] = static_cast<int64_t>(to);
    shape.push_back(input.getDimSize(from));
    if (llvm::is_contained(op.getAxes(), from))
      columns *= shape.back();
  }
  const Value matrix =
      g.reshape(g.transpose(op.getInput(), order), {input.getNumElements() / columns, columns});
  return g.transpose(g.reshape(productOfOthers(g, matrix), shape), inverse);
}

} // namespace

SmallVector<Value> ReduceSumOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  GradientArithmetic g(builder, getLoc());
  return {spread(g, *this, cotangents[0])};
}

SmallVector<Value> ReduceSumOp::jvp(OpBuilder& builder, ValueRange tangents) {
  return {GradientArithmetic(builder, getLoc()).apply<ReduceSumOp>(tangents[0], getAxes(), getKeepDims())};
}

SmallVector<Value> ReduceMeanOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  GradientArithmetic g(builder, getLoc());
  return {isEmpty(getInput()) ? Value() : spread(g, *this, g.mul(cotangents[0], 1 / foldedElements(*this)))};
}

SmallVector<Value> ReduceMeanOp::jvp(OpBuilder& builder, ValueRange tangents) {
  GradientArithmetic g(builder, getLoc());
  return {isEmpty(getInput()) ? Value() : g.apply<ReduceMeanOp>(tangents[0], getAxes(), getKeepDims())};
}

SmallVector<Value> ReduceMaxOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  return extremeVjp({builder, getLoc()}, *this, cotangents[0]);
}

SmallVector<Value> ReduceMaxOp::jvp(OpBuilder& builder, ValueRange tangents) {
  return extremeJvp({builder, getLoc()}, *this, tangents[0]);
}

SmallVector<Value> ReduceMinOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  return extremeVjp({builder, getLoc()}, *this, cotangents[0]);
}

SmallVector<Value> ReduceMinOp::jvp(OpBuilder& builder, ValueRange tangents) {
  return extremeJvp({builder, getLoc()}, *this, tangents[0]);
}

SmallVector<Value> ReduceProdOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  GradientArithmetic g(builder, getLoc());
  return {isEmpty(getInput()) ? Value() : g.mul(productSlope(g, *this), kept(g, *this, cotangents[0]))};
}

SmallVector<Value> ReduceProdOp::jvp(OpBuilder& builder, ValueRange tangents) {
  GradientArithmetic g(builder, getLoc());
  if (isEmpty(getInput()))
    return {Value()};
  return {g.sum(g.mul(productSlope(g, *this), tangents[0]), getAxes(), getKeepDims())};
}

} // namespace sinter::ir
