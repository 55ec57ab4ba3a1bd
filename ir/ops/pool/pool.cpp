// Sliding-window pooling.
#include "ir/ops.h"

#include "ir/ops/pool/pool_window.h"

using namespace mlir;

#define GET_OP_CLASSES
#include "ir/ops/pool/pool.cpp.inc"

namespace sinter::ir {

LogicalResult MaxPoolOp::inferReturnTypes(MLIRContext*, std::optional<Location> location, ValueRange operands,
                                          DictionaryAttr attributes, OpaqueProperties properties,
                                          RegionRange regions, SmallVectorImpl<Type>& types) {
  return inferPool(location, getOperationName(), Adaptor(operands, attributes, properties, regions), types);
}

void MaxPoolOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::max_pool(operands[0], results[0], geometryOf(*this));
}

double MaxPoolOp::getFlops() {
  return windowFlops(*this);
}

Value MaxPoolOp::emitElement(LoopEmitter& emitter, const Point& at, ValueRange) {
  const Type element = tensorType(getInput()).getElementType();
  return emitWindow(emitter, *this, at, emitter.neutral(Combine::max, element), [&](Value most, Value value) {
    return emitter.combine(Combine::max, element, most, value);
  });
}

LogicalResult AvgPoolOp::inferReturnTypes(MLIRContext*, std::optional<Location> location, ValueRange operands,
                                          DictionaryAttr attributes, OpaqueProperties properties,
                                          RegionRange regions, SmallVectorImpl<Type>& types) {
  return inferPool(location, getOperationName(), Adaptor(operands, attributes, properties, regions), types);
}

void AvgPoolOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::avg_pool(operands[0], results[0], geometryOf(*this), getCountIncludePad());
}

double AvgPoolOp::getFlops() {
  return windowFlops(*this);
}

Value AvgPoolOp::emitElement(LoopEmitter& emitter, const Point& at, ValueRange) {
  const Type element = tensorType(getInput()).getElementType();
  const Value sum =
      emitWindow(emitter, *this, at, emitter.constant(0, element), [&](Value total, Value value) {
        return emitter.combine(Combine::add, element, total, value);
      });
  const auto input = tensorType(getInput()).getShape(), output = tensorType(getResult()).getShape();
  return arith::DivFOp::create(emitter.builder, emitter.loc, sum,
                               TapCounter(*this, input, output).emit(emitter, at, element));
}

} // namespace sinter::ir
