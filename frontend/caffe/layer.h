// A layer of a Caffe network, and what its importer sees.
#pragma once

#include "frontend/caffe/settings.h"
#include "frontend/onnx/node_context.h"

namespace sinter::caffe_import {

using onnx_import::Dims;
using onnx_import::dims_of;
using onnx_import::element_of;
using onnx_import::NodeContext;
using onnx_import::product;
using onnx_import::rank_of;
using onnx_import::to_text;
using onnx_import::Value;

/// A layer as the .prototxt has it.
struct Layer {
  std::string name, type;
  std::vector<std::string> bottoms, tops;
  const Message* message = nullptr;
};

/// "layer 'conv1' (Convolution)"
std::string describe(const Layer& layer);

/// A layer while it is imported, at known shapes. Everything throws Error without naming the layer.
class LayerContext {
public:
  LayerContext(const Layer& layer, const Settings& settings, NodeContext& context)
      : layer(layer), settings(settings), node(context) {}

  const Layer& layer;
  const Settings& settings; ///< of the layer's type
  NodeContext& node;

  int bottom_count() const { return static_cast<int>(layer.bottoms.size()); }
  Value bottom(int i = 0) const { return node.input(i); }
  bool has_blob(int i) const { return node.has_input(bottom_count() + i); }
  /// Blob `i` of the layer, which must have the shape `dims`.
  Value blob(int i, llvm::ArrayRef<int64_t> dims) const;
  Value blob(int i) const { return node.input(bottom_count() + i); }
  void top(Value value) { node.output(value); }
};

/// `axis` as it counts from the front, where it may count from the back.
inline int64_t axis_of(const Settings& settings, const char* field, int64_t otherwise, int64_t rank) {
  return NodeContext::normalize_axis(settings.integer(field, otherwise, -kMaxRank, kMaxRank), rank);
}

/// Above any extent, offset or count of a network, and far below where sums and products of two overflow.
inline constexpr int64_t kMostExtent = int64_t{1} << 30;

} // namespace sinter::caffe_import
