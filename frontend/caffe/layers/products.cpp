// InnerProduct and Embed.
#include "frontend/caffe/layers.h"

namespace sinter::caffe_import {
namespace {

int64_t outputs_of(const Settings& settings) {
  const int64_t outputs = settings.integer("num_output", 0, 1, kMostExtent);
  if (outputs == 0)
    throw Error("num_output is missing");
  return outputs;
}

Value with_bias(LayerContext& layer, Value value, int64_t outputs) {
  return layer.settings.boolean("bias_term", true)
             ? layer.node.make<ir::AddOp>(value, layer.blob(1, {outputs}))
             : value;
}

// The dimensions from the axis on are one.
void import_inner_product(LayerContext& layer) {
  const Settings& settings = layer.settings;
  const int64_t outputs = outputs_of(settings);
  const bool transposed = settings.boolean("transpose", false);
  const Dims dims = dims_of(layer.bottom());
  const int64_t axis = axis_of(settings, "axis", 1, rank_of(layer.bottom()));
  const llvm::ArrayRef<int64_t> all = dims;
  const int64_t rows = product(all.take_front(static_cast<std::size_t>(axis)));
  const int64_t inner = product(all.drop_front(static_cast<std::size_t>(axis)));
  const Value weights = layer.blob(0, transposed ? Dims{inner, outputs} : Dims{outputs, inner});
  const Value matrix = layer.node.reshape(layer.bottom(), {rows, inner});
  const Value result =
      with_bias(layer, layer.node.make<ir::MatmulOp>(matrix, weights, false, !transposed), outputs);
  Dims shape(dims.begin(), dims.begin() + axis);
  shape.push_back(outputs);
  layer.top(layer.node.reshape(result, shape));
}

// Rows of a table. Caffe's indices are floats.
void import_embed(LayerContext& layer) {
  const int64_t outputs = outputs_of(layer.settings);
  const int64_t rows = layer.settings.integer("input_dim", 0, 1, kMostExtent);
  if (rows == 0)
    throw Error("input_dim is missing");
  const Value indices = layer.node.cast(layer.bottom(), layer.node.builder().getI64Type());
  const Value found = layer.node.make<ir::GatherOp>(layer.blob(0, {rows, outputs}), indices, int64_t{0});
  layer.top(with_bias(layer, found, outputs));
}

BlobRanks weights_and_bias(const Layer&, const Settings& settings) {
  return settings.boolean("bias_term", true) ? BlobRanks{2, 1} : BlobRanks{2};
}

} // namespace

void add_products(LayerTable& table) {
  table.add("InnerProduct", {import_inner_product, "inner_product_param", kOne, kOne, weights_and_bias});
  table.add("Embed", {import_embed, "embed_param", kOne, kOne, weights_and_bias});
}

} // namespace sinter::caffe_import
