// Derivatives of losses.
#include "ir/ops.h"

#include "ir/constant.h"

#include <limits>
#include <numeric>

using namespace mlir;

namespace sinter::ir {
namespace {

// A number for each line, as a tensor that broadcasts along the axis.
Value alongLines(GradientArithmetic& g, Value numbers, int64_t axis) {
  if (!numbers)
    return {};
  SmallVector<int64_t> shape(tensorType(numbers).getShape());
  shape.insert(shape.begin() + axis, 1);
  return g.reshape(numbers, shape);
}

// 0, 1, 2, ... along the axis, of the integer type `element`.
Value places(GradientArithmetic& g, RankedTensorType logits, int64_t axis, Type element) {
  SmallVector<int64_t> shape(static_cast<size_t>(logits.getRank()), 1);
  const int64_t count = logits.getDimSize(static_cast<unsigned>(axis));
  shape[static_cast<size_t>(axis)] = count;
  const DType dtype = dtypeOf(element);
  auto storage = Storage::allocate(static_cast<uint64_t>(count) * size_of(dtype));
  const auto type = RankedTensorType::get(shape, element);
  const View numbers = View::dense(storage->data(), dtype, shapeOf(type));
  const auto fill = [count](auto* first) { std::iota(first, first + count, 0); };
  dtype == DType::i32 ? fill(numbers.as<int32_t>()) : fill(numbers.as<int64_t>());
  return ConstantOp::create(g.builder, g.loc, type, makeTable(type, storage));
}

// The derivative of each line's loss by its logits, where the line has a class.
struct ClassSlope {
  ClassSlope(GradientArithmetic& g, SparseCrossEntropyOp op)
      : g(g), axis(static_cast<int64_t>(op.getAxis())),
        count(op.getLogits().getType().getDimSize(static_cast<unsigned>(axis))) {
    const RankedTensorType type = op.getLogits().getType();
    const Value classes = alongLines(g, op.getClasses(), axis);
    const Value isChosen = g.equal(classes, places(g, type, axis, tensorType(classes).getElementType()));
    slope = g.sub(g.apply<SoftmaxOp>(op.getLogits(), axis), g.indicator(isChosen, type.getElementType()));
  }

  // `x` of lines with a class, 0 of those without, NaN of those whose class there is not.
  Value ofClasses(Value classes, Value x) {
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    return g.select(g.less(classes, 0), 0, g.select(g.less(classes, count), x, kNone));
  }

  GradientArithmetic& g;
  int64_t axis, count;
  Value slope;
};

} // namespace

//===-- Cross-entropy -------------------------------------------------------------------------------===//

SmallVector<Value> CrossEntropyOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  GradientArithmetic g(builder, getLoc());
  const auto axis = static_cast<int64_t>(getAxis());
  const Value t = alongLines(g, cotangents[0], axis);
  const Value total = g.sum(getTargets(), {axis}, /*keepDims=*/true);
  const Value slope = g.sub(g.mul(g.apply<SoftmaxOp>(getLogits(), axis), total), getTargets());
  return {g.mul(slope, t), g.neg(g.mul(g.apply<LogSoftmaxOp>(getLogits(), axis), t))};
}

SmallVector<Value> CrossEntropyOp::jvp(OpBuilder& builder, ValueRange tangents) {
  GradientArithmetic g(builder, getLoc());
  const auto axis = static_cast<int64_t>(getAxis());
  const Value total = g.sum(getTargets(), {axis}, /*keepDims=*/true);
  const Value slope = g.sub(g.mul(g.apply<SoftmaxOp>(getLogits(), axis), total), getTargets());
  const Value byLogits = g.mul(slope, tangents[0]);
  const Value byTargets = g.mul(g.apply<LogSoftmaxOp>(getLogits(), axis), tangents[1]);
  return {g.sum(g.sub(byLogits, byTargets), {axis})};
}

//===-- Cross-entropy of classes --------------------------------------------------------------------===//

SmallVector<Value> SparseCrossEntropyOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  GradientArithmetic g(builder, getLoc());
  ClassSlope by(g, *this);
  const Value terms = g.mul(by.slope, alongLines(g, cotangents[0], by.axis));
  return {by.ofClasses(alongLines(g, getClasses(), by.axis), terms), Value()};
}

SmallVector<Value> SparseCrossEntropyOp::jvp(OpBuilder& builder, ValueRange tangents) {
  GradientArithmetic g(builder, getLoc());
  ClassSlope by(g, *this);
  return {by.ofClasses(getClasses(), g.sum(g.mul(by.slope, tangents[0]), {by.axis}))};
}

} // namespace sinter::ir
