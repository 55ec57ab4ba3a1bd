// Emission of sums of products.
#include "ir/ops/contract/accumulate.h"

#include "ir/index_math.h"
#include "ir/precision.h"

using namespace mlir;

namespace sinter::ir {

namespace {

// f16 and bf16 are summed in f32.
class SumOfProducts {
public:
  SumOfProducts(LoopEmitter& emitter, Type element)
      : emitter_(emitter), stored_(emittedType(element)),
        narrow_(isa<FloatType>(stored_) && stored_.getIntOrFloatBitWidth() < 32),
        type_(narrow_ ? emitter.builder.getF32Type() : stored_) {}

  Type type() const { return type_; }

  std::pair<Value, Value> widened(std::pair<Value, Value> factors) const {
    return {widened(factors.first), widened(factors.second)};
  }

  Value product(std::pair<Value, Value> factors) const {
    const Value left = emitter_.splat(widened(factors.first)),
                right = emitter_.splat(widened(factors.second));
    if (!isa<FloatType>(type_))
      return arith::MulIOp::create(emitter_.builder, emitter_.loc, left, right);
    return arith::MulFOp::create(emitter_.builder, emitter_.loc, left, right, arith::FastMathFlags::contract);
  }

  Value plus(Value sum, Value product) const {
    if (!isa<FloatType>(type_))
      return arith::AddIOp::create(emitter_.builder, emitter_.loc, sum, product);
    return arith::AddFOp::create(emitter_.builder, emitter_.loc, sum, product,
                                 arith::FastMathFlags::contract);
  }

  Value stored(Value sum) const {
    return narrow_ ? narrowed(emitter_.builder, emitter_.loc, sum, stored_) : sum;
  }

private:
  static Type typeLike(Value value, Type element) {
    auto vector = dyn_cast<VectorType>(value.getType());
    return vector ? vector.clone(element) : element;
  }

  Value widened(Value value) const {
    return narrow_ ? arith::ExtFOp::create(emitter_.builder, emitter_.loc, typeLike(value, type_), value)
                   : value;
  }

  LoopEmitter& emitter_;
  Type stored_;
  bool narrow_;
  Type type_;
};

} // namespace

Value emitProducts(LoopEmitter& emitter, ArrayRef<int64_t> extents, Type element,
                   function_ref<std::pair<Value, Value>(ArrayRef<Value> index)> factors) {
  const SumOfProducts sum(emitter, element);
  const auto widened = [&](ArrayRef<Value> index) { return sum.widened(factors(index)); };
  if (Value total = emitter.products(extents, sum.type(), widened))
    return sum.stored(total);
  const auto body = [&](ArrayRef<Value> index, ValueRange carried) -> SmallVector<Value> {
    return {sum.plus(carried[0], sum.product(factors(index)))};
  };
  return sum.stored(emitter.loop(extents, {emitter.constant(0, sum.type())}, body)[0]);
}

Value emitLongProducts(LoopEmitter& emitter, ArrayRef<int64_t> extents, Type element,
                       function_ref<std::pair<Value, Value>(const Point& index)> factors) {
  const SumOfProducts sum(emitter, element);
  const auto widened = [&](ArrayRef<Value> index) {
    return sum.widened(factors(Point(llvm::map_range(index, [&](Value at) { return emitter.at(at); }))));
  };
  if (Value total = emitter.products(extents, sum.type(), widened))
    return sum.stored(total);
  const Point start(extents.size(), emitter.at(int64_t{0}));
  const auto axes = llvm::to_vector(llvm::seq<int64_t>(0, static_cast<int64_t>(extents.size())));
  return sum.stored(emitter.reduce(extents, axes, start, Combine::add, sum.type(),
                                   [&](const Point& index) { return sum.product(factors(index)); }));
}

} // namespace sinter::ir
