// Bodies of branches and loops, while they are traced and afterwards.
#pragma once

#include "sinter/control.h"
#include "trace/trace.h"

#include "mlir/IR/Region.h"

#include <memory>

namespace sinter::trace {

/// A body as C++ recorded it: what it uses from outside is not among its arguments yet.
class TracedBody {
public:
  /// Calls `body` with traced tensors of these types; what is recorded meanwhile is the body.
  TracedBody(Trace& trace, mlir::TypeRange arguments, const detail::TraceBody& body,
             const SourceLocation& where);

  /// Makes a body that yields `results` of what was recorded after `before`, at the place where things are
  /// recorded (null: all of it).
  TracedBody(Trace& trace, mlir::Operation* before, std::span<const Tensor> results,
             const SourceLocation& where);

  mlir::TypeRange results() const { return region_->front().getTerminator()->getOperandTypes(); }
  /// Adds what the body uses from outside. Constants move in instead.
  void collect_captured(llvm::SetVector<mlir::Value>& captured);
  /// Makes further arguments of `captured` and ends the recording.
  std::unique_ptr<mlir::Region> isolated(mlir::ArrayRef<mlir::Value> captured);
  mlir::ValueRange yielded() const { return region_->front().getTerminator()->getOperands(); }

private:
  std::unique_ptr<mlir::Region> region_;
};

} // namespace sinter::trace
