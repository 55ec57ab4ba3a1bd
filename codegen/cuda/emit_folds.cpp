// Reductions and normalisations. What is folded together is a line of elements: a row, whose elements are
// neighbours in memory, or a column, which lies beside its neighbours. A group of threads shares it, or
// several blocks do.
#include "codegen/cuda/fold_plan.h"
#include "codegen/cuda/kernel_frame.h"
#include "codegen/cuda/kernel_kinds.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;

namespace sinter::codegen::cuda {
namespace {

using Kind = ThreadGroup::Kind;
using Way = FoldPlan::Way;

class FoldWriter {
public:
  FoldWriter(ir::KernelOp kernel, const DimensionGroups& groups, const FoldPlan& plan)
      : kernel(kernel), yielded(kernel.getBody().front().getTerminator()->getOperands()), groups(groups),
        plan(plan), group(plan.group) {}

  EmittedKernel write(StringRef symbol);

private:
  SmallVector<Side> lineSides(const Piece& piece);
  void addParts(KernelFrame& frame, ThreadGroup& sharing, Value task, int64_t lines);
  void writePiece(KernelFrame& frame, const Piece& piece);
  void writeRows(KernelFrame& frame, const Piece& piece, Way way);
  void writeColumns(KernelFrame& frame, const Piece& piece, Way way);
  void writeLine(KernelFrame& frame, const Piece& piece, Way way, ThreadGroup sharing, ir::Point& at,
                 Value wanted);
  void writeAlongLine(KernelFrame& frame, const Piece& piece, Way way, const ThreadGroup& sharing,
                      ir::Point& at, Value wanted);

  ir::KernelOp kernel;
  Operation::operand_range yielded;
  const DimensionGroups& groups;
  const FoldPlan& plan;
  ThreadGroup group; // as planned, with the memory that its blocks share
  EmittedKernel out;
};

// The dimensions of the results that no line goes along, outermost in memory first.
SmallVector<Side> FoldWriter::lineSides(const Piece& piece) {
  SmallVector<int64_t> dims = groups.order(ir::tensorType(yielded[piece.results[0]]));
  if (plan.hasStatistics)
    llvm::erase_if(dims, [&](int64_t dim) { return llvm::is_contained(plan.axes, dim); });
  return sidesOf(piece, dims);
}

// `task` stands for a part of a line: the parts of the first line come first.
void FoldWriter::addParts(KernelFrame& frame, ThreadGroup& sharing, Value task, int64_t lines) {
  ThreadEmitter& emitter = frame.emitter;
  OpBuilder& builder = emitter.builder;
  Value many = emitter.index(sharing.parts.count);
  sharing.parts.line = arith::DivUIOp::create(builder, emitter.loc, task, many);
  sharing.parts.number = arith::RemUIOp::create(builder, emitter.loc, task, many);
  emitter.facts.set(sharing.parts.line, {0, lines - 1, 1});
}

// What becomes of the line through `at`, by the threads for which `wanted` (null: all) holds.
void FoldWriter::writeLine(KernelFrame& frame, const Piece& piece, Way way, ThreadGroup sharing,
                           ir::Point& at, Value wanted) {
  ThreadEmitter& emitter = frame.emitter;
  OpBuilder& builder = emitter.builder;
  emitter.setGroup(sharing);
  if (plan.hasStatistics) {
    emitter.bindStatistics(plan.root, at);
    emitter.dropGroup();
    writeAlongLine(frame, piece, way, sharing, at, wanted);
    emitter.dropStatistics(plan.root);
    return;
  }
  const SmallVector<Value> values = frame.elements(piece.results, at);
  emitter.dropGroup();
  Value writes =
      arith::CmpIOp::create(builder, emitter.loc, arith::CmpIPredicate::eq, sharing.rank, emitter.index(0));
  for (Value also : {wanted, std::exchange(emitter.hasAll, {})})
    if (also)
      writes = arith::AndIOp::create(builder, emitter.loc, writes, also);
  frame.onlyIf(writes, [&] { frame.store(piece.results, at, values); });
}

// The results along a line whose statistics are known.
void FoldWriter::writeAlongLine(KernelFrame& frame, const Piece& piece, Way way, const ThreadGroup& sharing,
                                ir::Point& at, Value wanted) {
  ThreadEmitter& emitter = frame.emitter;
  OpBuilder& builder = emitter.builder;
  const SmallVector<Side> sides = foldedSides(
      plan.root->getOperand(0), ir::tensorType(plan.root->getResult(0)).getShape(), plan.axes, sharing.lanes);
  const int64_t lanes = emitter.width() * sharing.lanes, before = emitter.width();
  auto place = [&](Value number) {
    ir::Point inner = at;
    emitter.locate(number, sides, inner);
    if (sharing.lanes > 1)
      inner[static_cast<size_t>(sides.back().dim)].laneStride = 1;
    return inner;
  };
  auto storeIf = [&](Value condition, const ir::Point& to, ValueRange values) {
    auto store = [&] { frame.store(piece.results, to, values); };
    condition ? frame.onlyIf(condition, store) : store();
  };
  emitter.setLanes(lanes, lanes);
  if (way.holds) {
    SmallVector<std::pair<ir::Point, SmallVector<Value>>> made;
    for (const ThreadGroup::Round& round : sharing.rounds) {
      const ir::Point to = place(round.number);
      made.emplace_back(to, frame.elements(piece.results, to));
    }
    for (const auto& [round, element] : llvm::zip(sharing.rounds, made)) {
      Value condition = round.inside;
      if (wanted)
        condition =
            condition ? arith::AndIOp::create(builder, emitter.loc, condition, wanted).getResult() : wanted;
      storeIf(condition, element.first, element.second);
    }
  } else {
    emitter.walk(sharing.rank, plan.count / sharing.lanes, emitter.index(sharing.size), [&](Value number) {
      const ir::Point to = place(number);
      storeIf(wanted, to, frame.elements(piece.results, to));
    });
  }
  emitter.setLanes(before, before);
}

// A group makes every so-manieth row.
void FoldWriter::writeRows(KernelFrame& frame, const Piece& piece, Way way) {
  ThreadEmitter& emitter = frame.emitter;
  OpBuilder& builder = emitter.builder;
  const Location loc = emitter.loc;
  const SmallVector<Side> rows = lineSides(piece);
  const int64_t groupsOfBlock = plan.threads[0] / group.size, tasks = total(rows) * group.parts.count;
  out.blocks = std::max(out.blocks, llvm::divideCeilSigned(tasks, groupsOfBlock));
  ThreadGroup sharing = group;
  sharing.lanes = way.lanes;
  sharing.vectors = plan.count / way.lanes;
  Value first = frame.calls.index("block"), step = frame.calls.index("blocks");
  sharing.rank = frame.calls.index("thread_x");
  emitter.facts.set(sharing.rank, {0, plan.threads[0] - 1, 1});
  if (groupsOfBlock > 1) {
    Value size = emitter.index(group.size), many = emitter.index(groupsOfBlock);
    Value inBlock = arith::DivUIOp::create(builder, loc, sharing.rank, size);
    sharing.rank = arith::RemUIOp::create(builder, loc, sharing.rank, size);
    first = arith::AddIOp::create(builder, loc, arith::MulIOp::create(builder, loc, first, many), inBlock);
    step = arith::MulIOp::create(builder, loc, step, many);
  }
  if (way.holds)
    sharing.rounds = emitter.roundsOf(sharing.rank, group.size, sharing.vectors);
  // Lanes of a warp go to its shuffles together, with or without a row.
  const bool mayLack = group.kind == Kind::warp && group.size < kWarp && tasks % (kWarp / group.size) != 0;
  const int64_t walked =
      mayLack ? llvm::divideCeilSigned(tasks, kWarp / group.size) * (kWarp / group.size) : tasks;
  emitter.walk(first, walked, step, [&](Value task) {
    Value row = task, wanted;
    ThreadGroup mine = sharing;
    if (group.parts.count > 1) {
      addParts(frame, mine, task, total(rows));
      row = mine.parts.line;
    }
    if (mayLack) {
      wanted = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, task, emitter.index(tasks));
      row = arith::MinSIOp::create(builder, loc, task, emitter.index(tasks - 1));
      emitter.facts.set(row, {0, tasks - 1, 1});
    }
    ir::Point at(piece.extents.size());
    emitter.locate(row, rows, at);
    for (int64_t axis : plan.hasStatistics ? ArrayRef<int64_t>(plan.axes) : ArrayRef<int64_t>())
      at[static_cast<size_t>(axis)] = emitter.at(int64_t{0});
    writeLine(frame, piece, way, mine, at, wanted);
  });
}

// A block makes `width` neighbours at a time, or vectors of them; the threads of one share its elements.
void FoldWriter::writeColumns(KernelFrame& frame, const Piece& piece, Way way) {
  ThreadEmitter& emitter = frame.emitter;
  OpBuilder& builder = emitter.builder;
  const Location loc = emitter.loc;
  const SmallVector<Side> sides = inSteps(longOnesLast(lineSides(piece)), way.lanes);
  const int64_t columns = total(sides), pieceTiles = llvm::divideCeilSigned(columns, group.width);
  out.blocks = std::max(out.blocks, pieceTiles * group.parts.count);
  Value column = frame.calls.index("thread_x");
  ThreadGroup sharing = group;
  sharing.vectors = plan.count;
  sharing.rank = frame.calls.index("thread_y");
  emitter.facts.set(column, {0, group.width - 1, 1});
  emitter.facts.set(sharing.rank, {0, group.size - 1, 1});
  if (way.holds)
    sharing.rounds = emitter.roundsOf(sharing.rank, group.size, plan.count);
  emitter.walk(
      frame.calls.index("block"), pieceTiles * group.parts.count, frame.calls.index("blocks"),
      [&](Value task) {
        Value tile = task;
        ThreadGroup mine = sharing;
        if (group.parts.count > 1) {
          addParts(frame, mine, task, pieceTiles);
          tile = mine.parts.line;
        }
        Value number = arith::AddIOp::create(
            builder, loc, arith::MulIOp::create(builder, loc, tile, emitter.index(group.width)), column);
        Value wanted;
        if (columns % group.width != 0) {
          // Threads past the end fold the last column again: all of a block go to its barriers.
          wanted =
              arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, number, emitter.index(columns));
          number = arith::MinSIOp::create(builder, loc, number, emitter.index(columns - 1));
        }
        emitter.facts.set(number, {0, columns - 1, 1});
        ir::Point at(piece.extents.size());
        emitter.locate(number, sides, at);
        if (way.lanes > 1)
          at[static_cast<size_t>(sides.back().dim)].laneStride = 1;
        for (int64_t axis : plan.hasStatistics ? ArrayRef<int64_t>(plan.axes) : ArrayRef<int64_t>())
          at[static_cast<size_t>(axis)] = emitter.at(int64_t{0});
        emitter.setLanes(way.lanes, way.lanes);
        writeLine(frame, piece, way, mine, at, wanted);
        emitter.setLanes(1, 1);
      });
}

void FoldWriter::writePiece(KernelFrame& frame, const Piece& piece) {
  bindPiece(frame.emitter, piece);
  frame.withLanes(plan.way.lanes, [&](int64_t lanes) {
    const Way taken = lanes == plan.way.lanes ? plan.way : Way{};
    group.kind == Kind::column ? writeColumns(frame, piece, taken) : writeRows(frame, piece, taken);
  });
}

EmittedKernel FoldWriter::write(StringRef symbol) {
  const Way& way = plan.way;
  out.algorithm = plan.algorithm + (way.lanes > 1 ? " x" + std::to_string(way.lanes) : "");
  std::ranges::copy(plan.threads, out.threads);
  KernelFrame frame(kernel, symbol, groups);
  if (group.parts.count > 1) {
    // Where vectors may not be, there are more tiles of columns, but no more words.
    const int64_t most = plan.tiles * way.lanes;
    group.parts.memory = frame.deviceMemory("parts", frame.emitter.builder.getI64Type(),
                                            group.parts.count * most * group.width);
    group.parts.counters = frame.deviceMemory("counters", frame.emitter.builder.getI64Type(), most);
  }
  for (const Piece& piece : splitResults(kernel, groups))
    if (!llvm::is_contained(piece.extents, 0))
      writePiece(frame, piece);
  return frame.finish(out);
}

} // namespace

std::optional<EmittedKernel> emitFolds(ir::KernelOp kernel, StringRef symbol) {
  const DimensionGroups groups = DimensionGroups::of(kernel);
  const auto plan = planFolds(kernel, groups);
  return plan ? std::optional(FoldWriter(kernel, groups, *plan).write(symbol)) : std::nullopt;
}

} // namespace sinter::codegen::cuda
