// Elements added at positions that depend on data. A block has a few positions along the axis that indices
// move along, and some of the others: it looks through all indices for updates of its positions, and adds
// those in their order. So sums do not depend on which thread is first.
#include "codegen/cuda/kernel_kinds.h"
#include "codegen/cuda/kernel_writer.h"
#include "codegen/cuda/vector_trial.h"

#include <algorithm>

using namespace mlir;

namespace sinter::codegen::cuda {
namespace {

constexpr int64_t kIndicesOfThread = 4; // looked through at once
constexpr int64_t kUpdatesTogether = 4; // added one after the other, loaded together

// The dimensions of `type` but for `count` from `axis` on, or those.
SmallVector<Side> sidesBut(RankedTensorType type, int64_t axis, int64_t count, bool inside) {
  SmallVector<int64_t> dims = llvm::to_vector(llvm::seq(type.getRank()));
  llvm::erase_if(dims, [&](int64_t dim) { return (dim >= axis && dim < axis + count) != inside; });
  return sidesOf(type.getShape(), dims);
}

class ScatterWriter : KernelWriter {
public:
  ScatterWriter(ir::KernelOp kernel, StringRef symbol)
      : KernelWriter(kernel, symbol), scatter(cast<ir::ScatterAddOp>(kernel.getRoot())),
        type(ir::tensorType(scatter.getResult())), updates(ir::tensorType(scatter.getUpdates())),
        axis(static_cast<int64_t>(scatter.getAxis())),
        indexRank(ir::tensorType(scatter.getIndices()).getRank()) {}

  EmittedKernel write();

private:
  int64_t lanesOfShared();
  void plan(int64_t lanes, int64_t most);
  void writeTasks(int64_t lanes, EmittedKernel& out);
  void copyInput();
  void lookThrough(Value firstNumber);
  void addUpdates(Value numbers, Value listed);
  void addTo(Value row, Value value);
  Value positionOf(Value number);
  ir::Point locateIn(RankedTensorType tensor, ArrayRef<Side> shared);

  ir::ScatterAddOp scatter;
  RankedTensorType type, updates;
  int64_t axis, indexRank;

  int64_t lanes = 1, across = 1;   // threads of a block: beside each other,
  int64_t along = 1;               // and for positions along the axis
  int64_t rows = 1, rowBlocks = 1; // positions along the axis that a block has
  int64_t columnBlocks = 1, threads = kBlock;
  Value thread, active, column, firstRow, endRow, rowOfThread, list; // of the task
};

// Vectors go along a last dimension that no index moves along.
int64_t ScatterWriter::lanesOfShared() {
  if (axis == type.getRank() - 1 || ir::layoutOf(scatter.getResult()) || ir::layoutOf(scatter.getUpdates()))
    return 1;
  auto lanesOf = [&](Value tensor) {
    const RankedTensorType tensorType = ir::tensorType(tensor);
    const int64_t rank = tensorType.getRank();
    return tryVectors(kernel, groups, nullptr, tensor, sidesBut(tensorType, 0, rank, true),
                      static_cast<size_t>(rank))
        .lanes;
  };
  if (updates.getNumElements() == 0)
    return lanesOf(scatter.getInput());
  return std::min(lanesOf(scatter.getInput()), lanesOf(scatter.getUpdates()));
}

// With blocks of `most` threads at most.
void ScatterWriter::plan(int64_t lanes, int64_t most) {
  this->lanes = lanes;
  const int64_t columns = total(sidesBut(type, axis, 1, false)) / lanes,
                extent = type.getDimSize(static_cast<unsigned>(axis));
  columnBlocks = llvm::divideCeilSigned(columns, most);
  across = llvm::divideCeilSigned(columns, columnBlocks);
  along = std::min(most / across, extent);
  const int64_t wanted =
      std::clamp<int64_t>(kResidentBlocks / columnBlocks, 1, llvm::divideCeilSigned(extent, along));
  rows = llvm::divideCeilSigned(extent, wanted);
  rowBlocks = llvm::divideCeilSigned(extent, rows);
}

// Coordinates of the thread's column.
ir::Point ScatterWriter::locateIn(RankedTensorType tensor, ArrayRef<Side> shared) {
  ir::Point at(static_cast<size_t>(tensor.getRank()));
  emitter.locate(column, inSteps(shared, lanes), at);
  if (lanes > 1)
    at[static_cast<size_t>(shared.back().dim)].laneStride = 1;
  return at;
}

void ScatterWriter::copyInput() {
  ir::Point at = locateIn(type, sidesBut(type, axis, 1, false));
  auto loop = scf::ForOp::create(builder, loc, plus(firstRow, rowOfThread), endRow, emitter.index(along));
  emitter.facts.set(loop.getInductionVar(), {0, type.getDimSize(static_cast<unsigned>(axis)) - 1, 1});
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(loop.getBody()->getTerminator());
  at[static_cast<size_t>(axis)] = emitter.at(loop.getInductionVar());
  emitter.setLanes(lanes, lanes);
  emitter.store(frame.results.front(), at, emitter.element(scatter.getInput(), at));
  emitter.setLanes(1, 1);
}

// Where along the axis update `number` goes.
Value ScatterWriter::positionOf(Value number) {
  ir::Point at(static_cast<size_t>(updates.getRank()), emitter.at(int64_t{0}));
  emitter.locate(number, sidesBut(updates, axis, indexRank, true), at);
  return scatter.target(emitter, at)[static_cast<size_t>(axis)].base;
}

// Adds the updates whose numbers, less `numbers`, are the first `listed` of the list: a few at a time, all of
// which are loaded before the first is added.
void ScatterWriter::addUpdates(Value numbers, Value listed) {
  struct Update {
    Value row, wanted, value;
  };
  auto loop = scf::ForOp::create(builder, loc, emitter.index(0), listed, emitter.index(kUpdatesTogether));
  loop->setAttr("sinter.unroll", builder.getI64IntegerAttr(1));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(loop.getBody()->getTerminator());
  const auto indexSides = sidesBut(updates, axis, indexRank, true);
  SmallVector<Update> together;
  for (int64_t i = 0; i < kUpdatesTogether; ++i) {
    Value place = loop.getInductionVar(), wanted = active;
    if (i > 0) { // past the end, the first is loaded again
      Value next = plus(place, emitter.index(i)), isListed = less(next, listed);
      place = arith::SelectOp::create(builder, loc, isListed, next, place);
      wanted = both(active, isListed);
    }
    Value entry = frame.calls.slot(list, place, builder.getI32Type());
    Value number = plus(numbers, arith::IndexCastOp::create(builder, loc, builder.getIndexType(), entry));
    emitter.facts.set(number, {0, total(indexSides) - 1, 1});
    Value row = positionOf(number);
    if (along > 1)
      wanted =
          both(wanted, compare(arith::CmpIPredicate::eq, rest(minus(row, firstRow), along), rowOfThread));
    ir::Point from = locateIn(updates, sidesBut(updates, axis, indexRank, false));
    emitter.locate(number, indexSides, from);
    emitter.setLanes(lanes, lanes);
    together.push_back({row, wanted, emitter.element(scatter.getUpdates(), from)});
    emitter.setLanes(1, 1);
  }
  for (const Update& update : together) {
    auto add = [&] { addTo(update.row, update.value); };
    update.wanted ? frame.onlyIf(update.wanted, add) : add();
  }
}

void ScatterWriter::addTo(Value row, Value value) {
  ir::Point to = locateIn(type, sidesBut(type, axis, 1, false));
  to[static_cast<size_t>(axis)] = emitter.at(row);
  emitter.setLanes(lanes, lanes);
  Value sum = emitter.combine(ir::Combine::add, type.getElementType(),
                              emitter.element(scatter.getResult(), to), value);
  emitter.store(frame.results.front(), to, sum);
  emitter.setLanes(1, 1);
}

// The updates from `firstNumber` on that the threads of a block can look at together.
void ScatterWriter::lookThrough(Value firstNumber) {
  const int64_t count = total(sidesBut(updates, axis, indexRank, true));
  SmallVector<std::pair<Value, Value>> looks; // first of the numbers, and if the thread's is wanted
  Value any;
  for (int64_t i = 0; i < kIndicesOfThread && i * threads < count; ++i) {
    Value first = plus(firstNumber, i * threads);
    Value number = plus(first, thread), there = less(number, count);
    number = least(number, count - 1);
    emitter.facts.set(number, {0, count - 1, 1});
    Value row = positionOf(number);
    Value isAfter = compare(arith::CmpIPredicate::sge, row, firstRow);
    Value wanted = both(there, both(isAfter, less(row, endRow)));
    looks.emplace_back(first, wanted);
    any = any ? arith::OrIOp::create(builder, loc, any, wanted).getResult() : wanted;
  }
  frame.onlyIf(frame.calls.anyAtBarrier(any), [&] {
    for (const auto& [first, wanted] : looks)
      addUpdates(first, frame.calls.listAtBarrier(threads, wanted, list));
  });
}

void ScatterWriter::writeTasks(int64_t lanes, EmittedKernel& out) {
  plan(lanes, threads);
  out.blocks = std::max(out.blocks, rowBlocks * columnBlocks);
  const int64_t columns = total(sidesBut(type, axis, 1, false)) / lanes,
                extent = type.getDimSize(static_cast<unsigned>(axis)),
                count = total(sidesBut(updates, axis, indexRank, true));
  emitter.walk(frame.calls.index("block"), rowBlocks * columnBlocks, frame.calls.index("blocks"),
               [&](Value task) {
                 rowOfThread = along == 1 ? emitter.index(0) : over(thread, across);
                 Value inBlock = along == 1 ? thread : rest(thread, across);
                 active = {};
                 if (across * along < threads)
                   active = less(thread, across * along);
                 column = plus(times(rest(task, columnBlocks), emitter.index(across)), inBlock);
                 if (columnBlocks * across > columns || across < threads) {
                   active = both(active, less(column, columns));
                   column = least(column, columns - 1);
                 }
                 emitter.facts.set(column, {0, columns - 1, 1});
                 firstRow = times(over(task, columnBlocks), emitter.index(rows));
                 endRow = least(plus(firstRow, emitter.index(rows)), extent);
                 active ? frame.onlyIf(active, [&] { copyInput(); }) : copyInput();
                 if (updates.getNumElements() == 0)
                   return;
                 emitter.walk(emitter.index(0), count, emitter.index(kIndicesOfThread * threads),
                              [&](Value first) { lookThrough(first); });
               });
}

EmittedKernel ScatterWriter::write() {
  EmittedKernel out;
  out.algorithm = "scatter";
  emitter.bind(scatter.getResult(), frame.results.front());
  if (type.getNumElements() == 0)
    return frame.finish(out);
  const int64_t widest = lanesOfShared();
  plan(widest, kBlock);
  threads = llvm::divideCeilSigned(across * along, kWarp) * kWarp;
  out.threads[0] = threads;
  if (widest > 1)
    out.algorithm += " x" + std::to_string(widest);
  thread = frame.calls.index("thread_x");
  emitter.facts.set(thread, {0, threads - 1, 1});
  list = frame.calls.sharedSlots(threads / 2);
  frame.withLanes(widest, [&](int64_t lanes) { writeTasks(lanes, out); });
  return frame.finish(out);
}

} // namespace

EmittedKernel emitScatter(ir::KernelOp kernel, StringRef symbol) {
  return ScatterWriter(kernel, symbol).write();
}

} // namespace sinter::codegen::cuda
