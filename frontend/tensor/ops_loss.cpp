// Losses.
#include "sinter/ops.h"

#include "tensor/arguments.h"
#include "trace/apply.h"
#include "trace/errors.h"

namespace sinter {

using trace::apply_as;

namespace {

constexpr const char* kCrossEntropy = "cross_entropy";

std::string described(const Tensor& tensor) {
  return to_string(View{nullptr, tensor.dtype(), tensor.shape(), {}});
}

Tensor losses_of_classes(const Tensor& logits, const Tensor& classes, int64_t axis,
                         const SourceLocation& where) {
  trace::check_known(logits, classes, [&](int64_t number) {
    if (number >= logits.shape()[static_cast<int>(axis)])
      trace::fail(where, kCrossEntropy,
                  "class " + std::to_string(number) + " is out of range for axis " + std::to_string(axis) +
                      " of the logits " + described(logits));
  });
  return apply_as<ir::SparseCrossEntropyOp>(kCrossEntropy, where, logits, classes, axis);
}

// Shapes are checked by the operations.
void check_dtypes(const Tensor& logits, const Tensor& targets, const SourceLocation& where) {
  if (!is_floating(logits.dtype()))
    trace::fail(where, kCrossEntropy, "the logits " + described(logits) + " are no floats");
  const bool are_classes = targets.dtype() == DType::i32 || targets.dtype() == DType::i64;
  if (targets.dtype() != logits.dtype() && !are_classes)
    trace::fail(where, kCrossEntropy,
                "the targets " + described(targets) + " are neither classes, of i32 or i64, nor weights of " +
                    std::string(name_of(logits.dtype())) + ", like the logits " + described(logits));
}

// Of the lines that have a class. In 16 bits, sums and counts would overflow or be rounded.
Tensor mean_of_classes(const Tensor& losses, const Tensor& classes, const SourceLocation& where) {
  const bool is_half = size_of(losses.dtype()) == 2;
  const Tensor terms = is_half ? cast(losses, DType::f32, where) : losses;
  const Tensor counted = cast(greater_equal(classes, 0, where), terms.dtype(), where);
  const Tensor mean = div(sum(terms, {}, false, where), sum(counted, {}, false, where), where);
  return is_half ? cast(mean, losses.dtype(), where) : mean;
}

} // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& targets, int axis, Reduction reduction,
                     SourceLocation where) {
  const int64_t line = trace::wrap_axis(where, kCrossEntropy, axis, logits.rank());
  check_dtypes(logits, targets, where);
  const bool has_classes = !is_floating(targets.dtype());
  const Tensor losses = has_classes
                            ? losses_of_classes(logits, targets, line, where)
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
