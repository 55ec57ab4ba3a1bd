// Convolution and Deconvolution.
#include "frontend/caffe/layers.h"
#include "frontend/caffe/layers/window.h"

namespace sinter::caffe_import {
namespace {

struct Convolution {
  Window window;
  Dims dilations;
  int64_t channels, outputs, groups;
};

Convolution read_convolution(LayerContext& layer) {
  const Settings& settings = layer.settings;
  const Dims extents = spatial_extents(layer.bottom());
  if (axis_of(settings, "axis", 1, rank_of(layer.bottom())) != 1)
    throw Error("axis other than 1 is not supported");
  Convolution read{read_window(settings, extents.size(), true),
                   per_dimension(settings, "dilation", extents.size(), 1, 1), dims_of(layer.bottom())[1],
                   settings.integer("num_output", 0, 1, kMostExtent),
                   settings.integer("group", 1, 1, kMostExtent)};
  if (read.outputs == 0)
    throw Error("num_output is missing");
  if (read.channels % read.groups != 0 || read.outputs % read.groups != 0)
    throw Error(std::to_string(read.groups) + " groups do not divide " + std::to_string(read.channels) +
                " channels and " + std::to_string(read.outputs) + " outputs");
  return read;
}

Value bias_of(LayerContext& layer, const Convolution& convolution) {
  return layer.settings.boolean("bias_term", true) ? layer.blob(1, {convolution.outputs}) : Value();
}

Dims filter_shape(int64_t first, int64_t second, const Dims& kernel) {
  Dims shape{first, second};
  shape.append(kernel.begin(), kernel.end());
  return shape;
}

void import_convolution(LayerContext& layer) {
  const Convolution conv = read_convolution(layer);
  const Value filter =
      layer.blob(0, filter_shape(conv.outputs, conv.channels / conv.groups, conv.window.kernel));
  layer.top(layer.node.make<ir::ConvOp>(layer.bottom(), filter, bias_of(layer, conv), conv.window.strides,
                                        conv.dilations, conv.window.pads, conv.window.pads, conv.groups));
}

void import_deconvolution(LayerContext& layer) {
  const Convolution conv = read_convolution(layer);
  const Value filter =
      layer.blob(0, filter_shape(conv.channels, conv.outputs / conv.groups, conv.window.kernel));
  const Dims no_padding(conv.window.kernel.size(), 0);
  layer.top(layer.node.make<ir::ConvTransposeOp>(layer.bottom(), filter, bias_of(layer, conv),
                                                 conv.window.strides, conv.dilations, conv.window.pads,
                                                 conv.window.pads, no_padding, conv.groups));
}

BlobRanks filter_and_bias(const Layer&, const Settings& settings) {
  return settings.boolean("bias_term", true) ? BlobRanks{-1, 1} : BlobRanks{-1};
}

} // namespace

void add_convolutions(LayerTable& table) {
  table.add("Convolution", {import_convolution, "convolution_param", kOne, kOne, filter_and_bias});
  table.add("Deconvolution", {import_deconvolution, "convolution_param", kOne, kOne, filter_and_bias});
}

} // namespace sinter::caffe_import
