// What is recorded while eager operations run, for backward().
#pragma once

#include "autodiff/recorder.h"
#include "trace/trace.h"

#include <optional>
#include <span>

namespace sinter::autodiff {

/// What a tape needs before it is a trace: the context.
struct TapeContext {
  Recorder::Lease lease;
};

/// The trace of what a thread records outside of functions that are compiled or differentiated. It lives as
/// long as one of its tensors: whatever is recorded when there is none begins another.
class Tape final : private TapeContext, public trace::Trace {
public:
  Tape();

  /// The one of the calling thread that is open, or a new one.
  static std::shared_ptr<Tape> current();

  /// True if `value` depends on a leaf by operations that are differentiated.
  bool requires_grad(mlir::Value value) const;

  /// Adds the derivatives of `output` to the gradients of its leaves. Throws Error.
  void backward(mlir::Value output, const std::optional<Tensor>& cotangent, bool retain,
                const SourceLocation& where);

private:
  class Plan;
  std::vector<Tensor> run(const Plan& plan, const std::optional<Tensor>& cotangent,
                          const SourceLocation& where);
  void release(const Plan& plan, const SourceLocation& where);
};

/// The gradient of a leaf, which threads may share.
void add_to_gradient(const trace::Node& leaf, const Tensor& derivative);
std::optional<Tensor> gradient_of(const trace::Node& leaf);
void forget_gradient(const trace::Node& leaf);

} // namespace sinter::autodiff
