// Reductions and normalisations. What is folded together is a line of elements: a row, whose elements are
// neighbours in memory, or a column, which lies beside its neighbours. A group of threads shares it, or
// several blocks do.
#include "codegen/cuda/kernel_frame.h"
#include "codegen/cuda/kernel_kinds.h"
#include "codegen/cuda/product_matrix.h"
#include "codegen/cuda/vector_trial.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;

namespace sinter::codegen::cuda {
namespace {

using Kind = ThreadGroup::Kind;

constexpr int64_t kRowOfWarp = 512;       // up to so many elements, a row is one warp's
constexpr int64_t kRowOfBusyWarp = 1024;  // or so many, where there are enough of them
constexpr int64_t kLongColumn = 64;       // from so many products on, they are a row
constexpr int64_t kFewProducts = 1 << 15; // threads below which an element's products are shared
constexpr int64_t kPartOfRow = 8192;      // elements for which a block of its own pays
constexpr int64_t kPartOfColumn = 16;     // likewise, for each of its threads
constexpr int64_t kHeldBytes = 64;        // of a line that a thread keeps in registers
constexpr int64_t kFewRounds = 4;
constexpr int64_t kVectorsOfThread = 8; // at least, of a row that a block goes over in a loop
constexpr int64_t kMostParts = 1 << 12; // of a line
constexpr int64_t kPartWords = 1 << 18; // memory for parts

class FoldWriter {
public:
  explicit FoldWriter(ir::KernelOp kernel)
      : kernel(kernel), yielded(kernel.getBody().front().getTerminator()->getOperands()),
        groups(DimensionGroups::of(kernel)) {}

  /// False if there is nothing to share.
  bool plan();
  EmittedKernel write(StringRef symbol);

private:
  // A way to go over a line; kernels have a second one for buffers that begin where no vector may.
  struct Way {
    int64_t lanes = 1; // neighbours at once: along rows, or of columns
    bool holds = false;
  };

  bool planStatistics(Operation* op);
  bool planProducts(Operation* op);
  bool planReduction(Operation* op);
  void planRows(int64_t lines, bool mayPart);
  void planColumns(int64_t columns, bool mayPart);
  void shareAmongBlocks(int64_t lines, int64_t most);
  VectorTrial alongResults();
  VectorTrial alongSource();
  bool fits(int64_t rounds) const;

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
  DimensionGroups groups;
  Operation* root = nullptr;
  bool hasStatistics = false;
  bool foldsAgain = false;   // what was folded once
  SmallVector<int64_t> axes; // of the root's first operand
  int64_t count = 1;         // of a line
  int64_t elementBytes = 4;
  Way way;
  ThreadGroup group;
  int64_t tiles = 1; // lines, or so many columns beside each other
  EmittedKernel out;
};

//===-- Decisions -----------------------------------------------------------------------------------===//

// The dimension whose neighbours are neighbours in memory, or -1.
int64_t fastest(ArrayRef<int64_t> order, RankedTensorType type) {
  for (int64_t dim : llvm::reverse(order))
    if (type.getDimSize(static_cast<unsigned>(dim)) > 1)
      return dim;
  return -1;
}
int64_t fastest(Value tensor) {
  return fastest(memoryOrder(tensor), ir::tensorType(tensor));
}

bool FoldWriter::plan() {
  if (Operation* op = statisticsRoot(kernel))
    return planStatistics(op);
  Operation* op = kernel.getRoot();
  if (!op || !resultsAreRoots(kernel, op))
    return false;
  return termsOf(op) > 0 ? planProducts(op) : planReduction(op);
}

bool FoldWriter::planStatistics(Operation* op) {
  root = op;
  hasStatistics = true;
  const RankedTensorType type = ir::tensorType(op->getResult(0));
  axes = cast<ir::LoopOpInterface>(op).getStatisticsAxes();
  for (int64_t axis : axes)
    count *= type.getDimSize(static_cast<unsigned>(axis));
  if (count <= 1 || type.getNumElements() == 0)
    return false;
  elementBytes = std::max<int64_t>(4, ir::emittedType(type.getElementType()).getIntOrFloatBitWidth() / 8);
  const int64_t lines = type.getNumElements() / count;
  const VectorTrial found = alongResults();
  way.lanes = found.lanes;
  const int64_t fast = fastest(op->getOperand(0));
  if (llvm::is_contained(axes, fast) || fast < 0)
    planRows(lines, false);
  else
    planColumns(lines, false);
  return true;
}

// Sums of products that are too few for tiles.
bool FoldWriter::planProducts(Operation* op) {
  const int64_t results = ir::tensorType(op->getResult(0)).getNumElements();
  count = termsOf(op);
  if (count < kLongColumn || results >= kFewProducts || results == 0)
    return false;
  root = op;
  planRows(results, true);
  return true;
}

bool FoldWriter::planReduction(Operation* op) {
  auto fusion = dyn_cast<ir::FusionOpInterface>(op);
  if (!fusion || fusion.getFusionClass() != ir::FusionClass::reduction ||
      ir::tensorType(op->getOperand(0)).getNumElements() == 0)
    return false;
  root = op;
  VectorTrial found = alongResults();
  if (found.folds == 0)
    return false;
  axes = found.axes;
  foldsAgain = found.folds > 1;
  const RankedTensorType type = ir::tensorType(op->getOperand(0));
  for (int64_t axis : axes)
    count *= type.getDimSize(static_cast<unsigned>(axis));
  if (count < kWarp)
    return false;
  elementBytes = std::max<int64_t>(4, ir::emittedType(type.getElementType()).getIntOrFloatBitWidth() / 8);
  const int64_t lines = type.getNumElements() / count, fast = fastest(op->getOperand(0));
  const bool isRow = fast < 0 || llvm::is_contained(axes, fast);
  way.lanes = isRow ? alongSource().lanes : found.lanes;
  if (isRow)
    planRows(lines, found.folds == 1);
  else
    planColumns(lines, found.folds == 1);
  return true;
}

VectorTrial FoldWriter::alongResults() {
  const SmallVector<Piece> pieces = splitResults(kernel, groups);
  VectorTrial narrowest{.lanes = 8};
  for (const Piece& piece : pieces) {
    if (llvm::is_contained(piece.extents, 0))
      continue;
    SmallVector<Value> values;
    for (unsigned result : piece.results)
      values.push_back(yielded[result]);
    const RankedTensorType type = ir::tensorType(values[0]);
    const SmallVector<int64_t> order = groups.order(type);
    VectorTrial found =
        tryVectors(kernel, groups, &piece, values, longOnesLast(sidesOf(piece, order)), piece.extents.size());
    if (hasStatistics && fastest(order, type) != fastest(root->getOperand(0)))
      found.lanes = 1;
    found.lanes = std::min(narrowest.lanes, found.lanes);
    found.folds = std::max(narrowest.folds, found.folds);
    narrowest = found;
  }
  return narrowest;
}

// What is folded, itself, and what goes along with it.
VectorTrial FoldWriter::alongSource() {
  Value source = root->getOperand(0);
  const RankedTensorType type = ir::tensorType(source);
  const auto folded = llvm::make_filter_range(root->getOperands(), [&](Value operand) {
    return ir::tensorType(operand).getShape() == type.getShape();
  });
  return tryVectors(kernel, groups, nullptr, llvm::to_vector(folded),
                    longOnesLast(sidesOf(type.getShape(), memoryOrder(source))),
                    static_cast<size_t>(type.getRank()));
}

// If a thread has code of its own for each of so many vectors of its line.
bool FoldWriter::fits(int64_t rounds) const {
  if (!hasStatistics && !foldsAgain) // no element is asked for again: enough that some loads are on their way
    return termsOf(root) == 0 && rounds <= kFewRounds;
  if (elementBytes > 4) // functions of f64 take many registers
    return rounds * way.lanes * elementBytes <= kHeldBytes / 2;
  const int64_t most = group.kind == Kind::warp ? 2 * kHeldBytes : kHeldBytes;
  return rounds * way.lanes * elementBytes <= most;
}

void FoldWriter::planRows(int64_t lines, bool mayPart) {
  const int64_t vectors = count / way.lanes;
  tiles = lines;
  if (count <= kRowOfWarp || (count <= kRowOfBusyWarp && way.lanes > 1 && lines >= kResidentBlocks)) {
    group.kind = Kind::warp;
    group.size =
        std::min<int64_t>(kWarp, static_cast<int64_t>(llvm::PowerOf2Ceil(static_cast<uint64_t>(vectors))));
    out.threads[0] = kBlock;
    out.algorithm = "rows by warps";
    way.holds = fits(llvm::divideCeilSigned(vectors, group.size));
    return;
  }
  group.kind = Kind::block;
  out.algorithm = "rows by blocks";
  group.size = std::clamp(llvm::divideCeilSigned(vectors, kVectorsOfThread * kWarp) * kWarp, kBlock,
                          kMostBlockThreads);
  for (int64_t most = kBlock; most <= kMostBlockThreads && !way.holds; most *= 2) {
    const int64_t rounds = llvm::divideCeilSigned(vectors, most);
    way.holds = fits(rounds);
    if (way.holds)
      group.size = llvm::divideCeilSigned(llvm::divideCeilSigned(vectors, rounds), kWarp) * kWarp;
  }
  if (mayPart)
    shareAmongBlocks(lines, count / kPartOfRow);
  if (group.parts.count > 1) {
    group.size = kBlock;
    way.holds = false;
  }
  out.threads[0] = group.size;
}

void FoldWriter::planColumns(int64_t columns, bool mayPart) {
  const int64_t wide = columns / way.lanes;
  group.kind = Kind::column;
  group.width = std::min<int64_t>(kWarp, wide);
  // As many threads for a column as keep all multiprocessors busy, and as make a block.
  const int64_t wanted = llvm::divideCeilSigned(kResidentBlocks * kBlock, wide);
  const int64_t most = std::min({kWarp, kBlock / group.width, wanted, std::max<int64_t>(1, count / 4)});
  group.size = static_cast<int64_t>(llvm::bit_floor(static_cast<uint64_t>(most)));
  tiles = llvm::divideCeilSigned(wide, group.width);
  out.threads[0] = group.width;
  out.threads[1] = group.size;
  out.algorithm = "columns";
  way.holds = fits(llvm::divideCeilSigned(count, group.size));
  if (mayPart)
    shareAmongBlocks(tiles, count / (group.size * kPartOfColumn));
  if (group.parts.count > 1)
    way.holds = false;
}

// Where `lines` blocks leave multiprocessors idle, up to `most` blocks share a line.
void FoldWriter::shareAmongBlocks(int64_t lines, int64_t most) {
  const int64_t memory = kPartWords / std::max<int64_t>(1, lines * group.width * way.lanes);
  const int64_t parts = std::min({kResidentBlocks / lines, most, memory, kMostParts});
  if (parts < 2)
    return;
  group.parts.count = parts;
  out.algorithm += ", shared";
}

//===-- Code ----------------------------------------------------------------------------------------===//

// The dimensions of the results that no line goes along, outermost in memory first.
SmallVector<Side> FoldWriter::lineSides(const Piece& piece) {
  SmallVector<int64_t> dims = groups.order(ir::tensorType(yielded[piece.results[0]]));
  if (hasStatistics)
    llvm::erase_if(dims, [&](int64_t dim) { return llvm::is_contained(axes, dim); });
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
  if (hasStatistics) {
    emitter.bindStatistics(root, at);
    emitter.dropGroup();
    writeAlongLine(frame, piece, way, sharing, at, wanted);
    emitter.dropStatistics(root);
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
  const SmallVector<Side> sides =
      foldedSides(root->getOperand(0), ir::tensorType(root->getResult(0)).getShape(), axes, sharing.lanes);
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
    emitter.walk(sharing.rank, count / sharing.lanes, emitter.index(sharing.size), [&](Value number) {
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
  const int64_t groupsOfBlock = out.threads[0] / group.size, tasks = total(rows) * group.parts.count;
  out.blocks = std::max(out.blocks, llvm::divideCeilSigned(tasks, groupsOfBlock));
  ThreadGroup sharing = group;
  sharing.lanes = way.lanes;
  sharing.vectors = count / way.lanes;
  Value first = frame.calls.index("block"), step = frame.calls.index("blocks");
  sharing.rank = frame.calls.index("thread_x");
  emitter.facts.set(sharing.rank, {0, out.threads[0] - 1, 1});
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
    for (int64_t axis : hasStatistics ? ArrayRef<int64_t>(axes) : ArrayRef<int64_t>())
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
  sharing.vectors = count;
  sharing.rank = frame.calls.index("thread_y");
  emitter.facts.set(column, {0, group.width - 1, 1});
  emitter.facts.set(sharing.rank, {0, group.size - 1, 1});
  if (way.holds)
    sharing.rounds = emitter.roundsOf(sharing.rank, group.size, count);
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
        for (int64_t axis : hasStatistics ? ArrayRef<int64_t>(axes) : ArrayRef<int64_t>())
          at[static_cast<size_t>(axis)] = emitter.at(int64_t{0});
        emitter.setLanes(way.lanes, way.lanes);
        writeLine(frame, piece, way, mine, at, wanted);
        emitter.setLanes(1, 1);
      });
}

void FoldWriter::writePiece(KernelFrame& frame, const Piece& piece) {
  bindPiece(frame.emitter, piece);
  frame.withLanes(way.lanes, [&](int64_t lanes) {
    const Way taken = lanes == way.lanes ? way : Way{};
    group.kind == Kind::column ? writeColumns(frame, piece, taken) : writeRows(frame, piece, taken);
  });
}

EmittedKernel FoldWriter::write(StringRef symbol) {
  if (way.lanes > 1)
    out.algorithm += " x" + std::to_string(way.lanes);
  KernelFrame frame(kernel, symbol, groups);
  if (group.parts.count > 1) {
    // Where vectors may not be, there are more tiles of columns, but no more words.
    const int64_t most = tiles * way.lanes;
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
  FoldWriter writer(kernel);
  if (!writer.plan())
    return std::nullopt;
  return writer.write(symbol);
}

} // namespace sinter::codegen::cuda
