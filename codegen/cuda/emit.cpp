// How the elements of a kernel's results are shared out among threads.
#include "codegen/cuda/emit.h"

#include "codegen/cuda/kernel_frame.h"
#include "codegen/cuda/kernel_kinds.h"
#include "codegen/cuda/vector_trial.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <algorithm>

using namespace mlir;

namespace sinter::codegen::cuda {
namespace {

constexpr int64_t kElementBlocks = 64 * kMultiprocessors; // at most: their starts and ends do not show
constexpr int64_t kLoadsTogether = 4;                     // of a thread, on their way at once

// A thread makes every so-manieth element, or vector of elements.
class ElementWriter {
public:
  ElementWriter(ir::KernelOp kernel, StringRef symbol)
      : kernel(kernel), groups(DimensionGroups::of(kernel)), frame(kernel, symbol, groups) {}

  EmittedKernel write();

private:
  SmallVector<Side> walkedSides(const Piece& piece);
  void writePiece(const Piece& piece);
  void writeElements(const Piece& piece, const VectorTrial& found, EmittedKernel& to);

  ir::KernelOp kernel;
  DimensionGroups groups;
  KernelFrame frame;
  EmittedKernel out;
};

// The dimensions that are walked, outermost in memory first.
SmallVector<Side> ElementWriter::walkedSides(const Piece& piece) {
  auto yielded = kernel.getBody().front().getTerminator()->getOperands();
  return sidesOf(piece, groups.order(ir::tensorType(yielded[piece.results[0]])));
}

void ElementWriter::writePiece(const Piece& piece) {
  bindPiece(frame.emitter, piece);
  SmallVector<Value> values;
  for (unsigned result : piece.results)
    values.push_back(kernel.getBody().front().getTerminator()->getOperand(result));
  const VectorTrial found =
      tryVectors(kernel, groups, &piece, values, walkedSides(piece), piece.extents.size());
  if (found.lanes > 1)
    out.algorithm = "elements x" + std::to_string(found.lanes);
  EmittedKernel likewise = out; // its blocks do not count
  frame.withLanes(found.lanes, [&](int64_t lanes) {
    VectorTrial taken = found;
    taken.lanes = lanes;
    writeElements(piece, taken, lanes == found.lanes ? out : likewise);
  });
}

// How many vectors a thread makes at once: several where that little is loaded for one that a multiprocessor
// would wait for memory.
int64_t together(int64_t count, const VectorTrial& found) {
  for (int64_t many = kLoadsTogether; many > 1 && !found.loops; many /= 2)
    if (found.loads * many <= kLoadsTogether && count % many == 0 && count / many >= kResidentBlocks * kBlock)
      return many;
  return 1;
}

void ElementWriter::writeElements(const Piece& piece, const VectorTrial& found, EmittedKernel& to) {
  ThreadEmitter& emitter = frame.emitter;
  const SmallVector<Side> sides = inSteps(walkedSides(piece), found.lanes);
  const int64_t many = together(total(sides), found), stretch = total(sides) / many;
  frame.forTasks(stretch, to, [&](Value task) {
    emitter.setLanes(found.lanes, found.lanes);
    SmallVector<std::pair<ir::Point, SmallVector<Value>>> made;
    for (int64_t i = 0; i < many; ++i) {
      Value number = task;
      if (i > 0) {
        number = arith::AddIOp::create(emitter.builder, emitter.loc, task, emitter.index(i * stretch));
        emitter.facts.set(number, {0, total(sides) - 1, 1});
      }
      ir::Point at(piece.extents.size());
      emitter.locate(number, sides, at);
      if (found.lanes > 1)
        at[static_cast<size_t>(sides.back().dim)].laneStride = 1;
      made.emplace_back(at, frame.elements(piece.results, at));
    }
    for (const auto& [at, elements] : made)
      frame.store(piece.results, at, elements);
    emitter.setLanes(1, 1);
  });
}

EmittedKernel ElementWriter::write() {
  out.threads[0] = kBlock;
  out.algorithm = "elements";
  for (const Piece& piece : splitResults(kernel, groups))
    if (!llvm::is_contained(piece.extents, 0))
      writePiece(piece);
  out.blocks = std::min(out.blocks, kElementBlocks);
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
  if (auto folds = emitFolds(kernel, symbol))
    return *folds;
  if (auto transposes = emitTransposes(kernel, symbol))
    return *transposes;
  return ElementWriter(kernel, symbol).write();
}

} // namespace sinter::codegen::cuda
