// Emission of sums of products.
#include "ir/ops/contract/accumulate.h"

#include "ir/index_math.h"

using namespace mlir;

namespace sinter::ir {

Value emitProducts(LoopEmitter& emitter, ArrayRef<int64_t> extents, Type element,
                   function_ref<std::pair<Value, Value>(ArrayRef<Value> index)> factors) {
  OpBuilder& builder = emitter.builder;
  const Location loc = emitter.loc;
  const Type stored = emittedType(element);
  const bool narrow = isa<FloatType>(stored) && stored.getIntOrFloatBitWidth() < 32;
  const Type sumType = narrow ? builder.getF32Type() : stored;
  auto widen = [&](Value value) -> Value {
    if (!narrow)
      return value;
    Type type = sumType;
    if (auto vector = dyn_cast<VectorType>(value.getType()))
      type = vector.clone(sumType);
    return arith::ExtFOp::create(builder, loc, type, value);
  };
  auto body = [&](ArrayRef<Value> index, ValueRange carried) -> SmallVector<Value> {
    auto [a, b] = factors(index);
    const Value left = emitter.splat(widen(a)), right = emitter.splat(widen(b));
    if (!isa<FloatType>(sumType))
      return {
          arith::AddIOp::create(builder, loc, carried[0], arith::MulIOp::create(builder, loc, left, right))};
    const auto contract = arith::FastMathFlags::contract;
    Value product = arith::MulFOp::create(builder, loc, left, right, contract);
    return {arith::AddFOp::create(builder, loc, carried[0], product, contract)};
  };
  const Value sum = emitter.loop(extents, {emitter.constant(0, sumType)}, body)[0];
  if (!narrow)
    return sum;
  Type type = stored;
  if (auto vector = dyn_cast<VectorType>(sum.getType()))
    type = vector.clone(stored);
  return arith::TruncFOp::create(builder, loc, type, sum);
}

} // namespace sinter::ir
