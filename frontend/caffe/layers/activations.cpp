// Functions of one element.
#include "frontend/caffe/layers.h"

#include <cmath>

namespace sinter::caffe_import {
namespace {

template <class Op>
void import_unary(LayerContext& layer) {
  layer.top(layer.node.make<Op>(layer.bottom()));
}

Value multiplied(LayerContext& layer, Value value, double factor) {
  return factor == 1 ? value : layer.node.make<ir::MulOp>(value, layer.node.scalar_like(factor, value));
}

// shift + scale * x
Value affine(LayerContext& layer) {
  const double scale = layer.settings.number("scale", 1), shift = layer.settings.number("shift", 0);
  const Value scaled = multiplied(layer, layer.bottom(), scale);
  return shift == 0 ? scaled : layer.node.make<ir::AddOp>(scaled, layer.node.scalar_like(shift, scaled));
}

// The natural logarithm of the field base, which stands for e where it is -1.
double log_of_base(LayerContext& layer) {
  const double base = layer.settings.number("base", -1);
  if (base != -1 && !(base > 0))
    throw Error("base is " + std::to_string(base) + "; it must be positive, or -1 for e");
  return base == -1 ? 1 : std::log(base);
}

void import_relu(LayerContext& layer) {
  const double slope = layer.settings.number("negative_slope", 0);
  layer.top(slope == 0 ? layer.node.make<ir::ReluOp>(layer.bottom())
                       : layer.node.make<ir::LeakyReluOp>(layer.bottom(), llvm::APFloat(slope)));
}

void import_prelu(LayerContext& layer) {
  const Value x = layer.bottom();
  if (layer.settings.boolean("channel_shared", false))
    return layer.top(layer.node.make<ir::PreluOp>(x, layer.blob(0, {})));
  if (rank_of(x) < 2)
    throw Error("the bottom has shape " + to_text(dims_of(x)) + "; it needs channels");
  Dims shape(static_cast<std::size_t>(rank_of(x) - 1), 1);
  shape[0] = dims_of(x)[1];
  const Value slope = layer.node.reshape(layer.blob(0, {shape[0]}), shape);
  layer.top(layer.node.make<ir::PreluOp>(x, slope));
}

BlobRanks slopes(const Layer&, const Settings& settings) {
  return {settings.boolean("channel_shared", false) ? 0 : 1};
}

void import_elu(LayerContext& layer) {
  layer.top(layer.node.make<ir::EluOp>(layer.bottom(), llvm::APFloat(layer.settings.number("alpha", 1))));
}

// x * sigmoid(beta * x)
void import_swish(LayerContext& layer) {
  const double beta = layer.settings.number("beta", 1);
  const Value x = layer.bottom();
  if (beta == 1)
    return layer.top(layer.node.make<ir::SiluOp>(x));
  layer.top(layer.node.make<ir::MulOp>(x, layer.node.make<ir::SigmoidOp>(multiplied(layer, x, beta))));
}

void import_clip(LayerContext& layer) {
  if (!layer.settings.has("min") || !layer.settings.has("max"))
    throw Error("min and max must both be given");
  const double low = layer.settings.number("min", 0), high = layer.settings.number("max", 0);
  layer.top(layer.node.make<ir::ClipOp>(layer.bottom(), llvm::APFloat(low), llvm::APFloat(high)));
}

void import_power(LayerContext& layer) {
  const double power = layer.settings.number("power", 1);
  const Value base = affine(layer);
  if (power == 1)
    return layer.top(base);
  layer.top(power == 2 ? layer.node.make<ir::MulOp>(base, base)
                       : layer.node.make<ir::PowOp>(base, layer.node.scalar_like(power, base)));
}

void import_exp(LayerContext& layer) {
  const double log = log_of_base(layer);
  layer.top(layer.node.make<ir::ExpOp>(multiplied(layer, affine(layer), log)));
}

void import_log(LayerContext& layer) {
  const double log = log_of_base(layer);
  if (log == 0)
    throw Error("base is 1, of which there is no logarithm");
  layer.top(multiplied(layer, layer.node.make<ir::LogOp>(affine(layer)), 1 / log));
}

// 1 above the threshold, else 0
void import_threshold(LayerContext& layer) {
  const Value x = layer.bottom();
  const double threshold = layer.settings.number("threshold", 0);
  const Value above = layer.node.make<ir::GreaterOp>(x, layer.node.scalar_like(threshold, x));
  layer.top(layer.node.cast(above, element_of(x)));
}

// Some forks of Caffe scale when a network is used instead of when it is trained.
void import_dropout(LayerContext& layer) {
  const bool scaled_in_training = layer.settings.boolean("scale_train", true);
  const double ratio = layer.settings.number("dropout_ratio", 0.5);
  layer.top(multiplied(layer, layer.bottom(), scaled_in_training ? 1 : 1 - ratio));
}

} // namespace

void add_activations(LayerTable& table) {
  table.add("ReLU", {import_relu, "relu_param"});
  table.add("PReLU", {import_prelu, "prelu_param", kOne, kOne, slopes});
  table.add("ELU", {import_elu, "elu_param"});
  table.add("Sigmoid", {import_unary<ir::SigmoidOp>, "sigmoid_param"});
  table.add("TanH", {import_unary<ir::TanhOp>, "tanh_param"});
  table.add("AbsVal", {import_unary<ir::AbsOp>});
  table.add("BNLL", {import_unary<ir::SoftplusOp>});
  table.add("Swish", {import_swish, "swish_param"});
  table.add("Clip", {import_clip, "clip_param"});
  table.add("Power", {import_power, "power_param"});
  table.add("Exp", {import_exp, "exp_param"});
  table.add("Log", {import_log, "log_param"});
  table.add("Threshold", {import_threshold, "threshold_param"});
  table.add("Dropout", {import_dropout, "dropout_param"});
}

} // namespace sinter::caffe_import
