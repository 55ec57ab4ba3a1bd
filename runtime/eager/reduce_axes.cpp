// Splitting a view's dimensions into those a reduction keeps and those it folds.
#include "eager/reduce_axes.h"

namespace sinter::eager {

View pick_dims(const View& view, unsigned axes, bool in_axes) {
  View picked{view.data, view.dtype, {}, {}};
  for (int d = 0; d < view.rank(); ++d)
    if (((axes >> d & 1u) != 0) == in_axes) {
      picked.shape.push_back(view.shape[d]);
      picked.strides.push_back(view.strides[d]);
    }
  return picked;
}

unsigned axis_mask(std::string_view name, const View& x, std::span<const int64_t> axes) {
  unsigned mask = 0;
  for (int64_t axis : axes) {
    if (axis < 0 || axis >= x.rank())
      throw Error(std::string(name) + ": axis " + std::to_string(axis) + " is out of range for " +
                  to_string(x));
    if (mask >> axis & 1u)
      throw Error(std::string(name) + ": axis " + std::to_string(axis) + " appears twice");
    mask |= 1u << axis;
  }
  return mask;
}

ReducePlan plan_reduction(std::string_view name, const View& x, const View& result,
                          std::span<const int64_t> axes) {
  const unsigned mask = axis_mask(name, x, axes);
  const View kept = pick_dims(x, mask, false), reduced = pick_dims(x, mask, true);
  const View out = result.rank() == x.rank() ? pick_dims(result, mask, false) : result;
  if (!(out.shape == kept.shape) || result.elements() != out.elements())
    throw Error(std::string(name) + ": " + to_string(x) + " does not reduce to " + to_string(result));
  return {plan_loops({{kept, out}}), plan_loops({{reduced}}), reduced.elements()};
}

} // namespace sinter::eager
