// emitLoops: any kernel as loops of vector code.
#include "codegen/cpu/emit.h"
#include "codegen/cpu/loops/kernel_loops.h"
#include "codegen/cpu/loops/lowering.h"
#include "codegen/cpu/loops/transpose_tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

#include <algorithm>

using namespace mlir;

namespace sinter::codegen::cpu {
namespace {

class KernelWriter {
public:
  KernelWriter(ir::KernelOp kernel, const Target& target)
      : kernel(kernel), target(target), block(kernel.getBody().front()), builder(kernel.getContext()),
        loc(UnknownLoc::get(kernel.getContext())), groups(DimensionGroups::of(kernel)) {}

  EmittedKernel write(llvm::LLVMContext& context);

private:
  struct PlannedPiece {
    Piece piece;
    LaneChoice lanes;
    LoopNest outer, inner; // inner: along the statistics' axes
  };

  PlannedPiece plan(const Piece& piece, int64_t wantedTasks);
  LaneChoice choosePieceLanes(const Piece& piece);
  LaneChoice tiled(const Piece& piece, LaneChoice lanes, int64_t stridedLoads);

  struct Trial {
    bool stridedReduction;
    bool longReduction;
    int64_t stridedLoads;
    bool approximates; ///< functions that become long chains of arithmetic
  };
  Trial tryElement(const Piece& piece, LaneChoice lanes);

  void writeTasks(VectorEmitter& emitter, PlannedPiece& planned, Value begin, Value end, int64_t firstTask);
  void writePiece(VectorEmitter& emitter, PlannedPiece& planned, Value task);
  void writeElements(VectorEmitter& emitter, const Piece& piece, const ir::Point& at);
  void writeTile(VectorEmitter& emitter, const PlannedPiece& planned, const ir::Point& at);

  ir::KernelOp kernel;
  const Target& target;
  Block& block;
  OpBuilder builder;
  Location loc;
  DimensionGroups groups;
  Operation* statistics = nullptr;
  SmallVector<MemoryView> results;
};

SmallVector<int64_t> without(ArrayRef<int64_t> order, ArrayRef<int64_t> axes) {
  return llvm::filter_to_vector(order, [&](int64_t dim) { return !llvm::is_contained(axes, dim); });
}

// Several registers side by side: whole cache lines are used on each step through the operand's memory, and
// their accumulators hide each other's latency.
LaneChoice widened(LaneChoice lanes, int64_t extent, const Target& target, ArrayRef<int64_t> choices) {
  for (int64_t registers : choices) {
    const int64_t width = registers * target.lanes();
    const int64_t stepped = llvm::divideCeilSigned(extent, width) * width;
    if (stepped - extent <= extent / 8)
      return {lanes.dim, width, false, -1};
  }
  return lanes;
}

// Lanes along the results' contiguous dimension, unless a reduction would then hop through its operand's
// memory, or there are too few of them for a vector: such a reduction is better off with lanes of its own.
LaneChoice KernelWriter::choosePieceLanes(const Piece& piece) {
  const RankedTensorType type = ir::tensorType(block.getTerminator()->getOperand(piece.results[0]));
  const LaneChoice lanes = chooseLanes(type, groups, piece.extents, target);
  auto root = dyn_cast_or_null<ir::FusionOpInterface>(kernel.getRoot());
  const bool reduces = root && (root.getFusionClass() == ir::FusionClass::reduction ||
                                root.getFusionClass() == ir::FusionClass::contraction);
  const bool moves = !root || root.getFusionClass() == ir::FusionClass::movement;
  if (lanes.width == 1)
    return lanes;
  const Trial narrow = tryElement(piece, lanes);
  if (narrow.approximates && narrow.stridedLoads == 0 && !reduces && !lanes.padded)
    return widened(lanes, piece.extents[static_cast<size_t>(lanes.dim)], target, {2});
  if (moves && !statistics)
    return tiled(piece, lanes, narrow.stridedLoads);
  if (!reduces)
    return lanes;
  if (narrow.stridedReduction ||
      (narrow.longReduction && piece.extents[static_cast<size_t>(lanes.dim)] < target.lanes()))
    return {};
  const LaneChoice wide = widened(lanes, piece.extents[static_cast<size_t>(lanes.dim)], target, {4, 2});
  const bool pays = !lanes.padded && tryElement(piece, wide).stridedLoads == 0;
  return pays ? wide : lanes;
}

// Where elements that are neighbours in the result are apart in the operands, but neighbours along another
// dimension are not, square tiles are read along that one and transposed in registers.
LaneChoice KernelWriter::tiled(const Piece& piece, LaneChoice lanes, int64_t stridedLoads) {
  auto narrow = [&](unsigned result) {
    return ir::tensorType(block.getTerminator()->getOperand(result)).getElementType().isInteger(1);
  };
  if (lanes.width != target.lanes() || llvm::any_of(piece.results, narrow))
    return lanes;
  if (stridedLoads == 0)
    return lanes;
  for (int64_t dim = static_cast<int64_t>(piece.extents.size()); dim-- > 0;)
    if (dim != lanes.dim && piece.extents[static_cast<size_t>(dim)] >= lanes.width &&
        tryElement(piece, {dim, lanes.width, false, -1}).stridedLoads < stridedLoads) {
      lanes.tileDim = dim;
      return lanes;
    }
  return lanes;
}

// How operands are read is found out by trying: an element is emitted and thrown away.
KernelWriter::Trial KernelWriter::tryElement(const Piece& piece, LaneChoice lanes) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  LLVM::LLVMFuncOp function = makeKernelFunction(builder, loc, *module, "trial");
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(function.addEntryBlock(builder));
  VectorEmitter emitter(builder, loc, *module, "trial", target.lanes(), groups);
  results = bindBuffers(emitter, kernel, groups, function.getArgument(0));
  bindPiece(emitter, piece);
  ir::Point at;
  for (auto [dim, origin] : llvm::enumerate(piece.origin)) {
    // Any vector inside will do; its position must not be known, or edges would look like the middle.
    Value start = arith::IndexCastOp::create(builder, loc, builder.getIndexType(), function.getArgument(1));
    const int64_t last = origin + piece.extents[dim] - 1;
    const bool along = static_cast<int64_t>(dim) == lanes.dim;
    emitter.facts.set(
        start, {origin, along ? std::max(origin, last - lanes.width + 1) : last, along ? lanes.width : 1});
    at.push_back({start, along && lanes.width > 1 ? 1 : 0, {}});
  }
  emitter.setLanes(lanes.width, lanes.width);
  emitter.element(block.getTerminator()->getOperand(piece.results[0]), at);
  bool approximates = false;
  function.walk([&](Operation* op) { approximates |= becomesPolynomial(op); });
  return {emitter.stridedReduction, emitter.hasLongReduction, emitter.stridedLoads, approximates};
}

KernelWriter::PlannedPiece KernelWriter::plan(const Piece& piece, int64_t wantedTasks) {
  const RankedTensorType type = ir::tensorType(block.getTerminator()->getOperand(piece.results[0]));
  const LaneChoice lanes = choosePieceLanes(piece);
  const SmallVector<int64_t> order = groups.order(type);
  SmallVector<int64_t> axes;
  if (statistics)
    axes = cast<ir::LoopOpInterface>(statistics).getStatisticsAxes();
  SmallVector<int64_t> inner =
      llvm::filter_to_vector(order, [&](int64_t dim) { return llvm::is_contained(axes, dim); });
  PlannedPiece planned{piece, lanes, LoopNest(without(order, axes), piece.origin, piece.extents, lanes),
                       LoopNest(inner, piece.origin, piece.extents, lanes)};
  planned.outer.share(wantedTasks);
  return planned;
}

void KernelWriter::writeElements(VectorEmitter& emitter, const Piece& piece, const ir::Point& at) {
  SmallVector<Value> values; // all before the first store: a result may lie over an operand
  for (unsigned result : piece.results)
    values.push_back(emitter.element(block.getTerminator()->getOperand(result), at));
  for (auto [result, value] : llvm::zip(piece.results, values))
    emitter.store(results[result], at, value);
}

void KernelWriter::writeTile(VectorEmitter& emitter, const PlannedPiece& planned, const ir::Point& at) {
  const LaneChoice lanes = planned.lanes;
  const auto across = static_cast<size_t>(lanes.dim), along = static_cast<size_t>(lanes.tileDim);
  const int64_t rows = emitter.active(), columns = planned.outer.tileActive();
  SmallVector<SmallVector<Value>> tiles(planned.piece.results.size());
  emitter.setLanes(lanes.width, columns);
  for (int64_t row = 0; row < lanes.width; ++row) {
    ir::Point from = at;
    from[across] = emitter.affine(emitter.at(at[across].base), 1, std::min(row, rows - 1));
    from[along].laneStride = 1;
    for (auto [tile, result] : llvm::zip(tiles, planned.piece.results))
      tile.push_back(row < rows
                         ? emitter.splat(emitter.element(block.getTerminator()->getOperand(result), from))
                         : tile.back());
  }
  emitter.setLanes(lanes.width, rows);
  for (auto [tile, result] : llvm::zip(tiles, planned.piece.results)) {
    const SmallVector<Value> turned = transposed(builder, loc, tile);
    for (int64_t column = 0; column < columns; ++column) {
      ir::Point to = at;
      to[along] = emitter.affine(at[along], 1, column);
      emitter.store(results[result], to, turned[static_cast<size_t>(column)]);
    }
  }
  emitter.lanesBeyondExtent = true; // rows past the extent are positions, not lanes: they cannot be computed
}

void KernelWriter::writePiece(VectorEmitter& emitter, PlannedPiece& planned, Value task) {
  const Piece& piece = planned.piece;
  bindPiece(emitter, piece);
  ir::Point at(piece.extents.size());
  planned.outer.emit(emitter, task, at, [&] {
    if (planned.lanes.tileDim >= 0) {
      writeTile(emitter, planned, at);
      return;
    }
    if (!statistics) {
      writeElements(emitter, piece, at);
      return;
    }
    emitter.bindStatistics(statistics, at);
    planned.inner.emit(emitter, {}, at, [&] { writeElements(emitter, piece, at); });
    emitter.dropStatistics(statistics);
  });
}

void KernelWriter::writeTasks(VectorEmitter& emitter, PlannedPiece& planned, Value begin, Value end,
                              int64_t firstTask) {
  const int64_t tasks = planned.outer.tasks();
  Value low = arith::MaxSIOp::create(builder, loc, begin, emitter.index(firstTask));
  Value high = arith::MinSIOp::create(builder, loc, end, emitter.index(firstTask + tasks));
  emitter.forLoop(low, high, 1, {firstTask, firstTask + tasks - 1, 1}, [&](Value number) {
    Value task = builder.createOrFold<arith::SubIOp>(loc, number, emitter.index(firstTask));
    emitter.facts.set(task, {0, tasks - 1, 1});
    writePiece(emitter, planned, task);
  });
}

EmittedKernel KernelWriter::write(llvm::LLVMContext& context) {
  statistics = statisticsRoot(kernel);
  const double cost = estimateNanoseconds(kernel);
  const int64_t wanted = std::clamp<int64_t>(static_cast<int64_t>(cost / kTaskNanoseconds), 1, kMostTasks);
  SmallVector<PlannedPiece, 0> pieces;
  EmittedKernel result;
  result.symbol = "sinter_" + kernel.getSymName().str();
  result.algorithm = "loops";
  result.tasks = 0;
  for (const Piece& piece : splitResults(kernel, groups)) {
    if (llvm::is_contained(piece.extents, 0))
      continue;
    pieces.push_back(plan(piece, wanted));
    result.tasks += pieces.back().outer.tasks();
  }
  result.tasks = std::max<int64_t>(result.tasks, 1);
  result.grain = grainOf(cost, result.tasks);

  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  LLVM::LLVMFuncOp function = makeKernelFunction(builder, loc, *module, result.symbol);
  builder.setInsertionPointToStart(function.addEntryBlock(builder));
  VectorEmitter emitter(builder, loc, *module, result.symbol, target.lanes(), groups);
  results = bindBuffers(emitter, kernel, groups, function.getArgument(0));
  Value begin = arith::IndexCastOp::create(builder, loc, builder.getIndexType(), function.getArgument(1));
  Value end = arith::IndexCastOp::create(builder, loc, builder.getIndexType(), function.getArgument(2));
  int64_t firstTask = 0;
  for (PlannedPiece& piece : pieces) {
    writeTasks(emitter, piece, begin, end, firstTask);
    firstTask += piece.outer.tasks();
  }
  LLVM::ReturnOp::create(builder, loc, ValueRange{});
  result.module = lowerToLlvm(*module, target, context);
  return result;
}

} // namespace

EmittedKernel emitLoops(ir::KernelOp kernel, const Target& target, llvm::LLVMContext& context) {
  loadCodeDialects(*kernel.getContext());
  return KernelWriter(kernel, target).write(context);
}

} // namespace sinter::codegen::cpu
