// Windows of convolutions and poolings.
#pragma once

#include "frontend/caffe/layer.h"

namespace sinter::caffe_import {

/// One entry per spatial dimension.
struct Window {
  Dims kernel, strides, pads;
};

/// The extents of `value`, [N, C, spatial...], behind the first two. Throws unless there are 1 to 3.
Dims spatial_extents(Value value);

/// Fields kernel_size, stride and pad, with one entry or one for each of `count` dimensions, or their forms
/// with _h and _w for two dimensions. Without `needs_kernel`, it may be left out, and is empty then.
Window read_window(const Settings& settings, std::size_t count, bool needs_kernel);

/// The values of `field`: one for all `count` dimensions, or one for each, or `otherwise`.
Dims per_dimension(const Settings& settings, const char* field, std::size_t count, int64_t otherwise,
                   int64_t least);

} // namespace sinter::caffe_import
