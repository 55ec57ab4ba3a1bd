// Derivatives of operations that move elements: all are linear, so that tangents are moved as the elements
// are, and cotangents the other way.
#include "ir/ops.h"

#include <numeric>

using namespace mlir;

namespace sinter::ir {
namespace {

using Dims = SmallVector<int64_t>;

Dims zeros(const Dims& like) {
  return Dims(like.size(), 0);
}

// Dimension `dim` with `low` and `high` zeros more, or so many elements fewer where they are negative.
Value padded(GradientArithmetic& g, Value x, int64_t dim, int64_t low, int64_t high) {
  if (low == 0 && high == 0)
    return x;
  Dims before(static_cast<size_t>(tensorType(x).getRank()), 0), after = before;
  before[static_cast<size_t>(dim)] = low;
  after[static_cast<size_t>(dim)] = high;
  return g.apply<PadOp>(x, before, after, PadMode::constant, APFloat(0.0));
}

// `count` elements of dimension `dim` from `start` on.
Value part(GradientArithmetic& g, Value x, int64_t dim, int64_t start, int64_t count, int64_t step = 1) {
  Dims sizes(tensorType(x).getShape()), starts = zeros(sizes), steps(sizes.size(), 1);
  starts[static_cast<size_t>(dim)] = start;
  sizes[static_cast<size_t>(dim)] = count;
  steps[static_cast<size_t>(dim)] = step;
  return g.apply<SliceOp>(x, starts, sizes, steps);
}

Value reversed(GradientArithmetic& g, Value x, int64_t dim) {
  const int64_t extent = tensorType(x).getDimSize(dim);
  return extent > 1 ? part(g, x, dim, extent - 1, extent, -1) : x;
}

// The elements of dimension `dim` with `step` - 1 zeros after each of them.
Value spread(GradientArithmetic& g, Value x, int64_t dim, int64_t step) {
  Dims shape(tensorType(x).getShape());
  const auto at = static_cast<size_t>(dim);
  const auto product = [](ArrayRef<int64_t> extents) {
    return std::accumulate(extents.begin(), extents.end(), int64_t{1}, std::multiplies<>());
  };
  const int64_t outer = product(ArrayRef(shape).take_front(at)),
                inner = product(ArrayRef(shape).drop_front(at + 1));
  x = padded(g, g.reshape(x, {outer, shape[at], 1, inner}), 2, 0, step - 1);
  shape[at] *= step;
  return g.reshape(x, shape);
}

// Dimension `dim` of the cotangent of `low` elements before and `high` after: what was made of border
// elements goes back to them.
Value unpadded(GradientArithmetic& g, Value x, int64_t dim, int64_t low, int64_t high, PadMode mode) {
  const int64_t n = tensorType(x).getDimSize(dim) - low - high;
  Value inner = padded(g, x, dim, -low, -high);
  const auto putBack = [&](int64_t start, int64_t count, int64_t first) {
    if (count == 0)
      return;
    Value border = part(g, x, dim, start, count);
    border = mode == PadMode::edge ? g.sum(border, {dim}, /*keepDims=*/true) : reversed(g, border, dim);
    inner = g.add(inner, padded(g, border, dim, first, n - first - tensorType(border).getDimSize(dim)));
  };
  putBack(0, low, mode == PadMode::edge ? 0 : 1);
  putBack(low + n, high, mode == PadMode::edge ? n - 1 : n - 1 - high);
  return inner;
}

} // namespace

//===-- reshape, transpose, broadcast_to ------------------------------------------------------------===//

SmallVector<Value> ReshapeOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  return {GradientArithmetic(builder, getLoc()).reshape(cotangents[0], tensorType(getInput()).getShape())};
}

SmallVector<Value> ReshapeOp::jvp(OpBuilder& builder, ValueRange tangents) {
  return {GradientArithmetic(builder, getLoc()).reshape(tangents[0], getShape())};
}

SmallVector<Value> TransposeOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  Dims inverse(getPermutation().size());
  for (auto [to, from] : llvm::enumerate(getPermutation()))
    inverse[static_cast<size_t>(from)] = static_cast<int64_t>(to);
  return {GradientArithmetic(builder, getLoc()).transpose(cotangents[0], inverse)};
}

SmallVector<Value> TransposeOp::jvp(OpBuilder& builder, ValueRange tangents) {
  return {GradientArithmetic(builder, getLoc()).transpose(tangents[0], getPermutation())};
}

SmallVector<Value> BroadcastToOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  return {GradientArithmetic(builder, getLoc()).sumTo(cotangents[0], tensorType(getInput()))};
}

SmallVector<Value> BroadcastToOp::jvp(OpBuilder& builder, ValueRange tangents) {
  return {GradientArithmetic(builder, getLoc()).broadcastTo(tangents[0], getShape())};
}

//===-- slice, concat -------------------------------------------------------------------------------===//

SmallVector<Value> SliceOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  if (llvm::is_contained(getSizes(), 0))
    return {Value()};
  GradientArithmetic g(builder, getLoc());
  Value x = cotangents[0];
  Dims low, high;
  for (auto [d, step] : llvm::enumerate(getSteps())) {
    const auto dim = static_cast<int64_t>(d);
    const int64_t size = getSizes()[d], stride = size == 1 ? 1 : std::abs(step);
    if (step < 0)
      x = reversed(g, x, dim);
    if (stride != 1)
      x = spread(g, x, dim, stride);
    low.push_back(step < 0 ? getStarts()[d] - (size - 1) * stride : getStarts()[d]);
    high.push_back(tensorType(getInput()).getShape()[d] - low.back() - size * stride);
  }
  const auto isZero = [](int64_t n) { return n == 0; };
  if (llvm::all_of(low, isZero) && llvm::all_of(high, isZero))
    return {x};
  return {g.apply<PadOp>(x, low, high, PadMode::constant, APFloat(0.0))};
}

SmallVector<Value> SliceOp::jvp(OpBuilder& builder, ValueRange tangents) {
  return {
      GradientArithmetic(builder, getLoc()).apply<SliceOp>(tangents[0], getStarts(), getSizes(), getSteps())};
}

SmallVector<Value> ConcatOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  GradientArithmetic g(builder, getLoc());
  SmallVector<Value> result;
  int64_t start = 0;
  for (Value input : getInputs()) {
    const auto axis = static_cast<int64_t>(getAxis());
    const int64_t extent = tensorType(input).getDimSize(static_cast<unsigned>(axis));
    result.push_back(part(g, cotangents[0], axis, start, extent));
    start += extent;
  }
  return result;
}

SmallVector<Value> ConcatOp::jvp(OpBuilder& builder, ValueRange tangents) {
  GradientArithmetic g(builder, getLoc());
  SmallVector<Value> parts;
  for (auto [input, tangent] : llvm::zip_equal(getInputs(), tangents))
    parts.push_back(g.materialized(tangent, tensorType(input)));
  return {g.apply<ConcatOp>(ValueRange(parts), getAxisAttr())};
}

//===-- pad -----------------------------------------------------------------------------------------===//

SmallVector<Value> PadOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  GradientArithmetic g(builder, getLoc());
  Value x = cotangents[0];
  if (getMode() == PadMode::constant) {
    const auto negated = [](ArrayRef<int64_t> amounts) {
      return llvm::map_to_vector(amounts, [](int64_t n) { return -n; });
    };
    return {g.apply<PadOp>(x, negated(getLow()), negated(getHigh()), PadMode::constant, APFloat(0.0))};
  }
  // What was removed gets nothing, but what it is mirrored in may.
  for (auto [d, low, high] : llvm::enumerate(getLow(), getHigh()))
    x = padded(g, x, static_cast<int64_t>(d), std::max<int64_t>(-low, 0), std::max<int64_t>(-high, 0));
  for (auto [d, low, high] : llvm::enumerate(getLow(), getHigh()))
    x = unpadded(g, x, static_cast<int64_t>(d), std::max<int64_t>(low, 0), std::max<int64_t>(high, 0),
                 getMode());
  return {x};
}

SmallVector<Value> PadOp::jvp(OpBuilder& builder, ValueRange tangents) {
  return {GradientArithmetic(builder, getLoc())
              .apply<PadOp>(tangents[0], getLow(), getHigh(), getMode(), APFloat(0.0))};
}

} // namespace sinter::ir
