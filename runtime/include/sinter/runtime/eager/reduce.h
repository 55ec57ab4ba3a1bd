// Reductions of strided views over axes.
//
// `axes` are distinct and in [0, rank); the result has the remaining dimensions, with or without those of the
// axes as extent 1. Sums and products of floats accumulate in f64, those of integers wrap around. "Numbers"
// are f32, f64, i32, i64, i8 and u8. Error for other element types and for shapes that do not fit.
#pragma once

#include "sinter/runtime/view.h"

#include <span>

namespace sinter::eager {

void reduce_sum(const View& x, const View& result, std::span<const int64_t> axes);
/// Of floats; NaN of nothing.
void reduce_mean(const View& x, const View& result, std::span<const int64_t> axes);
/// NaN if any is; the lowest value (-infinity of floats) of nothing.
void reduce_max(const View& x, const View& result, std::span<const int64_t> axes);
/// NaN if any is; the highest value (infinity of floats) of nothing.
void reduce_min(const View& x, const View& result, std::span<const int64_t> axes);
void reduce_prod(const View& x, const View& result, std::span<const int64_t> axes);

/// Index of the first largest element along `axis`, which must not be empty, into an i64 result. NaN counts
/// as largest.
void argmax(const View& x, const View& result, int64_t axis);
/// ... of the first smallest; NaN counts as smallest.
void argmin(const View& x, const View& result, int64_t axis);

} // namespace sinter::eager
