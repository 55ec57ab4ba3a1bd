// Eager convolutions over one to three spatial dimensions, f32 and f64. Shapes are not checked (see View).
#pragma once

#include "sinter/runtime/view.h"

namespace sinter::eager {

/// One entry per spatial dimension. What is padded at the end follows from the result's shape.
struct ConvGeometry {
  Shape strides;
  Shape dilations;
  Shape pad_begin;
  int64_t groups = 1;
};

/// input [N, C, spatial...], filter [M, C / groups, kernel...], bias [M] or null; result [N, M, out...].
void conv(const View& input, const View& filter, const View* bias, const View& result,
          const ConvGeometry& geometry);

/// input [N, C, spatial...], filter [C, M / groups, kernel...], bias [M] or null; result [N, M, out...].
void conv_transpose(const View& input, const View& filter, const View* bias, const View& result,
                    const ConvGeometry& geometry);

/// The gradient of conv by its filter: input [N, C, spatial...], cotangent [N, M, out...], filter
/// [M, C / groups, kernel...].
void conv_filter_gradient(const View& input, const View& cotangent, const View& filter,
                          const ConvGeometry& geometry);

} // namespace sinter::eager
