// Random numbers.
#include "ir/ops.h"

#include "ir/element_arithmetic.h"
#include "ir/index_math.h"
#include "ir/operand_checks.h"
#include "sinter/runtime/eager/random.h"

#include <array>

using namespace mlir;

#define GET_OP_CLASSES
#include "ir/ops/random/random.cpp.inc"

namespace sinter::ir {

namespace {

using eager::Philox;

// Philox on numbers of 64 bits, of which the lower 32 count: what is above them is dropped where they are
// multiplied, by instructions that do not read it anyway.
class PhiloxEmitter {
public:
  PhiloxEmitter(OpBuilder& builder, Location loc) : e(builder, loc) {}

  /// Number `position` % 4 of those for the counter (`position` / 4, `stream`).
  Value number(Value position, int64_t stream, Value seed);
  /// In f32.
  Value unit(Value number);

private:
  Value right(Value number, int64_t bits) {
    return arith::ShRUIOp::create(e.builder, e.loc, number, e.integer(bits, number));
  }
  Value low(Value number) { return e.both(number, e.integer(0xFFFFFFFF, number)); }
  Value mix(Value a, Value b, Value c) {
    return arith::XOrIOp::create(e.builder, e.loc, arith::XOrIOp::create(e.builder, e.loc, a, b), c);
  }
  Value hasBit(Value number, int64_t bit) {
    return e.compareI(arith::CmpIPredicate::ne, e.both(number, e.integer(bit, number)), 0);
  }

  ElementArithmetic e;
};

Value PhiloxEmitter::number(Value position, int64_t stream, Value seed) {
  Value group = right(position, 2);
  std::array<Value, 4> counter{group, right(group, 32), e.integer(stream, group),
                               e.integer(stream >> 32, group)};
  std::array<Value, 2> key{seed, right(seed, 32)};
  for (int round = 0; round < Philox::kRounds; ++round) {
    Value first = e.mulI(low(counter[0]), e.integer(Philox::kMultipliers[0], group));
    Value second = e.mulI(low(counter[2]), e.integer(Philox::kMultipliers[1], group));
    counter = {mix(right(second, 32), counter[1], key[0]), second, mix(right(first, 32), counter[3], key[1]),
               first};
    for (size_t i = 0; i < key.size(); ++i)
      key[i] = e.addI(key[i], e.integer(Philox::kWeyl[i], group));
  }
  Value isOdd = hasBit(position, 1);
  return e.choose(hasBit(position, 2), e.choose(isOdd, counter[3], counter[2]),
                  e.choose(isOdd, counter[1], counter[0]));
}

Value PhiloxEmitter::unit(Value number) {
  Value kept = right(low(number), eager::kDroppedRandomBits);
  Value bits = arith::TruncIOp::create(e.builder, e.loc, shapedLike(e.builder.getI32Type(), kept), kept);
  // Not negative: the signed conversion is the cheaper one.
  Value whole = arith::SIToFPOp::create(e.builder, e.loc, shapedLike(e.builder.getF32Type(), bits), bits);
  return e.mul(whole, eager::kRandomUnit);
}

// In row-major order.
Value positionIn(ArrayRef<int64_t> shape, LoopEmitter& emitter, const Point& at) {
  IndexMath math(emitter);
  Value position = emitter.index(0);
  for (const auto& [extent, coord] : llvm::zip_equal(shape, at)) {
    if (extent == 1)
      continue;
    position = math.add(math.mul(position, math.number(extent, position)), math.of(coord));
  }
  Value lanes = emitter.splat(position);
  return arith::IndexCastOp::create(emitter.builder, emitter.loc,
                                    shapedLike(emitter.builder.getI64Type(), lanes), lanes);
}

} // namespace

LogicalResult RandomUniformOp::inferReturnTypes(MLIRContext* context, std::optional<Location> location,
                                                ValueRange operands, DictionaryAttr attributes,
                                                OpaqueProperties properties, RegionRange regions,
                                                SmallVectorImpl<Type>& types) {
  const StringRef name = getOperationName();
  Adaptor adaptor(operands, attributes, properties, regions);
  auto seed = staticOperand(location, name, adaptor.getSeed(), "seed");
  const DenseI64ArrayAttr shape = adaptor.getProperties().shape;
  if (failed(seed) ||
      failed(checkEntries(location, name, "shape", shape, shape ? static_cast<size_t>(shape.size()) : 0, 0)))
    return failure();
  if (seed->getRank() != 0 || !isa<IntegerType>(seed->getElementType()))
    return emitOptionalError(location, name, ": the seed ", *seed, " is not one number of i32 or i64");
  return addResult(location, name, shape.asArrayRef(), Float32Type::get(context), {}, types);
}

void RandomUniformOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::random_uniform(operands[0], static_cast<int64_t>(getStream()), results[0]);
}

Value RandomUniformOp::emitElement(LoopEmitter& emitter, const Point& at, ValueRange) {
  OpBuilder& builder = emitter.builder;
  Value seed = emitter.splat(emitter.element(getSeed(), {}));
  const Type wide = shapedLike(builder.getI64Type(), seed);
  if (seed.getType() != wide)
    seed = arith::ExtSIOp::create(builder, emitter.loc, wide, seed);
  PhiloxEmitter philox(builder, emitter.loc);
  Value position = positionIn(tensorType(getResult()).getShape(), emitter, at);
  return philox.unit(philox.number(position, static_cast<int64_t>(getStream()), seed));
}

double RandomUniformOp::getFlops() {
  constexpr double perNumber = 6 * Philox::kRounds; // two products, four exclusive ors a round
  return perNumber * resultElements(*this);
}

} // namespace sinter::ir
