// Movement operations as loops: each turns a position in its result into positions in its operands.
#include "ir/ops.h"

#include "ir/index_math.h"

using namespace mlir;

namespace sinter::ir {
namespace {

// Dimensions [inBegin, inEnd) of the input and [outBegin, outEnd) of the result hold the same elements: what
// a reshape splits into so that untouched dimensions need no division.
struct ReshapeGroup {
  size_t inBegin, inEnd, outBegin, outEnd;
};

SmallVector<ReshapeGroup> reshapeGroups(ArrayRef<int64_t> in, ArrayRef<int64_t> out) {
  if (llvm::is_contained(in, 0))
    return {{0, in.size(), 0, out.size()}};
  SmallVector<ReshapeGroup> groups;
  size_t i = 0, o = 0;
  while (i < in.size() || o < out.size()) {
    const size_t inBegin = i, outBegin = o;
    int64_t inElements = i < in.size() ? in[i++] : 1, outElements = o < out.size() ? out[o++] : 1;
    while (inElements != outElements) {
      if (inElements < outElements)
        inElements *= in[i++];
      else
        outElements *= out[o++];
    }
    groups.push_back({inBegin, i, outBegin, o});
  }
  return groups;
}

// The row-major number of `at` within `shape`.
Coord linearise(LoopEmitter& emitter, ArrayRef<Coord> at, ArrayRef<int64_t> shape) {
  Coord linear = emitter.at(int64_t{0});
  bool first = true;
  for (auto [coord, extent] : llvm::zip(at, shape)) {
    if (extent == 1)
      continue;
    linear = first ? coord : emitter.add(emitter.affine(linear, extent, 0), coord);
    first = false;
  }
  return linear;
}

// The other way round.
void delinearise(LoopEmitter& emitter, const Coord& linear, ArrayRef<int64_t> shape, Point& to) {
  const size_t start = to.size();
  to.resize(start + shape.size(), emitter.at(int64_t{0}));
  SmallVector<size_t> dims; // of more than one position
  for (size_t d = 0; d < shape.size(); ++d)
    if (shape[d] > 1)
      dims.push_back(d);
  if (dims.size() == 1)
    to[start + dims[0]] = linear;
  if (dims.size() < 2)
    return;
  IndexMath math(emitter);
  Value rest = math.of(linear);
  for (size_t d : llvm::reverse(dims)) {
    const bool outermost = d == dims.front();
    to[start + d] = math.coord(outermost ? rest : math.rem(rest, shape[d]));
    if (!outermost)
      rest = math.div(rest, shape[d]);
  }
}

} // namespace

Value ReshapeOp::emitElement(LoopEmitter& emitter, const Point& at, ValueRange) {
  const auto in = tensorType(getInput()).getShape(), out = tensorType(getResult()).getShape();
  Point source;
  for (const ReshapeGroup& group : reshapeGroups(in, out)) {
    const size_t count = group.outEnd - group.outBegin;
    const Coord linear = linearise(emitter, ArrayRef<Coord>(at).slice(group.outBegin, count),
                                   out.slice(group.outBegin, count));
    delinearise(emitter, linear, in.slice(group.inBegin, group.inEnd - group.inBegin), source);
  }
  return emitter.element(getInput(), source);
}

Value TransposeOp::emitElement(LoopEmitter& emitter, const Point& at, ValueRange) {
  Point source(at.size());
  for (auto [d, from] : llvm::enumerate(getPermutation()))
    source[static_cast<size_t>(from)] = at[d];
  return emitter.element(getInput(), source);
}

Value SliceOp::emitElement(LoopEmitter& emitter, const Point& at, ValueRange) {
  Point source;
  for (size_t d = 0; d < at.size(); ++d)
    source.push_back(emitter.affine(at[d], getSteps()[d], getStarts()[d]));
  return emitter.element(getInput(), source);
}

Value ConcatOp::emitElement(LoopEmitter& emitter, const Point& at, ValueRange) {
  // Each input stands in for what lies outside the ones before it.
  const auto axis = static_cast<size_t>(getAxis());
  Value value = emitter.constant(0, tensorType(getResult()).getElementType());
  int64_t start = 0;
  for (Value input : getInputs()) {
    const int64_t extent = tensorType(input).getShape()[axis];
    Point source = at;
    source[axis] = emitter.affine(at[axis], 1, -start);
    start += extent;
    if (getInputs().size() == 1)
      return emitter.element(input, source);
    if (extent > 0)
      value = emitter.elementOr(input, source, value);
  }
  return value;
}

Value PadOp::emitElement(LoopEmitter& emitter, const Point& at, ValueRange) {
  const auto in = tensorType(getInput()), out = tensorType(getResult());
  IndexMath math(emitter);
  bool outside = false;
  Point source;
  for (size_t d = 0; d < at.size(); ++d) {
    const int64_t extent = in.getShape()[d], low = getLow()[d], high = getHigh()[d];
    source.push_back(emitter.affine(at[d], 1, -low));
    if (low <= 0 && high <= 0)
      continue;
    outside = true;
    if (getMode() == PadMode::constant)
      continue;
    Value position = math.of(source.back());
    if (getMode() == PadMode::edge) {
      position = math.min(math.max(position, 0), extent - 1);
    } else {
      // Mirrored at the first element, then at the last.
      const Value zero = math.number(0, position), last = math.number(2 * (extent - 1), position);
      position = arith::MaxSIOp::create(emitter.builder, emitter.loc, position, math.sub(zero, position));
      position = arith::MinSIOp::create(emitter.builder, emitter.loc, position, math.sub(last, position));
    }
    source.back() = math.coord(position);
  }
  if (!outside || getMode() != PadMode::constant)
    return emitter.element(getInput(), source);
  const Value value = emitter.constant(getValue().convertToDouble(), out.getElementType());
  return emitter.elementOr(getInput(), source, value);
}

Value BroadcastToOp::emitElement(LoopEmitter& emitter, const Point& at, ValueRange) {
  return emitter.element(getInput(), emitter.broadcast(at, tensorType(getInput()).getShape()));
}

Value ConvertLayoutOp::emitElement(LoopEmitter& emitter, const Point& at, ValueRange) {
  return emitter.element(getInput(), at);
}

} // namespace sinter::ir
