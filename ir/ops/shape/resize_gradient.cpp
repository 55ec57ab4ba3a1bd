// The derivative of resampling: cotangents are collected where the samples were taken, dimension by
// dimension.
#include "ir/constant.h"
#include "ir/ops.h"
#include "sinter/runtime/eager/resize.h"

#include <numeric>

using namespace mlir;

namespace sinter::ir {
namespace {

// One dimension of a resampling as a sparse matrix, by rows of its transpose: for each of the `in` positions
// of the input, which positions of the result sampled it, and how much of it.
struct Collection {
  struct Share {
    int64_t position;
    double weight;
  };
  SmallVector<SmallVector<Share, 4>> shares;

  Collection(int64_t in, ArrayRef<eager::ResizeSample> samples, bool interpolated, bool isDouble)
      : shares(static_cast<size_t>(in)) {
    for (auto [x, sample] : llvm::enumerate(samples)) {
      const auto position = static_cast<int64_t>(x);
      if (!interpolated) {
        add(sample.first, position, 1);
        continue;
      }
      // Rounded as where the samples are mixed.
      const float rest = 1.0f - sample.weight;
      add(sample.first, position, isDouble ? 1.0 - double{sample.weight} : double{rest});
      add(sample.second, position, sample.weight);
    }
  }

  size_t most() const {
    size_t count = 1;
    for (const auto& row : shares)
      count = std::max(count, row.size());
    return count;
  }

  // True if every position was sampled whole by the `most` positions of the result that follow those of the
  // one before it.
  bool isRepetition() const {
    for (auto [i, row] : llvm::enumerate(shares)) {
      if (row.size() != most())
        return false;
      for (auto [k, share] : llvm::enumerate(row))
        if (share.weight != 1 || share.position != static_cast<int64_t>(i * most() + k))
          return false;
    }
    return true;
  }

private:
  void add(int64_t to, int64_t position, double weight) {
    if (weight == 0)
      return;
    auto& row = shares[static_cast<size_t>(to)];
    if (!row.empty() && row.back().position == position)
      row.back().weight += weight;
    else
      row.push_back({position, weight});
  }
};

template <class T>
Value constantOf(GradientArithmetic& g, Type element, ArrayRef<int64_t> shape, ArrayRef<T> values) {
  const auto type = RankedTensorType::get(shape, element);
  auto storage = Storage::allocate(values.size() * sizeof(T));
  llvm::copy(values, reinterpret_cast<T*>(storage->data()));
  return ConstantOp::create(g.builder, g.loc, type, makeTable(type, storage));
}

// Dimension 1 of `x` [outer, out, inner] collected: [outer, in, inner].
Value collected(GradientArithmetic& g, Value x, const Collection& collection) {
  const Type element = tensorType(x).getElementType();
  const int64_t outer = tensorType(x).getDimSize(0), inner = tensorType(x).getDimSize(2);
  const auto in = static_cast<int64_t>(collection.shares.size()),
             most = static_cast<int64_t>(collection.most());
  if (collection.isRepetition())
    return g.sum(g.reshape(x, {outer, in, most, inner}), {2});
  // Rows are filled up with shares of nothing.
  SmallVector<int64_t> positions;
  SmallVector<double> weights;
  for (const auto& row : collection.shares)
    for (size_t k = 0; k < collection.most(); ++k) {
      positions.push_back(row.empty() ? 0 : row[std::min(k, row.size() - 1)].position);
      weights.push_back(k < row.size() ? row[k].weight : 0);
    }
  const Value indices = constantOf<int64_t>(g, g.builder.getI64Type(), {in, most}, positions);
  Value factors = constantOf<double>(g, g.builder.getF64Type(), {in, most, 1}, weights);
  if (!element.isF64())
    factors = g.apply<CastOp>(factors, element);
  return g.sum(g.mul(g.apply<GatherOp>(x, indices, g.builder.getI64IntegerAttr(1)), factors), {2});
}

int64_t product(ArrayRef<int64_t> extents) {
  return std::accumulate(extents.begin(), extents.end(), int64_t{1}, std::multiplies<>());
}

} // namespace

SmallVector<Value> ResizeOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  GradientArithmetic g(builder, getLoc());
  const RankedTensorType input = tensorType(getInput());
  if (tensorType(cotangents[0]).getNumElements() == 0)
    return {Value()};
  const eager::ResizeGeometry geometry = eagerGeometry();
  const bool interpolated = getMode() == ResizeMode::linear;
  Value x = cotangents[0];
  SmallVector<int64_t> shape(tensorType(x).getShape());
  for (size_t d = 0; d < shape.size(); ++d) {
    const int64_t in = input.getShape()[d], out = shape[d];
    if (in == out && getScales()[d] == 1.0)
      continue;
    const Collection collection(in, eager::resize_samples(in, out, d, geometry), interpolated,
                                input.getElementType().isF64());
    x = g.reshape(x,
                  {product(ArrayRef(shape).take_front(d)), out, product(ArrayRef(shape).drop_front(d + 1))});
    shape[d] = in;
    x = g.reshape(collected(g, x, collection), shape);
  }
  return {x};
}

SmallVector<Value> ResizeOp::jvp(OpBuilder& builder, ValueRange tangents) {
  return {
      GradientArithmetic(builder, getLoc())
          .apply<ResizeOp>(tangents[0], getSizes(), getScales(), getMode(), getCoordinates(), getRounding())};
}

} // namespace sinter::ir
