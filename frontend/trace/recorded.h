// Recording operations with bodies.
#pragma once

#include "trace/errors.h"
#include "trace/trace.h"

#include <span>

namespace sinter::trace {

/// The trace that one of the tensors belongs to, or else the one of the function being traced; null: none.
inline std::shared_ptr<Trace> trace_of(std::span<const Tensor> tensors) {
  for (const Tensor& tensor : tensors)
    if (const Node& node = node_of(tensor); node.may_record())
      if (auto found = trace_for(node))
        return found;
  return TraceScope::innermost();
}

inline llvm::SmallVector<mlir::Value> values_of(Trace& trace, std::span<const Tensor> tensors) {
  llvm::SmallVector<mlir::Value> values;
  for (const Tensor& tensor : tensors)
    values.push_back(trace.value(tensor));
  return values;
}

/// The results of the operation that `body(builder, location)` makes. As locate(), with types in the words of
/// users.
template <class Body>
std::vector<Tensor> recorded(Trace& trace, const SourceLocation& where, std::string_view operation,
                             Body&& body) {
  return locate(where, operation, [&] {
    if (!trace.is_open())
      throw Error(trace.finished());
    trace.check_thread();
    trace.tidy();
    try {
      mlir::Operation* op = body(trace.builder(), mlir_location(trace.builder().getContext(), where));
      std::vector<Tensor> results;
      for (mlir::Value result : op->getResults())
        results.push_back(trace.tensor(result));
      return results;
    } catch (const Error& error) {
      throw Error(in_user_terms(error.what()), error.kind());
    }
  });
}

} // namespace sinter::trace
