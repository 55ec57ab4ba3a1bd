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

} // namespace sinter::eager
