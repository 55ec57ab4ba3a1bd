// Eager data-dependent access. Shapes are not checked (see View).
#pragma once

#include "sinter/runtime/view.h"

namespace sinter::eager {

/// Slices of `input` along `axis` at `indices` (i32 or i64; negative ones count from the end). The result's
/// shape is the input's dimensions before the axis, those of the indices, and the input's after the axis.
/// Throws Error for an index out of range.
void gather(const View& input, const View& indices, const View& result, int axis);

/// `input` with slices added to it: those of `updates`, which has the shape that gather gives, at `indices`
/// along `axis`, one after the other. Throws Error for an index out of range.
void scatter_add(const View& input, const View& indices, const View& updates, const View& result, int axis);

} // namespace sinter::eager
