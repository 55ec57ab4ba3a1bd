// emitScatter: the input is copied, then updates are added to it one after the other. Tasks share out the
// dimensions that no index moves along, so that each sees all indices and none adds where another does.
#include "codegen/cpu/emit.h"
#include "codegen/cpu/loops/kernel_loops.h"
#include "codegen/cpu/loops/lowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

#include <algorithm>

using namespace mlir;

namespace sinter::codegen::cpu {
namespace {

// The least a task copies at a stretch: cache lines come in pairs, and every stretch may be a page of its
// own.
constexpr int64_t kLeastStretch = 256;

class ScatterWriter {
public:
  ScatterWriter(ir::KernelOp kernel, const Target& target)
      : kernel(kernel), scatter(cast<ir::ScatterAddOp>(kernel.getRoot())), target(target),
        builder(kernel.getContext()), loc(UnknownLoc::get(kernel.getContext())) {}

  EmittedKernel write(llvm::LLVMContext& context);

private:
  int64_t axis() { return static_cast<int64_t>(scatter.getAxis()); }
  int64_t indexRank() { return ir::tensorType(scatter.getIndices()).getRank(); }
  RankedTensorType type() { return ir::tensorType(scatter.getResult()); }

  int64_t wantedTasks(double cost);
  LoopNest nest(RankedTensorType walked, int64_t removed, LaneChoice lanes, int64_t tasks);
  LoopNest copyNest(int64_t tasks) { return nest(type(), 1, lanes(), tasks); }
  LoopNest updateNest(int64_t tasks);
  LaneChoice lanes();
  void writeTask(VectorEmitter& emitter, const MemoryView& result, Value task, int64_t tasks);

  ir::KernelOp kernel;
  ir::ScatterAddOp scatter;
  const Target& target;
  OpBuilder builder;
  Location loc;
  DimensionGroups groups; // none: positions are of different tensors
};

int64_t ScatterWriter::wantedTasks(double cost) {
  int64_t rows = 1, stretch = static_cast<int64_t>(size_of(ir::dtypeOf(type().getElementType())));
  for (int64_t d = 0; d < type().getRank(); ++d)
    if (d != axis())
      (d < axis() ? rows : stretch) *= type().getDimSize(d);
  const int64_t most = rows * llvm::divideCeilSigned(stretch, kLeastStretch);
  return std::clamp<int64_t>(static_cast<int64_t>(cost / kTaskNanoseconds), 1, std::min(most, kMostTasks));
}

// Along what is contiguous, if updates are contiguous there, too, or copied only.
LaneChoice ScatterWriter::lanes() {
  const LaneChoice lanes = chooseLanes(type(), groups, type().getShape(), target);
  return lanes.dim < axis() ? LaneChoice() : lanes;
}

// Loops over tensors like `walked`: those over the dimensions that tensors of input and updates share, cut
// into the same tasks for both, and inside of tasks those over the `removed` dimensions from the axis on.
LoopNest ScatterWriter::nest(RankedTensorType walked, int64_t removed, LaneChoice lanes, int64_t tasks) {
  SmallVector<int64_t> shared, own;
  for (int64_t d = 0; d < walked.getRank(); ++d)
    (d >= axis() && d < axis() + removed ? own : shared).push_back(d);
  const SmallVector<int64_t> origin(static_cast<size_t>(walked.getRank()), 0);
  LoopNest loops(shared, origin, walked.getShape(), lanes);
  loops.share(tasks, /*slack=*/1);
  loops.addInsideTasks(own, walked.getShape());
  return loops;
}

LoopNest ScatterWriter::updateNest(int64_t tasks) {
  LaneChoice lanes = this->lanes();
  if (lanes.dim == axis())
    lanes = {};
  else if (lanes.dim > axis())
    lanes.dim += indexRank() - 1;
  return nest(ir::tensorType(scatter.getUpdates()), indexRank(), lanes, tasks);
}

void ScatterWriter::writeTask(VectorEmitter& emitter, const MemoryView& result, Value task, int64_t tasks) {
  ir::Point at(static_cast<size_t>(type().getRank()));
  copyNest(tasks).emit(emitter, task, at,
                       [&] { emitter.store(result, at, emitter.element(scatter.getInput(), at)); });
  const RankedTensorType updates = ir::tensorType(scatter.getUpdates());
  if (updates.getNumElements() == 0)
    return;
  ir::Point update(static_cast<size_t>(updates.getRank()));
  updateNest(tasks).emit(emitter, task, update, [&] {
    const ir::Point to = scatter.target(emitter, update);
    Value sum =
        emitter.combine(ir::Combine::add, type().getElementType(), emitter.element(scatter.getResult(), to),
                        emitter.element(scatter.getUpdates(), update));
    emitter.store(result, to, sum);
  });
}

EmittedKernel ScatterWriter::write(llvm::LLVMContext& context) {
  const double cost = estimateNanoseconds(kernel);
  const bool isEmpty = type().getNumElements() == 0;
  const int64_t wanted = isEmpty ? 1 : wantedTasks(cost);
  EmittedKernel result;
  result.symbol = "sinter_" + kernel.getSymName().str();
  result.algorithm = "scatter";
  result.tasks = isEmpty ? 1 : copyNest(wanted).tasks();
  result.grain = grainOf(cost, result.tasks);

  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  LLVM::LLVMFuncOp function = makeKernelFunction(builder, loc, *module, result.symbol);
  builder.setInsertionPointToStart(function.addEntryBlock(builder));
  VectorEmitter emitter(builder, loc, *module, result.symbol, target.lanes(), groups);
  const MemoryView view = bindBuffers(emitter, kernel, groups, function.getArgument(0)).front();
  emitter.bind(scatter.getResult(), view);
  if (!isEmpty) {
    Value begin = arith::IndexCastOp::create(builder, loc, builder.getIndexType(), function.getArgument(1));
    Value end = arith::IndexCastOp::create(builder, loc, builder.getIndexType(), function.getArgument(2));
    emitter.forLoop(begin, end, 1, {0, result.tasks - 1, 1},
                    [&](Value task) { writeTask(emitter, view, task, wanted); });
  }
  LLVM::ReturnOp::create(builder, loc, ValueRange{});
  result.module = lowerToLlvm(*module, target, context);
  return result;
}

} // namespace

bool hasScatter(ir::KernelOp kernel) {
  return isa_and_nonnull<ir::ScatterAddOp>(kernel.getRoot());
}

EmittedKernel emitScatter(ir::KernelOp kernel, const Target& target, llvm::LLVMContext& context) {
  loadCodeDialects(*kernel.getContext());
  return ScatterWriter(kernel, target).write(context);
}

} // namespace sinter::codegen::cpu
