// Rules of differentiation of convolutions. The three operations are one form, linear in each of input,
// filter and result: the derivative of any by one is another of them.
#include "ir/ops.h"

using namespace mlir;

namespace sinter::ir {
namespace {

using Extents = SmallVector<int64_t, 3>;

/// The attributes of a convolution, whichever of the three is written.
struct Windows {
  Extents strides, dilations, padBegin, padEnd;
  uint64_t groups;

  template <class Op>
  explicit Windows(Op op)
      : strides(op.getStrides()), dilations(op.getDilations()), padBegin(op.getPadBegin()),
        padEnd(op.getPadEnd()), groups(op.getGroups()) {}

  int64_t reach(size_t d, int64_t kernel) const { return dilations[d] * (kernel - 1) + 1; }
};

ArrayRef<int64_t> spatialOf(Value x) {
  return tensorType(x).getShape().drop_front(2);
}

bool isEmpty(Value x) {
  return tensorType(x).getNumElements() == 0;
}

Value convolved(GradientArithmetic& g, Value input, Value filter, const Windows& w) {
  return g.apply<ConvOp>(input, filter, Value(), w.strides, w.dilations, w.padBegin, w.padEnd, w.groups);
}

/// The gradient of a convolution by its input of type `type`: the output padding brings back the positions at
/// the end that no window reached.
Value inputGradient(GradientArithmetic& g, Value cotangent, Value filter, const Windows& w,
                    RankedTensorType type) {
  if (type.getNumElements() == 0)
    return {};
  Extents outputPadding;
  for (auto [d, kernel] : llvm::enumerate(spatialOf(filter)))
    outputPadding.push_back(type.getDimSize(static_cast<unsigned>(d + 2)) + w.padBegin[d] + w.padEnd[d] -
                            w.strides[d] * (spatialOf(cotangent)[d] - 1) - w.reach(d, kernel));
  return g.apply<ConvTransposeOp>(cotangent, filter, Value(), w.strides, w.dilations, w.padBegin, w.padEnd,
                                  outputPadding, w.groups);
}

Value filterGradient(GradientArithmetic& g, Value input, Value cotangent, const Windows& w,
                     ArrayRef<int64_t> kernel) {
  return g.apply<ConvFilterGradientOp>(input, cotangent, kernel, w.strides, w.dilations, w.padBegin, w.padEnd,
                                       w.groups);
}

/// The sum over all but the channels.
Value biasGradient(GradientArithmetic& g, Value cotangent) {
  SmallVector<int64_t> axes{0};
  for (int64_t d = 2; d < tensorType(cotangent).getRank(); ++d)
    axes.push_back(d);
  return g.sum(cotangent, axes);
}

Value perChannel(GradientArithmetic& g, Value bias, ArrayRef<int64_t> shape) {
  if (!bias)
    return {};
  SmallVector<int64_t> column(shape.size(), 1);
  column[1] = shape[1];
  return g.broadcastTo(g.reshape(bias, column), shape);
}

/// What a transposed convolution is the input's gradient of. Its output padding may leave more than a stride
/// at the end that no window reaches: so much is taken from the padding there, and then from its result.
struct Transposed {
  Windows windows;
  Extents cropped; ///< spatial extents of the result that are left
  bool reached = true;

  explicit Transposed(ConvTransposeOp op) : windows(op), cropped(spatialOf(op.getResult())) {
    for (auto [d, padding] : llvm::enumerate(op.getOutputPadding())) {
      const int64_t excess = std::max<int64_t>(padding - (windows.strides[d] - 1), 0);
      const int64_t fromPadding = std::min(excess, windows.padEnd[d]);
      windows.padEnd[d] -= fromPadding;
      cropped[d] -= excess - fromPadding;
      reached = reached && cropped[d] > 0;
    }
  }

  Value crop(GradientArithmetic& g, Value result) const {
    if (spatialOf(result) == ArrayRef(cropped))
      return result;
    SmallVector<int64_t> sizes(tensorType(result).getShape().take_front(2));
    llvm::append_range(sizes, cropped);
    const SmallVector<int64_t> zeros(sizes.size(), 0), ones(sizes.size(), 1);
    return g.apply<SliceOp>(result, zeros, sizes, ones);
  }
};

} // namespace

SmallVector<Value> ConvOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  GradientArithmetic g(builder, getLoc());
  const Windows w(*this);
  SmallVector<Value> result{inputGradient(g, cotangents[0], getFilter(), w, tensorType(getInput())),
                            isEmpty(getFilter())
                                ? Value()
                                : filterGradient(g, getInput(), cotangents[0], w, spatialOf(getFilter()))};
  if (getBias())
    result.push_back(biasGradient(g, cotangents[0]));
  return result;
}

SmallVector<Value> ConvOp::jvp(OpBuilder& builder, ValueRange tangents) {
  GradientArithmetic g(builder, getLoc());
  const Windows w(*this);
  Value sum;
  if (tangents[0])
    sum = convolved(g, tangents[0], getFilter(), w);
  if (tangents[1])
    sum = g.add(sum, convolved(g, getInput(), tangents[1], w));
  if (getBias())
    sum = g.add(sum, perChannel(g, tangents[2], tensorType(getResult()).getShape()));
  return {sum};
}

SmallVector<Value> ConvTransposeOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  GradientArithmetic g(builder, getLoc());
  const Transposed forward(*this);
  SmallVector<Value> result(2);
  if (forward.reached && !isEmpty(getFilter())) {
    const Value cotangent = forward.crop(g, cotangents[0]);
    result[0] = convolved(g, cotangent, getFilter(), forward.windows);
    result[1] = filterGradient(g, cotangent, getInput(), forward.windows, spatialOf(getFilter()));
  }
  if (getBias())
    result.push_back(biasGradient(g, cotangents[0]));
  return result;
}

SmallVector<Value> ConvTransposeOp::jvp(OpBuilder& builder, ValueRange tangents) {
  GradientArithmetic g(builder, getLoc());
  const Windows w(*this);
  const auto transposed = [&](Value input, Value filter) {
    return g.apply<ConvTransposeOp>(input, filter, Value(), w.strides, w.dilations, w.padBegin, w.padEnd,
                                    getOutputPadding(), w.groups);
  };
  Value sum;
  if (tangents[0])
    sum = transposed(tangents[0], getFilter());
  if (tangents[1])
    sum = g.add(sum, transposed(getInput(), tangents[1]));
  if (getBias())
    sum = g.add(sum, perChannel(g, tangents[2], tensorType(getResult()).getShape()));
  return {sum};
}

SmallVector<Value> ConvFilterGradientOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  GradientArithmetic g(builder, getLoc());
  const Windows w(*this);
  return {inputGradient(g, getCotangent(), cotangents[0], w, tensorType(getInput())),
          isEmpty(getCotangent()) ? Value() : convolved(g, getInput(), cotangents[0], w)};
}

SmallVector<Value> ConvFilterGradientOp::jvp(OpBuilder& builder, ValueRange tangents) {
  GradientArithmetic g(builder, getLoc());
  const Windows w(*this);
  Value sum;
  if (tangents[0])
    sum = filterGradient(g, tangents[0], getCotangent(), w, getKernel());
  if (tangents[1])
    sum = g.add(sum, filterGradient(g, getInput(), tangents[1], w, getKernel()));
  return {sum};
}

} // namespace sinter::ir
