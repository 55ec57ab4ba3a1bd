// Resampling.
#include "ir/ops.h"

#include "ir/index_math.h"
#include "ir/operand_checks.h"
#include "sinter/runtime/eager/resize.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

#include "ir/ops/shape/resize_enums.cpp.inc"

#define GET_OP_CLASSES
#include "ir/ops/shape/resize.cpp.inc"

namespace sinter::ir {
namespace {

constexpr size_t kMaxInterpolated = 3;

bool isChanged(RankedTensorType input, ArrayRef<int64_t> sizes, ArrayRef<double> scales, size_t d) {
  return input.getShape()[d] != sizes[d] || scales[d] != 1.0;
}

// The source positions of one dimension: `first`, and with `weight` (f32, null if all of it is at `first`)
// `second`.
struct SamplePoint {
  Coord first, second;
  Value weight;
};

// Emits source positions, in the same f32 arithmetic as the eager kernel, so that both pick the same
// neighbours.
class Sampler {
public:
  Sampler(ResizeOp op, LoopEmitter& emitter) : op(op), emitter(emitter), math(emitter) {}

  SamplePoint sample(size_t d, const Coord& at) {
    const auto input = tensorType(op.getInput()), result = tensorType(op.getResult());
    if (!isChanged(input, result.getShape(), op.getScales(), d))
      return {at, {}, {}};
    in = input.getShape()[d];
    out = result.getShape()[d];
    scale = static_cast<float>(op.getScales()[d]);
    if (op.getMode() == ResizeMode::nearest && dividesExactly()) {
      const auto factor = static_cast<int64_t>(scale);
      const Value position = math.div(math.of(at), factor);
      return {math.coord((out - 1) / factor < in ? position : math.min(position, in - 1)), {}, {}};
    }
    Value position = sourcePosition(math.of(at));
    if (op.getMode() == ResizeMode::nearest)
      position = rounded(position);
    position = clamped(position);
    const Value floor = math::FloorOp::create(emitter.builder, emitter.loc, position);
    const Value first = math.min(math.toIndex(floor, isWide()), in - 1);
    if (op.getMode() == ResizeMode::nearest)
      return {math.coord(first), {}, {}};
    const Value second = math.min(math.add(first, math.number(1, first)), in - 1);
    return {math.coord(first), math.coord(second),
            arith::SubFOp::create(emitter.builder, emitter.loc, position, floor)};
  }

private:
  bool isWide() const { return std::max(in, out) > std::numeric_limits<int32_t>::max(); }

  // Whole upscaling factors pick the neighbour that an integer division picks; as long as f32 is exact,
  // provably so.
  bool dividesExactly() {
    const bool exact = scale >= 1 && scale == std::floor(scale) && std::max(in, out) < (1 << 20);
    const auto rounding = op.getRounding();
    switch (op.getCoordinates()) {
    case ResizeCoordinates::asymmetric:
      return exact && rounding == ResizeRounding::floor;
    case ResizeCoordinates::half_pixel:
      return exact && (rounding == ResizeRounding::round_prefer_floor ||
                       rounding == ResizeRounding::round_prefer_ceil);
    default:
      return false;
    }
  }

  Value sourcePosition(Value at) {
    OpBuilder& builder = emitter.builder;
    const Location loc = emitter.loc;
    Value x = math.toFloat(at, builder.getF32Type(), isWide());
    switch (op.getCoordinates()) {
    case ResizeCoordinates::pytorch_half_pixel:
      if (out == 1)
        return math.real(0, x);
      [[fallthrough]];
    case ResizeCoordinates::half_pixel:
      x = arith::AddFOp::create(builder, loc, x, math.real(0.5, x));
      x = arith::DivFOp::create(builder, loc, x, math.real(scale, x));
      return arith::SubFOp::create(builder, loc, x, math.real(0.5, x));
    case ResizeCoordinates::align_corners:
      if (out == 1)
        return math.real(0, x);
      x = arith::MulFOp::create(builder, loc, x, math.real(static_cast<float>(in - 1), x));
      return arith::DivFOp::create(builder, loc, x, math.real(static_cast<float>(out - 1), x));
    case ResizeCoordinates::asymmetric:
      return arith::DivFOp::create(builder, loc, x, math.real(scale, x));
    }
    return x;
  }

  Value rounded(Value x) {
    OpBuilder& builder = emitter.builder;
    const Location loc = emitter.loc;
    switch (op.getRounding()) {
    case ResizeRounding::round_prefer_floor:
      x = arith::SubFOp::create(builder, loc, x, math.real(0.5, x));
      return math::CeilOp::create(builder, loc, x);
    case ResizeRounding::round_prefer_ceil:
      x = arith::AddFOp::create(builder, loc, x, math.real(0.5, x));
      return math::FloorOp::create(builder, loc, x);
    case ResizeRounding::floor:
      return math::FloorOp::create(builder, loc, x);
    case ResizeRounding::ceil:
      return math::CeilOp::create(builder, loc, x);
    }
    return x;
  }

  Value clamped(Value x) {
    x = arith::MaximumFOp::create(emitter.builder, emitter.loc, x, math.real(0, x));
    return arith::MinimumFOp::create(emitter.builder, emitter.loc, x,
                                     math.real(static_cast<float>(in - 1), x));
  }

  ResizeOp op;
  LoopEmitter& emitter;
  IndexMath math;
  int64_t in = 1, out = 1;
  float scale = 1;
};

// An f32 number as one of `element`, at the lanes of the emitter.
Value toElement(LoopEmitter& emitter, Value number, Type element) {
  number = emitter.splat(number);
  Type type = element;
  if (auto vector = dyn_cast<VectorType>(number.getType()))
    type = vector.clone(element);
  if (element.getIntOrFloatBitWidth() > 32)
    return arith::ExtFOp::create(emitter.builder, emitter.loc, type, number);
  if (element.getIntOrFloatBitWidth() < 32)
    return narrowed(emitter.builder, emitter.loc, number, element);
  return number;
}

// The input at `samples`, interpolated dimension by dimension from `d` on.
Value interpolate(LoopEmitter& emitter, ResizeOp op, ArrayRef<SamplePoint> samples, size_t d, Point& source) {
  if (d == samples.size())
    return emitter.element(op.getInput(), source);
  source[d] = samples[d].first;
  const Value first = interpolate(emitter, op, samples, d + 1, source);
  if (!samples[d].weight)
    return first;
  source[d] = samples[d].second;
  const Value second = interpolate(emitter, op, samples, d + 1, source);
  const Type element = tensorType(op.getInput()).getElementType();
  const Value weight = toElement(emitter, samples[d].weight, element);
  const Value rest =
      arith::SubFOp::create(emitter.builder, emitter.loc, emitter.constant(1, element), weight);
  return emitter.combine(Combine::add, element, emitter.combine(Combine::mul, element, first, rest),
                         emitter.combine(Combine::mul, element, second, weight));
}

} // namespace

LogicalResult ResizeOp::inferReturnTypes(MLIRContext*, std::optional<Location> location, ValueRange operands,
                                         DictionaryAttr attributes, OpaqueProperties properties,
                                         RegionRange regions, SmallVectorImpl<Type>& types) {
  const StringRef name = getOperationName();
  Adaptor adaptor(operands, attributes, properties, regions);
  auto input = staticOperand(location, name, adaptor.getInput(), "input");
  if (failed(input))
    return failure();
  const auto rank = static_cast<size_t>(input->getRank());
  const DenseI64ArrayAttr sizes = adaptor.getProperties().sizes;
  const DenseF64ArrayAttr scales = adaptor.getProperties().scales;
  if (failed(checkEntries(location, name, "sizes", sizes, rank, 0)))
    return failure();
  if (!scales || static_cast<size_t>(scales.size()) != rank)
    return emitOptionalError(location, name, ": scales has ", scales ? scales.size() : 0, " entries; input ",
                             *input, " needs ", rank);
  size_t changed = 0;
  for (size_t d = 0; d < rank; ++d) {
    const auto scale = static_cast<float>(scales[d]);
    if (!(scale > 0) || !std::isfinite(scale))
      return emitOptionalError(location, name, ": scale ", scales[d], " of dimension ", d,
                               " is not a positive number");
    if (input->getShape()[d] == 0 && sizes[d] != 0)
      return emitOptionalError(location, name, ": input ", *input, " has nothing to sample in dimension ", d,
                               " for sizes ", text(sizes.asArrayRef()));
    changed += isChanged(*input, sizes.asArrayRef(), scales.asArrayRef(), d);
  }
  if (adaptor.getMode() == ResizeMode::linear && changed > kMaxInterpolated)
    return emitOptionalError(location, name, ": mode linear changes ", changed, " dimensions of input ",
                             *input, "; at most ", kMaxInterpolated, " are supported");
  return addResult(location, name, sizes.asArrayRef(), input->getElementType(), {}, types);
}

eager::ResizeGeometry ResizeOp::eagerGeometry() {
  // The enumerations agree case by case.
  eager::ResizeGeometry geometry{static_cast<eager::ResizeMode>(getMode()),
                                 static_cast<eager::ResizeCoordinates>(getCoordinates()),
                                 static_cast<eager::ResizeRounding>(getRounding()),
                                 {}};
  llvm::copy(getScales(), geometry.scales.begin());
  return geometry;
}

void ResizeOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::resize(operands[0], results[0], eagerGeometry());
}

double ResizeOp::getFlops() {
  if (getMode() == ResizeMode::nearest)
    return 0;
  double mixes = 1;
  for (size_t d = 0; d < getScales().size(); ++d)
    mixes *= isChanged(tensorType(getInput()), getSizes(), getScales(), d) ? 2 : 1;
  return 3 * (mixes - 1) * resultElements(*this);
}

Value ResizeOp::emitElement(LoopEmitter& emitter, const Point& at, ValueRange) {
  Sampler sampler(*this, emitter);
  SmallVector<SamplePoint> samples;
  for (size_t d = 0; d < at.size(); ++d)
    samples.push_back(sampler.sample(d, at[d]));
  Point source(at.size());
  return interpolate(emitter, *this, samples, 0, source);
}

bool ResizeOp::runsBlocked(int64_t) {
  return getSizes().size() > 1 && getSizes().take_front(2) == tensorType(getInput()).getShape().take_front(2);
}

} // namespace sinter::ir
