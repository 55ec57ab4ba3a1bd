// Recording of functions that reverse mode computes again.
#include "sinter/checkpoint.h"

#include "ir/control_flow.h"
#include "trace/recorded.h"
#include "trace/traced_body.h"

#include "llvm/ADT/SetVector.h"

#include <optional>

using namespace mlir;

namespace sinter::detail {

// The function is recorded where it is called, so that elements can be read in it; what it recorded becomes
// a body when it returns.
struct CheckpointRecording::Impl {
  SourceLocation where;
  std::shared_ptr<trace::Trace> trace;
  std::optional<trace::Trace::BodyScope> scope;
  Block* block = nullptr;
  Operation* before = nullptr;
};

CheckpointRecording::CheckpointRecording(std::span<const Tensor> inputs, const SourceLocation& where)
    : impl_(new Impl{where, trace::trace_of(inputs), std::nullopt}) {
  trace::locate(where, "checkpoint", [&] {
    if (!impl_->trace->is_open())
      throw Error(impl_->trace->finished());
  });
  impl_->block = impl_->trace->builder().getInsertionBlock();
  impl_->before = impl_->block->empty() ? nullptr : &impl_->block->back();
  impl_->scope.emplace(*impl_->trace);
}

CheckpointRecording::~CheckpointRecording() = default;

std::vector<Tensor> CheckpointRecording::finish(std::span<const Tensor> results) {
  trace::Trace& trace = *impl_->trace;
  return trace::locate(impl_->where, "checkpoint", [&] {
    trace::TracedBody body(trace, impl_->before, results, impl_->where);
    const llvm::SmallVector<Value> inside(body.yielded());
    impl_->scope.reset();
    const std::vector<Tensor> outside =
        trace::recorded(trace, impl_->where, "checkpoint", [&](OpBuilder& builder, Location location) {
          llvm::SetVector<Value> captured;
          body.collect_captured(captured);
          return ir::createCheckpoint(builder, location, captured.getArrayRef(),
                                      body.isolated(captured.getArrayRef()));
        });
    for (auto [value, tensor] : llvm::zip_equal(inside, outside))
      if (const Tensor* known = trace.known(value))
        trace.know(trace.value(tensor), Tensor(*known));
    return outside;
  });
}

} // namespace sinter::detail
