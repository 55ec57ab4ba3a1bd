// Emits into a function that is thrown away.
#include "codegen/cuda/vector_trial.h"

#include <algorithm>
#include <limits>
#include <optional>

using namespace mlir;

namespace sinter::codegen::cuda {
namespace {

// Nothing if not everything can be had as vectors of `lanes`.
std::optional<VectorTrial> trial(ir::KernelOp kernel, const DimensionGroups& groups, const Piece* piece,
                                 ArrayRef<Value> values, ArrayRef<Side> sides, size_t rank, int64_t lanes) {
  OpBuilder builder(kernel.getContext());
  const Location loc = UnknownLoc::get(kernel.getContext());
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  builder.setInsertionPointToEnd(module->getBody());
  auto function = LLVM::LLVMFuncOp::create(
      builder, loc, "trial",
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder.getContext()),
                                  {LLVM::LLVMPointerType::get(builder.getContext())}));
  builder.setInsertionPointToStart(function.addEntryBlock(builder));
  ThreadEmitter emitter(builder, loc, *module, "trial", std::numeric_limits<int64_t>::max(), groups);
  bindBuffers(emitter, kernel, groups, [&](unsigned) { return function.getArgument(0); });
  if (piece)
    bindPiece(emitter, *piece);
  ir::Point at(rank);
  emitter.locate(DeviceCalls(builder, loc).index("thread_x"), inSteps(sides, lanes), at);
  if (lanes > 1)
    at[static_cast<size_t>(sides.back().dim)].laneStride = 1;
  emitter.setLanes(lanes, lanes);
  for (Value value : values)
    emitter.element(value, at);
  if (emitter.stridedLoads > 0 || emitter.masked || emitter.widestLoad > kVectorBits)
    return std::nullopt;
  VectorTrial found{lanes, 0, emitter.folds, emitter.foldedAxes};
  function.walk([&](Operation* op) {
    found.loads += isa<LLVM::LoadOp>(op);
    found.loops |= isa<scf::ForOp>(op);
  });
  return found;
}

} // namespace

VectorTrial tryVectors(ir::KernelOp kernel, const DimensionGroups& groups, const Piece* piece,
                       ArrayRef<Value> values, ArrayRef<Side> sides, size_t rank) {
  int64_t widest = 8;
  bool hasLayout = sides.empty();
  for (Value value : values) {
    widest = std::max<int64_t>(widest, ir::tensorType(value).getElementTypeBitWidth());
    if (ir::LayoutAttr layout = ir::layoutOf(value))
      hasLayout |= layout.getBlock() > 1;
  }
  for (int64_t lanes = hasLayout ? 1 : std::min<int64_t>(8, kVectorBits / widest); lanes > 1; lanes /= 2)
    if (sides.back().count % lanes == 0 && sides.back().origin % lanes == 0)
      if (const auto found = trial(kernel, groups, piece, values, sides, rank, lanes))
        return *found;
  return trial(kernel, groups, piece, values, sides, rank, 1).value();
}

int64_t storeWidth(ir::KernelOp kernel, const DimensionGroups& groups, ArrayRef<MemoryView> results,
                   size_t last, int64_t extent, function_ref<void(KernelFrame& trial, int64_t width)> emit) {
  int64_t widest = 8;
  for (const MemoryView& result : results) {
    if (result.strides[last] != 1 || result.blocked >= 0)
      return 1;
    widest = std::max<int64_t>(widest, memoryType(result.element).getIntOrFloatBitWidth());
  }
  for (int64_t width = std::min<int64_t>(8, kVectorBits / widest); width > 1; width /= 2) {
    if (extent % width != 0)
      continue;
    KernelFrame trial(kernel, "trial", groups);
    trial.emitter.setLanes(width, width);
    emit(trial, width);
    if (trial.emitter.stridedLoads == 0 && !trial.emitter.masked)
      return width;
  }
  return 1;
}

} // namespace sinter::codegen::cuda
