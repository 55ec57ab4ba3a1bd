// What the elements along one axis have in common.
#include "ir/ops/norm/line_statistics.h"

using namespace mlir;

namespace sinter::ir {

Value foldOver(LoopEmitter& e, TypedValue<RankedTensorType> x, ArrayRef<int64_t> axes, const Point& at,
               Combine how, function_ref<Value(ElementArithmetic&, Value)> f) {
  return e.reduce(x.getType().getShape(), axes, at, how, x.getType().getElementType(), [&](const Point& p) {
    ElementArithmetic arithmetic(e.builder, e.loc);
    return f(arithmetic, e.element(x, p));
  });
}

LineStatistics emitLineStatistics(LoopEmitter& e, TypedValue<RankedTensorType> x, int64_t axis,
                                  const Point& at) {
  const Value max = foldOver(e, x, {axis}, at, Combine::max, [](ElementArithmetic&, Value v) { return v; });
  const Value sum = foldOver(e, x, {axis}, at, Combine::add, [&](ElementArithmetic& arithmetic, Value v) {
    return arithmetic.expOfNegative(arithmetic.sub(v, e.splat(max)));
  });
  return {max, sum};
}

} // namespace sinter::ir
