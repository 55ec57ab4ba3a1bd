// Elements added at positions that depend on data: a thread for every position that no index moves along,
// which sees all indices; so that sums do not depend on which thread is first.
#include "codegen/cuda/kernel_frame.h"

using namespace mlir;

namespace sinter::codegen::cuda {
namespace {

// The dimensions of `type` but for `count` from `axis` on.
SmallVector<ThreadEmitter::Side> sidesBut(RankedTensorType type, int64_t axis, int64_t count, bool inside) {
  SmallVector<ThreadEmitter::Side> sides;
  for (int64_t d = 0; d < type.getRank(); ++d)
    if ((d >= axis && d < axis + count) == inside)
      sides.push_back({d, 0, type.getDimSize(static_cast<unsigned>(d)), 1});
  return sides;
}

} // namespace

EmittedKernel emitScatter(ir::KernelOp kernel, StringRef symbol) {
  auto scatter = cast<ir::ScatterAddOp>(kernel.getRoot());
  const RankedTensorType type = ir::tensorType(scatter.getResult());
  const RankedTensorType updates = ir::tensorType(scatter.getUpdates());
  const auto axis = static_cast<int64_t>(scatter.getAxis());
  const int64_t indexRank = ir::tensorType(scatter.getIndices()).getRank();
  EmittedKernel out;
  out.threads[0] = kBlock;
  out.algorithm = "scatter";
  const DimensionGroups groups; // none: positions are of different tensors
  KernelFrame frame(kernel, symbol, groups);
  ThreadEmitter& emitter = frame.emitter;
  const MemoryView& result = frame.results.front();
  emitter.bind(scatter.getResult(), result);
  if (type.getNumElements() == 0)
    return frame.finish(out);

  const auto shared = sidesBut(type, axis, 1, false), along = sidesBut(type, axis, 1, true);
  const auto sharedUpdates = sidesBut(updates, axis, indexRank, false),
             indices = sidesBut(updates, axis, indexRank, true);
  frame.forTasks(total(shared), out, [&](Value task) {
    ir::Point at(static_cast<size_t>(type.getRank()));
    emitter.locate(task, shared, at);
    emitter.walk(emitter.index(0), total(along), emitter.index(1), [&](Value position) {
      emitter.locate(position, along, at);
      emitter.store(result, at, emitter.element(scatter.getInput(), at));
    });
    if (updates.getNumElements() == 0)
      return;
    ir::Point update(static_cast<size_t>(updates.getRank()));
    emitter.locate(task, sharedUpdates, update);
    emitter.walk(emitter.index(0), total(indices), emitter.index(1), [&](Value number) {
      emitter.locate(number, indices, update);
      const ir::Point to = scatter.target(emitter, update);
      Value sum =
          emitter.combine(ir::Combine::add, type.getElementType(), emitter.element(scatter.getResult(), to),
                          emitter.element(scatter.getUpdates(), update));
      emitter.store(result, to, sum);
    });
  });
  return frame.finish(out);
}

} // namespace sinter::codegen::cuda
