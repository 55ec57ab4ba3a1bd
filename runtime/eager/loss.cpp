// Losses.
#include "sinter/runtime/eager/loss.h"

#include "eager/line.h"
#include "eager/reduce_axes.h"

namespace sinter::eager {
namespace {

// Calls visit(line of logits, offsets of `others` and `result` at it) for every line along `axis`.
template <class Visit>
void for_each_line(std::string_view name, const View& logits, int64_t axis, const View& others,
                   const View& result, Visit&& visit) {
  require_same_dtype(name, {logits, result});
  const unsigned mask = axis_mask(name, logits, {&axis, 1});
  const View lines = pick_dims(logits, mask, false);
  for (const View* view : {&others, &result})
    if (!(view->shape == lines.shape))
      throw Error(std::string(name) + ": " + to_string(*view) + " where the shape " + to_string(lines.shape) +
                  " is expected");
  const LoopNest nest = plan_loops({{lines, others, result}});
  const int a = static_cast<int>(axis);
  visit_floating(logits.dtype, name, [&](auto zero) {
    using T = decltype(zero);
    for_each_offset<3>(nest.extents, {nest.strides[0], nest.strides[1], nest.strides[2]},
                       [&](const auto& at) {
                         const Line<T> line{logits.as<T>() + at[0], logits.shape[a], logits.strides[a]};
                         result.as<T>()[at[2]] = static_cast<T>(visit(line, at[1]));
                       });
  });
}

template <class Class, class T>
double loss_of(const View& logits, int64_t axis, Class chosen, const Line<T>& line) {
  if (chosen < 0)
    return 0;
  if (chosen >= line.count)
    throw Error("class " + std::to_string(chosen) + " is out of range for axis " + std::to_string(axis) +
                " of the logits " + to_string(logits));
  const double max = line.max();
  return max - line.at(static_cast<int64_t>(chosen)) + std::log(line.sum_of_exp(max));
}

} // namespace

void cross_entropy(const View& logits, const View& targets, const View& result, int64_t axis) {
  require_same_dtype("cross_entropy", {logits, targets});
  if (!(logits.shape == targets.shape))
    throw Error("cross_entropy: " + to_string(targets) + " where the shape " + to_string(logits.shape) +
                " is expected");
  const View others = pick_dims(targets, axis_mask("cross_entropy", targets, {&axis, 1}), false);
  const int64_t stride = targets.strides[static_cast<int>(axis)];
  for_each_line("cross_entropy", logits, axis, others, result, [&]<class T>(const Line<T>& line, int64_t at) {
    const Line<T> weights{targets.as<T>() + at, line.count, stride};
    const double max = line.max();
    double total = 0, dot = 0;
    for (int64_t i = 0; i < line.count; ++i) {
      total += weights.at(i);
      dot += weights.at(i) * (line.at(i) - max);
    }
    return std::log(line.sum_of_exp(max)) * total - dot;
  });
}

void sparse_cross_entropy(const View& logits, const View& classes, const View& result, int64_t axis) {
  if (classes.dtype != DType::i32 && classes.dtype != DType::i64)
    throw Error("sparse_cross_entropy: classes are " + std::string(name_of(classes.dtype)) +
                "; i32 or i64 is needed");
  for_each_line("sparse_cross_entropy", logits, axis, classes, result,
                [&](const auto& line, int64_t at) -> double {
                  return classes.dtype == DType::i32 ? loss_of(logits, axis, classes.as<int32_t>()[at], line)
                                                     : loss_of(logits, axis, classes.as<int64_t>()[at], line);
                });
}

} // namespace sinter::eager
