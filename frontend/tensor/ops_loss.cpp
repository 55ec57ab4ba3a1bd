// Losses.
#include "sinter/ops.h"

#include "tensor/arguments.h"
#include "trace/apply.h"
#include "trace/errors.h"

namespace sinter {

using trace::apply_as;

namespace {

constexpr const char* kCrossEntropy = "cross_entropy";

// Of the lines that have a class.
Tensor mean_of_classes(const Tensor& losses, const Tensor& classes, const SourceLocation& where) {
  const Tensor counted = cast(greater_equal(classes, 0, where), losses.dtype(), where);
  return div(sum(losses, {}, false, where), sum(counted, {}, false, where), where);
}

} // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& targets, int axis, Reduction reduction,
                     SourceLocation where) {
  const int64_t line = trace::wrap_axis(where, kCrossEntropy, axis, logits.rank());
  const bool has_classes = !is_floating(targets.dtype());
  const Tensor losses = has_classes
                            ? apply_as<ir::SparseCrossEntropyOp>(kCrossEntropy, where, logits, targets, line)
                            : apply_as<ir::CrossEntropyOp>(kCrossEntropy, where, logits, targets, line);
  switch (reduction) {
  case Reduction::none:
    return losses;
  case Reduction::sum:
    return sum(losses, {}, false, where);
  case Reduction::mean:
    break;
  }
  return has_classes ? mean_of_classes(losses, targets, where) : mean(losses, {}, false, where);
}

} // namespace sinter
