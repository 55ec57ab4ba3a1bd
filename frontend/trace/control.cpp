// Branches and loops on traced tensors.
#include "sinter/control.h"
#include "sinter/ops.h"

#include "ir/control_flow.h"
#include "trace/recorded.h"
#include "trace/traced_body.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace sinter::detail {

using trace::fail;
using trace::node_of;
using trace::recorded;
using trace::Trace;
using trace::trace_of;
using trace::TracedBody;
using trace::values_of;

namespace {

void check_predicate(const Tensor& predicate, std::string_view operation, const SourceLocation& where) {
  if (predicate.dtype() != DType::boolean || predicate.elements() != 1)
    fail(where, operation,
         "the condition is " + to_string(View{nullptr, predicate.dtype(), predicate.shape(), {}}) +
             ", not a bool of one element");
}

} // namespace

bool is_tracing(std::span<const Tensor> tensors) {
  return trace_of(tensors) != nullptr;
}

bool is_known(const Tensor& predicate) {
  const trace::Node& node = node_of(predicate);
  return !node.may_record() || !trace::trace_for(node);
}

std::vector<Tensor> trace_cond(const Tensor& predicate, const TraceBody& then_body,
                               const TraceBody& else_body, const SourceLocation& where) {
  check_predicate(predicate, "cond", where);
  const auto trace = trace::trace_for(node_of(predicate));
  return recorded(*trace, where, "cond", [&](OpBuilder& builder, Location location) -> Operation* {
    const Value condition = trace->value(reshape(predicate, {}, where));
    TracedBody then(*trace, {}, then_body, where), otherwise(*trace, {}, else_body, where);
    llvm::SetVector<Value> captured;
    then.collect_captured(captured);
    otherwise.collect_captured(captured);
    return ir::createCond(builder, location, condition, captured.getArrayRef(),
                          then.isolated(captured.getArrayRef()), otherwise.isolated(captured.getArrayRef()));
  });
}

std::vector<Tensor> trace_while(std::span<const Tensor> carries, const TraceBody& condition,
                                const TraceBody& body, const WhileOptions& options,
                                const SourceLocation& where) {
  const auto trace = trace_of(carries);
  if (options.max_iterations && *options.max_iterations < 0)
    fail(where, "while_loop", "at most " + std::to_string(*options.max_iterations) + " iterations");
  const TraceBody predicate = [&](std::span<const Tensor> tensors) {
    const Tensor holds = condition(tensors)[0];
    check_predicate(holds, "while_loop", where);
    return std::vector{reshape(holds, {}, where)};
  };
  return recorded(*trace, where, "while_loop", [&](OpBuilder& builder, Location location) -> Operation* {
    const auto values = values_of(*trace, carries);
    const auto types = llvm::to_vector(ValueRange(values).getTypes());
    TracedBody test(*trace, types, predicate, where), round(*trace, types, body, where);
    llvm::SetVector<Value> captured;
    test.collect_captured(captured);
    round.collect_captured(captured);
    return ir::createWhile(builder, location, values, captured.getArrayRef(),
                           test.isolated(captured.getArrayRef()), round.isolated(captured.getArrayRef()),
                           options.max_iterations);
  });
}

std::vector<Tensor> trace_scan(std::span<const Tensor> carries, std::span<const Tensor> sequences,
                               const TraceBody& body, const ScanOptions& options,
                               const SourceLocation& where) {
  std::vector<Tensor> all(carries.begin(), carries.end());
  all.insert(all.end(), sequences.begin(), sequences.end());
  const auto trace = trace_of(all);
  return recorded(*trace, where, "scan", [&](OpBuilder& builder, Location location) -> Operation* {
    const auto starts = values_of(*trace, carries), stacked = values_of(*trace, sequences);
    llvm::SmallVector<Type> types(ValueRange(starts).getTypes());
    for (Value sequence : stacked)
      types.push_back(ir::sliceType(ir::tensorType(sequence)));
    TracedBody step(*trace, types, body, where);
    llvm::SetVector<Value> captured;
    step.collect_captured(captured);
    return ir::createScan(builder, location, starts, stacked, captured.getArrayRef(), options.steps,
                          options.reverse, step.isolated(captured.getArrayRef()));
  });
}

int64_t scan_steps(std::span<const Tensor> sequences, const ScanOptions& options,
                   const SourceLocation& where) {
  int64_t steps = options.steps;
  if (steps < -1)
    fail(where, "scan", std::to_string(steps) + " steps");
  for (const Tensor& sequence : sequences) {
    if (sequence.rank() == 0)
      fail(where, "scan", "a sequence has no dimension to go along");
    if (steps < 0)
      steps = sequence.shape()[0];
    if (sequence.shape()[0] != steps)
      fail(where, "scan",
           "a sequence of shape " + to_string(sequence.shape()) + " for " + std::to_string(steps) + " steps");
  }
  if (steps < 0)
    fail(where, "scan", "without sequences, ScanOptions::steps must say how many steps there are");
  return steps;
}

Tensor scan_slice(const Tensor& sequence, int64_t step, const SourceLocation& where) {
  return squeeze(slice(sequence, 0, step, step + 1, 1, where), 0, where);
}

std::vector<Tensor> scan_stack(const std::vector<std::vector<Tensor>>& steps, const SourceLocation& where) {
  std::vector<Tensor> stacks;
  for (std::size_t i = 0; i < steps[0].size(); ++i) {
    std::vector<Tensor> parts;
    for (const std::vector<Tensor>& step : steps)
      parts.push_back(unsqueeze(step[i], 0, where));
    stacks.push_back(concat(parts, 0, where));
  }
  return stacks;
}

void fail_no_steps(const SourceLocation& where) {
  fail(where, "scan", "no steps: the shapes of what it gives are known only inside compile() or grad()");
}

} // namespace sinter::detail
