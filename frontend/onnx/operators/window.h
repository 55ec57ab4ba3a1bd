// Attributes that convolutions and poolings share: strides, dilations and padding of a sliding window.
#pragma once

#include "frontend/onnx/node_context.h"

namespace sinter::onnx_import {

/// One entry per spatial dimension.
struct Window {
  Dims kernel, strides, dilations, pad_begin, pad_end;
  bool automatic = false; ///< padding follows from auto_pad
};

/// Attribute `name` with `count` entries of at least `least`, or all `otherwise`.
Dims spatial_attribute(NodeContext& node, const char* name, std::size_t count, int64_t otherwise,
                       int64_t least);

/// Everything but the padding, for a window of extents `kernel`.
Window read_window(NodeContext& node, llvm::ArrayRef<int64_t> kernel);

/// The padding of a window that slides over `extents`: explicit, or such that the result has ceil(extent /
/// stride) elements (SAME_UPPER, SAME_LOWER), or none (VALID).
void read_padding(NodeContext& node, llvm::ArrayRef<int64_t> extents, Window& window);

/// The explicit attribute `pads`: what goes before every spatial dimension, then what goes after.
void read_pads(NodeContext& node, Window& window);

/// The spatial part of the shape of `value`, [N, C, spatial...]. Throws unless there are 1 to 3 spatial
/// dimensions.
Dims spatial_extents(Value value);

} // namespace sinter::onnx_import
