// The role of a factor, or of the sum, is set while the operation emits its element.
#include "codegen/cuda/factor_emitter.h"

using namespace mlir;

namespace sinter::codegen::cuda {

ir::Point FactorEmitter::place(Value batch, Value row, Value column) {
  const RankedTensorType type = ir::tensorType(root->getResult(0));
  ir::Point at(static_cast<size_t>(type.getRank()));
  const auto locate = [&](Value number, ArrayRef<int64_t> dims) {
    frame.emitter.locate(number, sidesOf(type.getShape(), dims), at);
  };
  locate(batch, matrix.batch);
  locate(row, lineOrders[0]);
  locate(column, lineOrders[1]);
  return at;
}

Value FactorEmitter::element(Kind factor, Value batch, Value line, Value term) {
  ThreadEmitter& emitter = frame.emitter;
  Value none = emitter.index(0);
  const ir::Point at = place(batch, factor == Kind::first ? line : none, factor == Kind::first ? none : line);
  emitter.role = {factor, term, {}, innermostTerm, {}};
  cast<ir::LoopOpInterface>(root).emitElement(emitter, at, {});
  Value value = emitter.role.value;
  termExtents = emitter.role.extents;
  emitter.role = {};
  return value;
}

void FactorEmitter::bindSum(const ir::Point& at, Value sum) {
  ThreadEmitter& emitter = frame.emitter;
  emitter.role = {Kind::sum, {}, sum, -1, {}};
  emitter.bindElement(root->getResult(0), cast<ir::LoopOpInterface>(root).emitElement(emitter, at, {}));
  emitter.role = {};
}

} // namespace sinter::codegen::cuda
