// The table of Caffe's layers: from a type to what imports it.
#include "frontend/caffe/layers.h"

namespace sinter::caffe_import {

std::string describe(const Layer& layer) {
  return "layer '" + layer.name + "' (" + layer.type + ")";
}

Value LayerContext::blob(int i, llvm::ArrayRef<int64_t> dims) const {
  const Value value = blob(i);
  if (dims_of(value) != dims)
    throw Error("blob " + std::to_string(i) + " has shape " + to_text(dims_of(value)) + " where " +
                to_text(dims) + " is needed");
  return value;
}

const LayerType* find_layer_type(const std::string& type) {
  static const LayerTable table = [] {
    LayerTable made;
    add_activations(made);
    add_arithmetic(made);
    add_convolutions(made);
    add_movements(made);
    add_normalizations(made);
    add_poolings(made);
    add_products(made);
    add_reductions(made);
    return made;
  }();
  return table.find(type);
}

} // namespace sinter::caffe_import
