// Layers of several bottoms or of a bottom and a blob: Eltwise, Scale, Bias.
#include "frontend/caffe/layers.h"

namespace sinter::caffe_import {
namespace {

template <class Op>
Value chain(LayerContext& layer, llvm::ArrayRef<Value> values) {
  Value result = values.front();
  for (const Value value : values.drop_front())
    result = layer.node.make<Op>(result, value);
  return result;
}

void import_eltwise(LayerContext& layer) {
  static constexpr const char* kOperations[] = {"PROD", "SUM", "MAX"};
  const std::size_t operation = layer.settings.word("operation", kOperations, 1);
  const std::vector<double> factors = layer.settings.numbers("coeff");
  if (!factors.empty() && (operation != 1 || factors.size() != layer.layer.bottoms.size()))
    throw Error(operation != 1 ? std::string("coeff is for sums only")
                               : std::to_string(factors.size()) + " coefficients are given for " +
                                     std::to_string(layer.bottom_count()) + " bottoms");
  llvm::SmallVector<Value> values;
  for (int i = 0; i < layer.bottom_count(); ++i) {
    const Value value = layer.bottom(i);
    if (dims_of(value) != dims_of(layer.bottom()))
      throw Error("the bottoms have shapes " + to_text(dims_of(layer.bottom())) + " and " +
                  to_text(dims_of(value)));
    const double factor = factors.empty() ? 1 : factors[static_cast<std::size_t>(i)];
    values.push_back(factor == 1 ? value
                                 : layer.node.make<ir::MulOp>(value, layer.node.scalar_like(factor, value)));
  }
  layer.top(operation == 0   ? chain<ir::MulOp>(layer, values)
            : operation == 1 ? chain<ir::AddOp>(layer, values)
                             : chain<ir::MaximumOp>(layer, values));
}

// The shape of what is multiplied or added: dimensions of the first bottom from an axis on.
struct Place {
  int64_t axis;
  Dims dims;
};

Place place_of(LayerContext& layer) {
  const Dims dims = dims_of(layer.bottom());
  const auto rank = static_cast<int64_t>(dims.size());
  if (layer.bottom_count() == 2) {
    Place place{axis_of(layer.settings, "axis", 1, rank), dims_of(layer.bottom(1))};
    layer.settings.has("num_axes"); // has no meaning then
    const auto count = static_cast<int64_t>(place.dims.size());
    if (count == 0)
      return place;
    if (place.axis + count > rank ||
        Dims(dims.begin() + place.axis, dims.begin() + place.axis + count) != place.dims)
      throw Error("the bottoms have shapes " + to_text(dims) + " and " + to_text(place.dims) +
                  ", which do not meet at axis " + std::to_string(place.axis));
    return place;
  }
  const int64_t axis = axis_of(layer.settings, "axis", 1, rank);
  const int64_t given = layer.settings.integer("num_axes", 1, -1, kMaxRank);
  const int64_t count = given < 0 ? rank - axis : given;
  if (axis + count > rank)
    throw Error(std::to_string(count) + " axes from axis " + std::to_string(axis) +
                " on are more than the bottom's shape " + to_text(dims) + " has");
  return {axis, Dims(dims.begin() + axis, dims.begin() + axis + count)};
}

// `value`, which has the shape of `place`, so that it broadcasts to the bottom.
Value placed(LayerContext& layer, const Place& place, Value value) {
  if (place.dims.empty())
    return value;
  Dims shape = place.dims;
  shape.resize(static_cast<std::size_t>(rank_of(layer.bottom()) - place.axis), 1);
  return layer.node.reshape(value, shape);
}

void import_scale(LayerContext& layer) {
  const Place place = place_of(layer);
  const bool computed = layer.bottom_count() == 2;
  const Value factor = computed ? layer.bottom(1) : layer.blob(0, place.dims);
  Value result = layer.node.make<ir::MulOp>(layer.bottom(), placed(layer, place, factor));
  if (layer.settings.boolean("bias_term", false))
    result =
        layer.node.make<ir::AddOp>(result, placed(layer, place, layer.blob(computed ? 0 : 1, place.dims)));
  layer.top(result);
}

BlobRanks scale_blobs(const Layer& layer, const Settings& settings) {
  return BlobRanks((layer.bottoms.size() == 2 ? 0 : 1) + (settings.boolean("bias_term", false) ? 1 : 0), -1);
}

void import_bias(LayerContext& layer) {
  const Place place = place_of(layer);
  const Value term = layer.bottom_count() == 2 ? layer.bottom(1) : layer.blob(0, place.dims);
  layer.top(layer.node.make<ir::AddOp>(layer.bottom(), placed(layer, place, term)));
}

BlobRanks bias_blobs(const Layer& layer, const Settings&) {
  return BlobRanks(layer.bottoms.size() == 2 ? 0 : 1, -1);
}

} // namespace

void add_arithmetic(LayerTable& table) {
  table.add("Eltwise", {import_eltwise, "eltwise_param", {2, kAny.most}});
  table.add("Scale", {import_scale, "scale_param", {1, 2}, kOne, scale_blobs});
  table.add("Bias", {import_bias, "bias_param", {1, 2}, kOne, bias_blobs});
}

} // namespace sinter::caffe_import
