// LRN, BatchNorm, MVN, Normalize and Softmax.
#include "frontend/caffe/layers.h"

namespace sinter::caffe_import {
namespace {

// Dimensions `first` to the last.
Dims axes_from(int64_t first, Value value) {
  Dims axes;
  for (int64_t i = first; i < rank_of(value); ++i)
    axes.push_back(i);
  return axes;
}

void check_channels(Value value) {
  if (rank_of(value) < 2)
    throw Error("the bottom has shape " + to_text(dims_of(value)) + "; it needs channels");
}

void import_softmax(LayerContext& layer) {
  const int64_t axis = axis_of(layer.settings, "axis", 1, rank_of(layer.bottom()));
  layer.top(layer.node.make<ir::SoftmaxOp>(layer.bottom(), axis));
}

// x * (1 + alpha * mean of squares in a square window)^-beta
void import_local_lrn(LayerContext& layer, int64_t size, double alpha, double beta) {
  NodeContext& node = layer.node;
  const Value x = layer.bottom();
  if (rank_of(x) != 4)
    throw Error("the bottom has shape " + to_text(dims_of(x)) + "; [N, C, H, W] is needed");
  const Dims kernel(2, size), ones(2, 1), pads(2, (size - 1) / 2);
  const Value mean = node.make<ir::AvgPoolOp>(node.make<ir::MulOp>(x, x), kernel, ones, ones, pads, pads,
                                              false, /*count_include_pad=*/true);
  const Value scale =
      node.make<ir::AddOp>(node.make<ir::MulOp>(mean, node.scalar_like(alpha, x)), node.scalar_like(1, x));
  node.output(node.make<ir::MulOp>(x, node.make<ir::PowOp>(scale, node.scalar_like(-beta, x))));
}

void import_lrn(LayerContext& layer) {
  static constexpr const char* kRegions[] = {"ACROSS_CHANNELS", "WITHIN_CHANNEL"};
  const Settings& settings = layer.settings;
  const int64_t size = settings.integer("local_size", 5, 1, int64_t{1} << 20);
  if (size % 2 == 0)
    throw Error("local_size is " + std::to_string(size) + "; it must be odd");
  const double alpha = settings.number("alpha", 1), beta = settings.number("beta", 0.75);
  const double k = settings.number("k", 1);
  if (settings.word("norm_region", kRegions, 0) == 1)
    return import_local_lrn(layer, size, alpha, beta);
  layer.top(layer.node.make<ir::LrnOp>(layer.bottom(), size, llvm::APFloat(alpha), llvm::APFloat(beta),
                                       llvm::APFloat(k)));
}

// Over some axes: what differs from the mean, and the mean of its squares.
struct Moments {
  Value centred, variance;
};
Moments moments_of(NodeContext& node, Value x, const Dims& axes) {
  const Value centred = node.make<ir::SubOp>(x, node.make<ir::ReduceMeanOp>(x, axes, true));
  return {centred, node.make<ir::ReduceMeanOp>(node.make<ir::MulOp>(centred, centred), axes, true)};
}

// By the statistics of the bottom itself.
void import_batch_norm_of_batch(LayerContext& layer, double epsilon) {
  NodeContext& node = layer.node;
  const Value x = layer.bottom();
  Dims axes = axes_from(1, x);
  axes[0] = 0; // all but the channels
  const auto [centred, variance] = moments_of(node, x, axes);
  const Value shifted = node.make<ir::AddOp>(variance, node.scalar_like(epsilon, x));
  node.output(node.make<ir::MulOp>(centred, node.make<ir::RsqrtOp>(shifted)));
}

// Blobs are sums of means and of variances, and by how much they are too large: 0 stands for no sums at all.
void import_batch_norm(LayerContext& layer) {
  NodeContext& node = layer.node;
  const Value x = layer.bottom();
  check_channels(x);
  const double epsilon = layer.settings.number("eps", 1e-5);
  const int64_t channels = dims_of(x)[1];
  const Value means = layer.blob(0, {channels}), variances = layer.blob(1, {channels});
  const Value sums = layer.blob(2, {1});
  if (!layer.settings.boolean("use_global_stats", true))
    return import_batch_norm_of_batch(layer, epsilon);
  const Value zero = node.splat(0, element_of(x), {1});
  const Value factor =
      node.make<ir::SelectOp>(node.make<ir::EqualOp>(sums, zero), zero, node.make<ir::ReciprocalOp>(sums));
  const Value one = node.splat(1, element_of(x), {channels});
  node.output(node.make<ir::BatchNormOp>(x, one, node.splat(0, element_of(x), {channels}),
                                         node.make<ir::MulOp>(means, factor),
                                         node.make<ir::MulOp>(variances, factor), llvm::APFloat(epsilon)));
}

BlobRanks statistics(const Layer&, const Settings&) {
  return {1, 1, 1};
}

void import_mvn(LayerContext& layer) {
  NodeContext& node = layer.node;
  const Value x = layer.bottom();
  const bool across = layer.settings.boolean("across_channels", false);
  const double epsilon = layer.settings.number("eps", 1e-9);
  const bool divides = layer.settings.boolean("normalize_variance", true);
  const Dims axes = axes_from(across ? 1 : 2, x);
  if (axes.empty())
    throw Error("the bottom has shape " + to_text(dims_of(x)) + ", of which there is nothing to normalise");
  const auto [centred, variance] = moments_of(node, x, axes);
  if (!divides)
    return layer.top(centred);
  const Value deviation = node.make<ir::AddOp>(node.make<ir::SqrtOp>(variance), node.scalar_like(epsilon, x));
  layer.top(node.make<ir::DivOp>(centred, deviation));
}

// SSD's: x / sqrt(sum of squares + eps), times a factor for all channels or for each.
void import_normalize(LayerContext& layer) {
  NodeContext& node = layer.node;
  const Value x = layer.bottom();
  check_channels(x);
  const bool shared = layer.settings.boolean("channel_shared", true);
  const Dims axes = layer.settings.boolean("across_spatial", true) ? axes_from(1, x) : Dims{1};
  const double epsilon = layer.settings.number("eps", 1e-10);
  const Value sum = node.make<ir::ReduceSumOp>(node.make<ir::MulOp>(x, x), axes, true);
  const Value norm = node.make<ir::SqrtOp>(node.make<ir::AddOp>(sum, node.scalar_like(epsilon, x)));
  Dims shape(static_cast<std::size_t>(rank_of(x) - 1), 1);
  shape[0] = dims_of(x)[1];
  const Value scale = shared ? layer.blob(0, {}) : node.reshape(layer.blob(0, {shape[0]}), shape);
  layer.top(node.make<ir::MulOp>(node.make<ir::DivOp>(x, norm), scale));
}

BlobRanks normalize_blobs(const Layer&, const Settings& settings) {
  return {settings.boolean("channel_shared", true) ? 0 : 1};
}

} // namespace

void add_normalizations(LayerTable& table) {
  table.add("Softmax", {import_softmax, "softmax_param"});
  table.add("LRN", {import_lrn, "lrn_param"});
  table.add("BatchNorm", {import_batch_norm, "batch_norm_param", kOne, kOne, statistics});
  table.add("MVN", {import_mvn, "mvn_param"});
  table.add("Normalize", {import_normalize, "norm_param", kOne, kOne, normalize_blobs});
}

} // namespace sinter::caffe_import
