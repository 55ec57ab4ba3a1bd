// Resampling.
#include "frontend/onnx/export/exporters.h"
#include "frontend/onnx/node_context.h"

#include <cmath>

namespace sinter::onnx_export {
namespace {

// Sizes where scales follow from them, else scales, which are f32 in ONNX: rounded, they must mean the same.
void write_resize(OpWriter& w, ir::ResizeOp op) {
  const auto dims = dims_of(op.getInput());
  const auto sizes = op.getSizes();
  const auto scales = op.getScales();
  bool by_sizes = true, by_scales = true;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto from = static_cast<double>(dims[i]),
               rounded = static_cast<double>(static_cast<float>(scales[i]));
    by_sizes &= scales[i] == static_cast<double>(sizes[i]) / from || (dims[i] == sizes[i] && scales[i] == 1);
    by_scales &= static_cast<int64_t>(std::floor(from * rounded)) == sizes[i];
  }
  if (!by_sizes && !by_scales)
    throw Error("no f32 scales give sizes " + onnx_import::to_text(sizes));
  const llvm::SmallVector<Attribute> attributes{
      {"mode", ir::stringifyResizeMode(op.getMode()).data()},
      {"coordinate_transformation_mode", ir::stringifyResizeCoordinates(op.getCoordinates()).data()},
      {"nearest_mode", ir::stringifyResizeRounding(op.getRounding()).data()}};
  const auto f32 = mlir::Float32Type::get(op.getContext());
  if (by_sizes)
    return w.result("Resize", {op.getInput(), Input(), Input(), w.integers("sizes", sizes)}, attributes);
  w.result("Resize",
           {op.getInput(), Input(), w.numbers("scales", scales, f32, {static_cast<int64_t>(scales.size())})},
           attributes);
}

} // namespace

void add_resampling(ExporterTable& table) {
  table.add(write_resize);
}

} // namespace sinter::onnx_export
