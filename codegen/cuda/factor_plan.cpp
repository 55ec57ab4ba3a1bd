// Plans are found by trial: a factor is emitted at a position, and what was emitted tells whether neighbours
// of that position are neighbours in memory.
#include "codegen/cuda/factor_plan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <algorithm>

using namespace mlir;

namespace sinter::codegen::cuda {
namespace {

using Factor = FactorEmitter::Kind;

// From the outermost in memory of the result to the innermost, before which are those of extent 1:
// neighbouring lines are stored together.
SmallVector<int64_t, 4> byMemory(RankedTensorType type, ArrayRef<int64_t> dims) {
  SmallVector<int64_t, 4> ordered;
  for (const bool isOne : {true, false})
    for (int64_t dim : DimensionGroups().order(type))
      if (llvm::is_contained(dims, dim) && (type.getDimSize(static_cast<unsigned>(dim)) == 1) == isOne)
        ordered.push_back(dim);
  return ordered;
}

SmallVector<int64_t, 4> endingIn(ArrayRef<int64_t> dims, int64_t last) {
  SmallVector<int64_t, 4> moved;
  for (int64_t dim : dims)
    if (dim != last)
      moved.push_back(dim);
  moved.push_back(last);
  return moved;
}

class Trials {
public:
  Trials(ir::KernelOp kernel, const ProductMatrix& matrix)
      : kernel(kernel), matrix(matrix), type(ir::tensorType(kernel.getRoot()->getResult(0))),
        element(ir::emittedType(type.getElementType())),
        width(kVectorBits / element.getIntOrFloatBitWidth()) {}

  FactorPlan plan();

private:
  ChunkPlan::Kind alongSum(Factor factor, int64_t innermost);
  ChunkPlan::Kind alongLines(Factor factor, ArrayRef<int64_t> order);
  ChunkPlan::Kind emitted(Factor factor, ArrayRef<int64_t> order, int64_t innermost, bool alongSum);
  ChunkPlan::Kind bestLines(Factor factor, SmallVector<int64_t, 4>& order);

  ir::KernelOp kernel;
  const ProductMatrix& matrix;
  RankedTensorType type;
  Type element;
  int64_t width;
  SmallVector<int64_t> termExtents;
};

ChunkPlan::Kind Trials::emitted(Factor factor, ArrayRef<int64_t> order, int64_t innermost, bool alongSum) {
  const DimensionGroups groups;
  KernelFrame frame(kernel, "trial", groups);
  FactorEmitter factors(frame, kernel.getRoot(), matrix);
  factors.lineOrders[factor == Factor::second].assign(order.begin(), order.end());
  factors.innermostTerm = innermost;
  IndexFacts& facts = frame.emitter.facts;
  Value batch = frame.calls.index("batch"), line = frame.calls.index("line"),
        term = frame.calls.index("term");
  const int64_t lines = factors.lines(factor);
  facts.set(batch, {0, matrix.batches - 1, 1});
  facts.set(line, alongSum ? IndexFact{0, lines - 1, 1} : IndexFact{0, lines - width, width});
  facts.set(term, alongSum ? IndexFact{0, matrix.terms - width, width} : IndexFact{0, matrix.terms - 1, 1});
  Value value = factors.element(factor, batch, line, term);
  termExtents = factors.termExtents;
  Neighbours neighbours(facts, alongSum ? term : line, width);
  if (const auto plain = PlainLoad::of(value, element);
      plain && neighbours.isRun(plain->load) && (!plain->inside || neighbours.step(plain->inside) == 0))
    return ChunkPlan::Kind::copies;
  // What is the same for all positions is no reason to bring them together.
  return neighbours.step(value) != 0 && neighbours.canWiden(value) ? ChunkPlan::Kind::widened
                                                                   : ChunkPlan::Kind::elements;
}

ChunkPlan::Kind Trials::alongSum(Factor factor, int64_t innermost) {
  if (termExtents[static_cast<size_t>(innermost)] % width != 0)
    return ChunkPlan::Kind::elements;
  const auto order =
      factor == Factor::first ? ArrayRef<int64_t>(matrix.dims.first) : ArrayRef<int64_t>(matrix.dims.second);
  return emitted(factor, order, innermost, true);
}

ChunkPlan::Kind Trials::alongLines(Factor factor, ArrayRef<int64_t> order) {
  if (type.getDimSize(static_cast<unsigned>(order.back())) % width != 0)
    return ChunkPlan::Kind::elements;
  return emitted(factor, order, -1, false);
}

// The best numbering of lines; `order` stays where no other is better.
ChunkPlan::Kind Trials::bestLines(Factor factor, SmallVector<int64_t, 4>& order) {
  ChunkPlan::Kind best = alongLines(factor, order);
  const SmallVector<int64_t, 4> usual = order;
  for (int64_t last : usual)
    if (const auto other = endingIn(usual, last); best != ChunkPlan::Kind::copies && other != usual)
      if (const ChunkPlan::Kind kind = alongLines(factor, other); kind > best) {
        best = kind;
        order = other;
      }
  return best;
}

FactorPlan Trials::plan() {
  FactorPlan plan;
  const Factor factors[] = {Factor::first, Factor::second};
  const ArrayRef<int64_t> dims[] = {matrix.dims.first, matrix.dims.second};
  ChunkPlan::Kind lines[2];
  emitted(Factor::first, dims[0], -1, false); // for the extents of the sum
  SmallVector<int64_t, 4> orders[2];
  for (size_t i = 0; i < 2; ++i) {
    plan.lineOrders[i] = orders[i] = byMemory(type, dims[i]);
    lines[i] = bestLines(factors[i], orders[i]);
  }
  int best = -1;
  for (int64_t innermost = static_cast<int64_t>(termExtents.size()); innermost-- > 0;) {
    ChunkPlan::Kind sums[2];
    int worth = 0;
    for (size_t i = 0; i < 2; ++i) {
      sums[i] = alongSum(factors[i], innermost);
      worth += static_cast<int>(std::max(sums[i], lines[i]));
    }
    if (worth <= best)
      continue;
    best = worth;
    plan.innermostTerm = innermost;
    for (size_t i = 0; i < 2; ++i)
      plan.chunks[i] = {std::max(sums[i], lines[i]), sums[i] >= lines[i]};
  }
  const bool neighbours[] = {matrix.dims.firstAlongSum, matrix.dims.secondAlongSum};
  for (size_t i = 0; i < 2; ++i) {
    // Elements are gathered across what is contiguous: neighbouring threads load neighbours.
    if (plan.chunks[i].kind == ChunkPlan::Kind::elements)
      plan.chunks[i].alongSum = !neighbours[i];
    else if (!plan.chunks[i].alongSum)
      plan.lineOrders[i] = orders[i];
  }
  return plan;
}

} // namespace

Value narrowed(Value value) {
  auto wide = value.getDefiningOp<arith::ExtFOp>();
  return wide ? wide.getIn() : value;
}

std::optional<PlainLoad> PlainLoad::of(Value value, Type element) {
  PlainLoad plain;
  value = narrowed(value);
  if (auto choice = value.getDefiningOp<arith::SelectOp>()) {
    auto constant = choice.getFalseValue().getDefiningOp<arith::ConstantOp>();
    auto number = constant ? dyn_cast<FloatAttr>(constant.getValue()) : FloatAttr();
    if (!number || !number.getValue().isPosZero())
      return std::nullopt;
    plain.inside = choice.getCondition();
    value = choice.getTrueValue();
  }
  plain.load = value.getDefiningOp<LLVM::LoadOp>();
  if (!plain.load || plain.load.getResult().getType() != element)
    return std::nullopt;
  return plain;
}

FactorPlan planFactors(ir::KernelOp kernel, const ProductMatrix& matrix) {
  return Trials(kernel, matrix).plan();
}

} // namespace sinter::codegen::cuda
