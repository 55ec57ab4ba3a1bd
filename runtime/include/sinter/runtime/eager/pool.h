// Eager sliding-window pooling over one to three spatial dimensions. Shapes are not checked (see View).
#pragma once

#include "sinter/runtime/view.h"

namespace sinter::eager {

/// One entry per spatial dimension.
struct PoolGeometry {
  Shape kernel;
  Shape strides;
  Shape dilations;
  Shape pad_begin;
  Shape pad_end;
};

/// The largest element of each window; NaN if the window holds one; the least number if the window lies in
/// padding only. Number types but f16 and bf16.
void max_pool(const View& input, const View& result, const PoolGeometry& geometry);

/// The mean of each window (f32, f64) over its positions inside the input or, with `count_include_pad`,
/// inside the padded input. A window with no such position gives 0.
void avg_pool(const View& input, const View& result, const PoolGeometry& geometry, bool count_include_pad);

/// Which tap of each window is its first largest element, the taps of a window being numbered in row-major
/// order (i32): the first NaN if there is one; -1 if the window lies in padding only.
void max_pool_index(const View& input, const View& result, const PoolGeometry& geometry);

/// The element of `input` under the tap that `index` (i32) names in each window; 0 where there is none.
void window_gather(const View& input, const View& index, const View& result, const PoolGeometry& geometry);

/// The transpose of window_gather: every number of `values` is added to the element of the result that is
/// under the tap which `index` names in its window.
void window_scatter(const View& values, const View& index, const View& result, const PoolGeometry& geometry);

/// The transpose of avg_pool: every number of `values` is shared out among the elements of its window.
void avg_pool_transpose(const View& values, const View& result, const PoolGeometry& geometry,
                        bool count_include_pad);

} // namespace sinter::eager
