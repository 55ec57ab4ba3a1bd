// Derivatives of pools.
#include "ir/ops.h"

#include <tuple>

using namespace mlir;

namespace sinter::ir {
namespace {

ArrayRef<int64_t> spatialShape(Value x) {
  return tensorType(x).getShape().drop_front(2);
}

// `Op` with the windows of `like`; `operands` come before its attributes, `more` after them.
template <class Op, class... Operands, class... More>
Value withWindows(GradientArithmetic& g, auto like, std::tuple<Operands...> operands, More... more) {
  return std::apply(
      [&](auto... values) {
        return g.apply<Op>(values..., like.getKernelAttr(), like.getStridesAttr(), like.getDilationsAttr(),
                           like.getPadBeginAttr(), like.getPadEndAttr(), like.getCeilModeAttr(), more...);
      },
      operands);
}

DenseI64ArrayAttr sizesOf(OpBuilder& builder, Value input) {
  return builder.getDenseI64ArrayAttr(spatialShape(input));
}

} // namespace

// The transposes are defined by what they are transposes of: each is the other's derivative.

SmallVector<Value> MaxPoolOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  GradientArithmetic g(builder, getLoc());
  const Value index = withWindows<MaxPoolIndexOp>(g, *this, std::tuple(Value(getInput())));
  return {
      withWindows<WindowScatterOp>(g, *this, std::tuple(cotangents[0], index), sizesOf(builder, getInput()))};
}

SmallVector<Value> MaxPoolOp::jvp(OpBuilder& builder, ValueRange tangents) {
  GradientArithmetic g(builder, getLoc());
  const Value index = withWindows<MaxPoolIndexOp>(g, *this, std::tuple(Value(getInput())));
  return {withWindows<WindowGatherOp>(g, *this, std::tuple(tangents[0], index))};
}

SmallVector<Value> WindowGatherOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  GradientArithmetic g(builder, getLoc());
  return {withWindows<WindowScatterOp>(g, *this, std::tuple(cotangents[0], Value(getIndex())),
                                       sizesOf(builder, getInput())),
          Value()};
}

SmallVector<Value> WindowGatherOp::jvp(OpBuilder& builder, ValueRange tangents) {
  GradientArithmetic g(builder, getLoc());
  return {withWindows<WindowGatherOp>(g, *this, std::tuple(tangents[0], Value(getIndex())))};
}

SmallVector<Value> WindowScatterOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  GradientArithmetic g(builder, getLoc());
  return {withWindows<WindowGatherOp>(g, *this, std::tuple(cotangents[0], Value(getIndex()))), Value()};
}

SmallVector<Value> WindowScatterOp::jvp(OpBuilder& builder, ValueRange tangents) {
  GradientArithmetic g(builder, getLoc());
  return {withWindows<WindowScatterOp>(g, *this, std::tuple(tangents[0], Value(getIndex())), getSizesAttr())};
}

SmallVector<Value> AvgPoolOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  GradientArithmetic g(builder, getLoc());
  return {withWindows<AvgPoolTransposeOp>(g, *this, std::tuple(cotangents[0]), sizesOf(builder, getInput()),
                                          getCountIncludePadAttr())};
}

SmallVector<Value> AvgPoolOp::jvp(OpBuilder& builder, ValueRange tangents) {
  GradientArithmetic g(builder, getLoc());
  return {withWindows<AvgPoolOp>(g, *this, std::tuple(tangents[0]), getCountIncludePadAttr())};
}

SmallVector<Value> AvgPoolTransposeOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  GradientArithmetic g(builder, getLoc());
  return {withWindows<AvgPoolOp>(g, *this, std::tuple(cotangents[0]), getCountIncludePadAttr())};
}

SmallVector<Value> AvgPoolTransposeOp::jvp(OpBuilder& builder, ValueRange tangents) {
  GradientArithmetic g(builder, getLoc());
  return {withWindows<AvgPoolTransposeOp>(g, *this, std::tuple(tangents[0]), getSizesAttr(),
                                          getCountIncludePadAttr())};
}

} // namespace sinter::ir
