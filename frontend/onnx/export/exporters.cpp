// The table of exporters: from an operation of the dialect to the function that writes it as ONNX.
#include "frontend/onnx/export/exporters.h"

namespace sinter::onnx_export {
namespace {

const ExporterTable& exporters() {
  static const ExporterTable table = [] {
    ExporterTable made;
    add_activations(made);
    add_arithmetic(made);
    add_control_flow(made);
    add_convolutions(made);
    add_internal(made);
    add_logic(made);
    add_losses(made);
    add_matrix_products(made);
    add_normalizations(made);
    add_pool_gradients(made);
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

const Exporter* find_exporter(llvm::StringRef name) {
  return exporters().find(name.str());
}

} // namespace sinter::onnx_export
