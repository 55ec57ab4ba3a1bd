// Loops that carry values, and reductions: along the lanes of the kernel, or across lanes of their own.
#include "codegen/loops/vector_emitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <numeric>

using namespace mlir;

namespace sinter::codegen {
namespace {

constexpr int64_t kUnroll = 9;           // a 3x3 window
constexpr int64_t kAccumulators = 4;     // hides the latency of an addition
constexpr int64_t kLongVectors = 16;     // from how many vectors on several accumulators pay
constexpr int64_t kCheapOperations = 24; // more work than this in a round hides the latency by itself
constexpr int64_t kMathOperations = 15;  // what one mathematical function will be expanded to

int64_t operationsIn(Block& block) {
  int64_t count = 0;
  block.walk([&](Operation* op) { count += isa<math::MathDialect>(op->getDialect()) ? kMathOperations : 1; });
  return count;
}

int64_t product(ArrayRef<int64_t> extents) {
  return std::accumulate(extents.begin(), extents.end(), int64_t{1}, std::multiplies<>());
}

} // namespace

scf::ForOp VectorEmitter::forLoop(Value low, Value high, int64_t step, IndexFact known,
                                  function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(builder, loc, low, high, index(step));
  facts.set(loop.getInductionVar(), known);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(loop.getBody()->getTerminator());
  body(loop.getInductionVar());
  return loop;
}

SmallVector<Value> VectorEmitter::forCarrying(int64_t low, int64_t high, int64_t step, ValueRange init,
                                              function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  if (high <= low)
    return SmallVector<Value>(init);
  if (high - low <= step)
    return body(index(low), init);
  auto loop = scf::ForOp::create(builder, loc, index(low), index(high), index(step), init);
  const int64_t last = low + (high - low - 1) / step * step;
  facts.set(loop.getInductionVar(), {low, last, std::gcd(low, step)});
  OpBuilder::InsertionGuard guard(builder);
  if (init.empty()) {
    builder.setInsertionPoint(loop.getBody()->getTerminator());
    body(loop.getInductionVar(), {});
    return {};
  }
  builder.setInsertionPointToEnd(loop.getBody());
  const SmallVector<Value> carried = body(loop.getInductionVar(), loop.getRegionIterArgs());
  scf::YieldOp::create(builder, loc, carried);
  return SmallVector<Value>(loop.getResults());
}

SmallVector<Value> VectorEmitter::loop(ArrayRef<int64_t> extents, ValueRange init,
                                       function_ref<SmallVector<Value>(ArrayRef<Value>, ValueRange)> body) {
  if (product(extents) == 0)
    return SmallVector<Value>(init);
  size_t unrolledFrom = extents.size();
  while (unrolledFrom > 0 && product(extents.drop_front(unrolledFrom - 1)) <= kUnroll)
    --unrolledFrom;
  SmallVector<Value> position(extents.size());
  auto nest = [&](auto& self, size_t d, ValueRange carried) -> SmallVector<Value> {
    if (d == extents.size())
      return body(position, carried);
    if (d < unrolledFrom)
      return forCarrying(0, extents[d], 1, carried, [&](Value at, ValueRange values) {
        position[d] = at;
        return self(self, d + 1, values);
      });
    SmallVector<Value> values(carried);
    for (int64_t i = 0; i < extents[d]; ++i) {
      position[d] = index(i);
      values = self(self, d + 1, values);
    }
    return values;
  };
  return nest(nest, 0, init);
}

//===-- Reductions ----------------------------------------------------------------------------------===//

// The reduced axis whose neighbours are neighbours in memory, if it is long enough to fill vectors.
std::optional<size_t> VectorEmitter::laneAxis(ArrayRef<int64_t> shape, ArrayRef<int64_t> axes) const {
  if (axes.empty())
    return std::nullopt;
  int64_t innermost = axes.back();
  while (innermost > 0 && shape[static_cast<size_t>(innermost)] == 1 &&
         llvm::is_contained(axes, innermost - 1))
    --innermost;
  Value input = emitting && emitting->getNumOperands() > 0 ? emitting->getOperand(0) : Value();
  if (input && ir::tensorType(input).getShape() == shape) {
    const SmallVector<int64_t> order = groups.order(ir::tensorType(input));
    ir::LayoutAttr layout = ir::layoutOf(input);
    innermost = -1;
    for (int64_t dim : llvm::reverse(order))
      if (innermost < 0 && shape[static_cast<size_t>(dim)] > 1)
        innermost = dim;
    if (layout && layout.getBlock() > 1)
      innermost = layout.getBlocked();
  }
  const auto* found = llvm::find(axes, innermost);
  if (found == axes.end() || shape[static_cast<size_t>(innermost)] < reductionLanes)
    return std::nullopt;
  return static_cast<size_t>(found - axes.begin());
}

// Trailing axes of an operand that lies in memory row by row are one long run. Only for operations that read
// nothing but that operand while they reduce: a flat position means nothing to another tensor.
bool VectorEmitter::isOneRun(ArrayRef<int64_t> shape, ArrayRef<int64_t> axes) {
  auto fusion = dyn_cast_or_null<ir::FusionOpInterface>(emitting);
  if (!fusion || axes.size() < 2)
    return false;
  const bool readsOne = fusion.getFusionClass() == ir::FusionClass::reduction ||
                        fusion.getFusionClass() == ir::FusionClass::normalization;
  for (size_t i = 0; i < axes.size(); ++i)
    if (axes[i] != static_cast<int64_t>(shape.size() - axes.size() + i))
      return false;
  Value input = emitting->getOperand(0);
  return readsOne && !ir::layoutOf(input) && shapeOf(input) == SmallVector<int64_t>(shape) && viewOf(input);
}

Value VectorEmitter::reduce(ArrayRef<int64_t> shape, ArrayRef<int64_t> axes, const ir::Point& at,
                            ir::Combine how, Type elementType,
                            function_ref<Value(const ir::Point&)> element) {
  SmallVector<int64_t> extents;
  for (int64_t axis : axes)
    extents.push_back(shape[static_cast<size_t>(axis)]);
  if (product(extents) == 0)
    return neutral(how, elementType);
  SmallVector<int64_t> flat(shape);
  if (isOneRun(shape, axes)) {
    for (int64_t axis : axes)
      flat[static_cast<size_t>(axis)] = 1;
    flat[static_cast<size_t>(axes.back())] = product(extents);
  }
  const auto axis = laneAxis(flat, axes);
  if (width_ == 1 && axis)
    return reduceAcrossLanes(flat, axes, *axis, at, how, elementType, element);
  hasLongReduction |= axis.has_value();
  longReduction += axis.has_value();
  Value init = neutral(how, elementType);
  const auto folded =
      loop(extents, init, [&](ArrayRef<Value> index, ValueRange carried) -> SmallVector<Value> {
        ir::Point inner = at;
        for (size_t i = 0; i < axes.size(); ++i)
          inner[static_cast<size_t>(axes[i])] = this->at(index[i]);
        return {combine(how, elementType, carried[0], splat(element(inner)))};
      });
  longReduction -= axis.has_value();
  return folded[0];
}

Value VectorEmitter::reduceAcrossLanes(ArrayRef<int64_t> shape, ArrayRef<int64_t> axes, size_t laneAxis,
                                       const ir::Point& at, ir::Combine how, Type elementType,
                                       function_ref<Value(const ir::Point&)> element) {
  const bool beyond = lanesBeyondExtent;
  const int64_t lanes = reductionLanes;
  const auto laneDim = static_cast<size_t>(axes[laneAxis]);
  const int64_t vectors = shape[laneDim] / lanes;
  const int64_t rest = shape[laneDim] % lanes;
  SmallVector<int64_t> outer;
  for (size_t i = 0; i < axes.size(); ++i)
    if (i != laneAxis)
      outer.push_back(shape[static_cast<size_t>(axes[i])]);

  setLanes(lanes, lanes);
  const SmallVector<Value> init(vectors >= kLongVectors ? kAccumulators : 1, neutral(how, elementType));
  SmallVector<Value> folded = loop(outer, init, [&](ArrayRef<Value> index, ValueRange carried) {
    ir::Point inner = at;
    for (size_t i = 0, next = 0; i < axes.size(); ++i)
      if (i != laneAxis)
        inner[static_cast<size_t>(axes[i])] = this->at(index[next++]);
    auto add = [&](Value into, Value position) -> Value {
      inner[laneDim] = {position, 1, {}};
      Value value = splat(element(inner));
      if (active_ < lanes)
        value = arith::SelectOp::create(builder, loc, memory.prefixMask(lanes, active_), value,
                                        neutral(how, elementType));
      return combine(how, elementType, into, value);
    };
    SmallVector<Value> values = foldVectors(vectors, carried, add);
    if (rest > 0) {
      setLanes(lanes, rest);
      values[0] = add(values[0], this->index(vectors * lanes));
      setLanes(lanes, lanes);
    }
    return values;
  });
  for (size_t i = 1; i < folded.size(); ++i)
    folded[0] = combine(how, elementType, folded[0], folded[i]);
  setLanes(1, 1);
  lanesBeyondExtent = beyond;
  return foldLanes(how, elementType, folded[0]);
}

// Folds whole vectors into the accumulators, one after the other: as many in a round as there are
// accumulators, unless the element takes so much arithmetic that the latency of the folding does not show.
SmallVector<Value> VectorEmitter::foldVectors(int64_t vectors, ValueRange accumulators,
                                              function_ref<Value(Value, Value)> add) {
  const auto most = static_cast<int64_t>(accumulators.size());
  auto one = [&](Value position, ValueRange carried) -> SmallVector<Value> {
    return {add(carried[0], position)};
  };
  if (most == 1)
    return forCarrying(0, vectors * width_, width_, accumulators, one);
  const int64_t last = (vectors - 1) * width_;
  auto rounds = scf::ForOp::create(builder, loc, index(0), index(0), index(width_), accumulators);
  facts.set(rounds.getInductionVar(), {0, last, width_});
  SmallVector<Value> next(rounds.getRegionIterArgs());
  int64_t together = 0;
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToEnd(rounds.getBody());
    while (together < most && operationsIn(*rounds.getBody()) < kCheapOperations) {
      Value position = rounds.getInductionVar();
      if (together > 0) {
        position = arith::AddIOp::create(builder, loc, position, index(together * width_));
        facts.set(position, {0, last, width_});
      }
      next[static_cast<size_t>(together)] = add(next[static_cast<size_t>(together)], position);
      ++together;
    }
    scf::YieldOp::create(builder, loc, next);
  }
  const int64_t inRounds = vectors / together * together * width_;
  builder.setInsertionPoint(rounds);
  rounds.setUpperBound(index(inRounds));
  rounds.setStep(index(together * width_));
  builder.setInsertionPointAfter(rounds);
  SmallVector<Value> values(rounds.getResults());
  values[0] = forCarrying(inRounds, vectors * width_, width_, ValueRange{values[0]}, one)[0];
  return values;
}

Value VectorEmitter::foldLanes(ir::Combine how, Type element, Value vector) {
  for (int64_t half = cast<VectorType>(vector.getType()).getNumElements() / 2; half > 0; half /= 2) {
    SmallVector<int32_t> low, high;
    for (int64_t lane = 0; lane < half; ++lane) {
      low.push_back(static_cast<int32_t>(lane));
      high.push_back(static_cast<int32_t>(lane + half));
    }
    Value left = LLVM::ShuffleVectorOp::create(builder, loc, vector, vector, low);
    Value right = LLVM::ShuffleVectorOp::create(builder, loc, vector, vector, high);
    vector = combine(how, element, left, right);
  }
  Value first = arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(0));
  return LLVM::ExtractElementOp::create(builder, loc, vector, first);
}

} // namespace sinter::codegen
