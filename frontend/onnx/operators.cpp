// The table of ONNX operators: from a name to the function that imports it.
#include "frontend/onnx/operators.h"

namespace sinter::onnx_import {

void OperatorTable::add(const std::string& name, Handler handler, int64_t first, int64_t last) {
  entries_.emplace(name, Entry{handler, first, last});
}

Handler OperatorTable::find(const std::string& name, int64_t opset) const {
  for (auto [at, end] = entries_.equal_range(name); at != end; ++at)
    if (opset >= at->second.first && opset <= at->second.last)
      return at->second.handler;
  return nullptr;
}

namespace {

const OperatorTable& operators() {
  static const OperatorTable table = [] {
    OperatorTable made;
    add_activations(made);
    add_arithmetic(made);
    add_constants(made);
    add_convolutions(made);
    add_logic(made);
    add_matrix_products(made);
    add_movements(made);
    add_normalizations(made);
    add_poolings(made);
    add_reductions(made);
    add_resampling(made);
    add_shapes(made);
    add_slices(made);
    return made;
  }();
  return table;
}

} // namespace

Handler find_operator(const std::string& name, int64_t opset) {
  return operators().find(name, opset);
}

bool is_setting(const std::string& name, int input) {
  return operators().is_setting(name, input);
}

} // namespace sinter::onnx_import
