// Positions that are elements of a tensor.
#include "ir/ops/index/data_index.h"

#include "ir/index_math.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace sinter::ir {

Coord indexAt(LoopEmitter& emitter, Value indices, const Point& position, int64_t extent) {
  IndexMath math(emitter);
  Value index = emitter.element(indices, position);
  const bool sameForAllLanes =
      llvm::all_of(position, [](const Coord& coord) { return !coord.perLane && coord.laneStride == 0; });
  if (sameForAllLanes && isa<VectorType>(index.getType()))
    index = vector::ExtractOp::create(emitter.builder, emitter.loc, index, ArrayRef<int64_t>{0});
  Type type = emitter.builder.getIndexType();
  if (auto lanes = dyn_cast<VectorType>(index.getType()))
    type = lanes.clone(type);
  index = arith::IndexCastOp::create(emitter.builder, emitter.loc, type, index);
  const Value fromEnd = math.add(index, math.number(extent, index));
  const Value negative = math.compare(arith::CmpIPredicate::slt, index, math.number(0, index));
  return math.coord(math.min(math.max(math.select(negative, fromEnd, index), 0), extent - 1));
}

} // namespace sinter::ir
