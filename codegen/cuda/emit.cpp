// How the elements of a kernel's results are shared out among threads.
#include "codegen/cuda/emit.h"

#include "codegen/cuda/kernel_frame.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <algorithm>
#include <limits>
#include <optional>

using namespace mlir;

namespace sinter::codegen::cuda {
namespace {

constexpr int64_t kRowOfWarp = 512;      // up to so many elements, a row is one warp's
constexpr int64_t kElementsOfThread = 8; // at least, of a row that a block folds
constexpr int64_t kFewColumns = 1 << 15; // threads below which a column is folded by several
constexpr int64_t kLongColumn = 64;

// The dimensions of a reduction that a row or column is made of, and how long that is.
struct Folded {
  SmallVector<int64_t> axes; // of the operand
  int64_t count = 1;
  bool contiguous = false; // neighbours are neighbours in memory
};

class KernelWriter {
public:
  explicit KernelWriter(ir::KernelOp kernel)
      : kernel(kernel), block(kernel.getBody().front()), builder(kernel.getContext()),
        loc(UnknownLoc::get(kernel.getContext())), groups(DimensionGroups::of(kernel)) {}

  EmittedKernel write(StringRef symbol);

private:
  using Side = ThreadEmitter::Side;

  std::optional<Folded> foldedByRoot();
  void choose();
  int64_t vectorWidth(const Piece& piece);
  SmallVector<Side> sidesOf(const Piece& piece, ArrayRef<int64_t> without, int64_t width);

  void writeBody(KernelFrame& frame, const Piece& piece);
  void writeElements(KernelFrame& frame, const Piece& piece);
  void writeElements(KernelFrame& frame, const Piece& piece, int64_t width, EmittedKernel& kernel);
  void writeRows(KernelFrame& frame, const Piece& piece);
  void writeColumns(KernelFrame& frame, const Piece& piece);

  ir::KernelOp kernel;
  Block& block;
  OpBuilder builder;
  Location loc;
  DimensionGroups groups;
  Operation* statistics = nullptr;
  ThreadGroup group;
  EmittedKernel out;
};

//===-- Decisions -----------------------------------------------------------------------------------===//

// The innermost dimension of `tensor` that has neighbours, where it, or what it is computed from element by
// element, lies in memory.
int64_t innermostOf(Value tensor) {
  while (Operation* op = tensor.getDefiningOp()) {
    if (!isa<ir::ConvertLayoutOp, ir::PointwiseOpInterface>(op) ||
        ir::tensorType(op->getOperand(0)).getShape() != ir::tensorType(tensor).getShape())
      break;
    tensor = op->getOperand(0);
  }
  const RankedTensorType type = ir::tensorType(tensor);
  const SmallVector<int64_t> order = DimensionGroups().order(type);
  const auto found = llvm::find_if(
      llvm::reverse(order), [&](int64_t dim) { return type.getDimSize(static_cast<unsigned>(dim)) > 1; });
  return found == llvm::reverse(order).end() ? type.getRank() - 1 : *found;
}

std::optional<Folded> KernelWriter::foldedByRoot() {
  Operation* root = kernel.getRoot();
  auto reduction = dyn_cast_or_null<ir::ReductionOpInterface>(root);
  if (!reduction || !resultsAreRoots(kernel, root))
    return std::nullopt;
  const RankedTensorType type = ir::tensorType(root->getOperand(0));
  Folded folded;
  folded.axes.assign(reduction.getAxes().begin(), reduction.getAxes().end());
  for (int64_t axis : folded.axes)
    folded.count *= type.getDimSize(static_cast<unsigned>(axis));
  folded.contiguous = llvm::is_contained(folded.axes, innermostOf(root->getOperand(0)));
  return folded;
}

void rowGroup(int64_t count, ThreadGroup& group, EmittedKernel& out) {
  if (count <= kRowOfWarp) {
    group.kind = ThreadGroup::Kind::warp;
    group.size = kWarp;
    out.threads[0] = kBlock;
    out.algorithm = "rows by warps";
    return;
  }
  group.kind = ThreadGroup::Kind::block;
  group.size =
      std::clamp(llvm::divideCeilSigned(count, kElementsOfThread * kWarp) * kWarp, kBlock, kMostBlockThreads);
  out.threads[0] = group.size;
  out.algorithm = "rows by blocks";
}

void KernelWriter::choose() {
  out.threads[0] = kBlock;
  out.algorithm = "elements";
  statistics = statisticsRoot(kernel);
  if (statistics) {
    const auto shape = ir::tensorType(statistics->getResult(0)).getShape();
    int64_t count = 1;
    for (int64_t axis : cast<ir::LoopOpInterface>(statistics).getStatisticsAxes())
      count *= shape[static_cast<size_t>(axis)];
    if (count > 1)
      return rowGroup(count, group, out);
    statistics = nullptr;
    return;
  }
  // Sums of products that are too few for tiles.
  if (const int64_t terms = termsOf(kernel.getRoot());
      terms >= kLongColumn && resultsAreRoots(kernel, kernel.getRoot()) &&
      ir::tensorType(kernel.getRoot()->getResult(0)).getNumElements() < kFewColumns)
    return rowGroup(terms, group, out);
  const auto folded = foldedByRoot();
  if (!folded || folded->count < kWarp)
    return;
  if (folded->contiguous)
    return rowGroup(folded->count, group, out);
  const int64_t columns = ir::tensorType(kernel.getRoot()->getResult(0)).getNumElements();
  if (columns >= kFewColumns || folded->count < kLongColumn)
    return;
  group.kind = ThreadGroup::Kind::column;
  group.width = kWarp;
  group.size = std::min<int64_t>(kMostBlockThreads / kWarp, folded->count / 4);
  out.threads[0] = group.width;
  out.threads[1] = group.size;
  out.algorithm = "columns";
}

// Lanes along what is contiguous in the results, as many as 16 bytes hold, where all operands are contiguous
// there, too, or repeated.
int64_t KernelWriter::vectorWidth(const Piece& piece) {
  const RankedTensorType type = ir::tensorType(block.getTerminator()->getOperand(piece.results[0]));
  const SmallVector<int64_t> order = groups.order(type);
  const auto layout = dyn_cast_or_null<ir::LayoutAttr>(type.getEncoding());
  if (order.empty() || (layout && layout.getBlock() > 1)) // a step past a block is none in memory
    return 1;
  const auto dim = static_cast<size_t>(order.back());
  int64_t widest = 8;
  for (unsigned result : piece.results)
    widest = std::max<int64_t>(
        widest, ir::tensorType(block.getTerminator()->getOperand(result)).getElementTypeBitWidth());
  for (int64_t width = std::min<int64_t>(8, 128 / widest); width > 1; width /= 2) {
    if (piece.extents[dim] % width != 0 || piece.origin[dim] % width != 0)
      continue;
    OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToEnd(module->getBody());
    auto function = LLVM::LLVMFuncOp::create(
        builder, loc, "trial",
        LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder.getContext()),
                                    {LLVM::LLVMPointerType::get(builder.getContext())}));
    builder.setInsertionPointToStart(function.addEntryBlock(builder));
    ThreadEmitter emitter(builder, loc, *module, "trial", std::numeric_limits<int64_t>::max(), groups);
    bindBuffers(emitter, kernel, groups, [&](unsigned) { return function.getArgument(0); });
    bindPiece(emitter, piece);
    ir::Point at(piece.extents.size());
    emitter.locate(DeviceCalls(builder, loc).index("thread_x"), sidesOf(piece, {}, width), at);
    at[dim].laneStride = 1;
    emitter.setLanes(width, width);
    for (unsigned result : piece.results)
      emitter.element(block.getTerminator()->getOperand(result), at);
    if (emitter.stridedLoads == 0 && !emitter.masked)
      return width;
  }
  return 1;
}

//===-- Code ----------------------------------------------------------------------------------------===//

// The dimensions that are walked, outermost in memory first.
SmallVector<ThreadEmitter::Side> KernelWriter::sidesOf(const Piece& piece, ArrayRef<int64_t> without,
                                                       int64_t width) {
  const RankedTensorType type = ir::tensorType(block.getTerminator()->getOperand(piece.results[0]));
  SmallVector<Side> sides;
  for (int64_t dim : groups.order(type)) {
    const auto d = static_cast<size_t>(dim);
    if (!llvm::is_contained(without, dim))
      sides.push_back({dim, piece.origin[d], piece.extents[d], 1});
  }
  if (width > 1) {
    sides.back().count /= width;
    sides.back().step = width;
  }
  return sides;
}

// A thread makes every so-manieth element, or vector of elements. Where a buffer lies is known only when the
// kernel runs: slices of concatenations and of what loops go over begin anywhere.
void KernelWriter::writeElements(KernelFrame& frame, const Piece& piece) {
  const int64_t width = vectorWidth(piece);
  if (width == 1)
    return writeElements(frame, piece, 1, out);
  out.algorithm = "elements x" + std::to_string(width);
  EmittedKernel likewise = out; // as many blocks
  frame.either(
      frame.buffersAreAligned(), [&] { writeElements(frame, piece, width, out); },
      [&] { writeElements(frame, piece, 1, likewise); });
}

void KernelWriter::writeElements(KernelFrame& frame, const Piece& piece, int64_t width,
                                 EmittedKernel& kernel) {
  ThreadEmitter& emitter = frame.emitter;
  const SmallVector<Side> sides = sidesOf(piece, {}, width);
  frame.forTasks(total(sides), kernel, [&](Value task) {
    ir::Point at(piece.extents.size());
    emitter.locate(task, sides, at);
    if (width > 1)
      at[static_cast<size_t>(sides.back().dim)].laneStride = 1;
    emitter.setLanes(width, width);
    frame.store(piece.results, at, frame.elements(piece.results, at));
    emitter.setLanes(1, 1);
  });
}

// A group makes every so-manieth row: what its elements share, then the elements.
void KernelWriter::writeRows(KernelFrame& frame, const Piece& piece) {
  ThreadEmitter& emitter = frame.emitter;
  OpBuilder& builder = emitter.builder;
  DeviceCalls& calls = frame.calls;
  SmallVector<int64_t> axes;
  if (statistics)
    axes = cast<ir::LoopOpInterface>(statistics).getStatisticsAxes();
  const SmallVector<Side> rows = sidesOf(piece, axes, 1);
  SmallVector<Side> inside;
  for (int64_t dim : groups.order(ir::tensorType(block.getTerminator()->getOperand(piece.results[0]))))
    if (llvm::is_contained(axes, dim))
      inside.push_back(
          {dim, piece.origin[static_cast<size_t>(dim)], piece.extents[static_cast<size_t>(dim)], 1});
  const int64_t groupsOfBlock = out.threads[0] / group.size;
  out.blocks = std::max(out.blocks, llvm::divideCeilSigned(total(rows), groupsOfBlock));
  Value first = calls.index("block"), step = calls.index("blocks");
  ThreadGroup sharing = group;
  sharing.rank = calls.index("thread_x");
  if (groupsOfBlock > 1) {
    Value size = emitter.index(group.size), many = emitter.index(groupsOfBlock);
    Value inBlock = arith::DivUIOp::create(builder, loc, sharing.rank, size);
    sharing.rank = arith::RemUIOp::create(builder, loc, sharing.rank, size);
    first = arith::AddIOp::create(builder, loc, arith::MulIOp::create(builder, loc, first, many), inBlock);
    step = arith::MulIOp::create(builder, loc, step, many);
  }
  emitter.walk(first, total(rows), step, [&](Value row) {
    ir::Point at(piece.extents.size());
    emitter.locate(row, rows, at);
    emitter.setGroup(sharing);
    if (statistics) {
      emitter.bindStatistics(statistics, at);
      emitter.dropGroup();
      emitter.walk(sharing.rank, total(inside), emitter.index(sharing.size), [&](Value element) {
        emitter.locate(element, inside, at);
        frame.store(piece.results, at, frame.elements(piece.results, at));
      });
      emitter.dropStatistics(statistics);
      return;
    }
    const SmallVector<Value> values = frame.elements(piece.results, at);
    emitter.dropGroup();
    Value isFirst =
        arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, sharing.rank, emitter.index(0));
    frame.onlyIf(isFirst, [&] { frame.store(piece.results, at, values); });
  });
}

// A block makes `width` neighbours at a time; the threads of one column share its elements.
void KernelWriter::writeColumns(KernelFrame& frame, const Piece& piece) {
  ThreadEmitter& emitter = frame.emitter;
  OpBuilder& builder = emitter.builder;
  DeviceCalls& calls = frame.calls;
  const SmallVector<Side> sides = sidesOf(piece, {}, 1);
  const int64_t count = total(sides), tiles = llvm::divideCeilSigned(count, group.width);
  out.blocks = std::max(out.blocks, tiles);
  Value column = calls.index("thread_x");
  ThreadGroup sharing = group;
  sharing.rank = calls.index("thread_y");
  emitter.walk(calls.index("block"), tiles, calls.index("blocks"), [&](Value tile) {
    Value number = arith::AddIOp::create(
        builder, loc, arith::MulIOp::create(builder, loc, tile, emitter.index(group.width)), column);
    // Threads past the end fold the last column again: all of a block go to its barriers.
    Value inside = arith::MinSIOp::create(builder, loc, number, emitter.index(count - 1));
    ir::Point at(piece.extents.size());
    emitter.locate(inside, sides, at);
    emitter.setGroup(sharing);
    const SmallVector<Value> values = frame.elements(piece.results, at);
    emitter.dropGroup();
    Value isFirst =
        arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, sharing.rank, emitter.index(0));
    Value isColumn =
        arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, number, emitter.index(count));
    frame.onlyIf(arith::AndIOp::create(builder, loc, isFirst, isColumn),
                 [&] { frame.store(piece.results, at, values); });
  });
}

void KernelWriter::writeBody(KernelFrame& frame, const Piece& piece) {
  bindPiece(frame.emitter, piece);
  if (group.kind == ThreadGroup::Kind::none)
    writeElements(frame, piece);
  else if (group.kind == ThreadGroup::Kind::column)
    writeColumns(frame, piece);
  else
    writeRows(frame, piece);
}

EmittedKernel KernelWriter::write(StringRef symbol) {
  choose();
  KernelFrame frame(kernel, symbol, groups);
  for (const Piece& piece : splitResults(kernel, groups))
    if (!llvm::is_contained(piece.extents, 0))
      writeBody(frame, piece);
  return frame.finish(out);
}

} // namespace

EmittedKernel emit(ir::KernelOp kernel, StringRef symbol) {
  kernel.getContext()
      ->loadDialect<arith::ArithDialect, math::MathDialect, scf::SCFDialect, vector::VectorDialect,
                    LLVM::LLVMDialect>();
  if (isa_and_nonnull<ir::ScatterAddOp>(kernel.getRoot()))
    return emitScatter(kernel, symbol);
  if (makesAttention(kernel))
    return emitAttention(kernel, symbol);
  if (makesTiles(kernel) && resultsAreRoots(kernel, kernel.getRoot()))
    return makesTensorCoreTiles(kernel) ? emitTensorCoreTiles(kernel, symbol) : emitTiles(kernel, symbol);
  return KernelWriter(kernel).write(symbol);
}

} // namespace sinter::codegen::cuda
