// Splitting a view's dimensions into those a reduction keeps and those it folds.
#pragma once

#include "eager/elementwise_loops.h"

namespace sinter::eager {

/// The dimensions of `view` on which `axes` has, or has not, a bit set.
View pick_dims(const View& view, unsigned axes, bool in_axes);

/// One bit per axis. Throws Error naming the operation `name` if an axis is out of range or appears twice.
unsigned axis_mask(std::string_view name, const View& x, std::span<const int64_t> axes);

struct ReducePlan {
  LoopNest kept;     ///< of (x, result)
  LoopNest reduced;  ///< of (x)
  int64_t count = 1; ///< elements of x that fold into one
};

/// Throws Error naming the operation `name` if axes or the result's shape do not fit x.
ReducePlan plan_reduction(std::string_view name, const View& x, const View& result,
                          std::span<const int64_t> axes);

} // namespace sinter::eager
