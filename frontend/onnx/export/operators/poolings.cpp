// Poolings.
#include "frontend/onnx/export/exporters.h"
#include "frontend/onnx/export/operators/window.h"

#include <limits>

namespace sinter::onnx_export {
namespace {

// Padding never wins. ONNX does not allow for as much of it as the kernel is wide: then it is written out. Of
// integers, it has pools of 8 bits; f64 holds those of 32.
void write_max_pool(OpWriter& w, ir::MaxPoolOp op) {
  Window window = Window::of(op, dims_of(op.getInput()), dims_of(op.getResult()));
  Input input = op.getInput();
  const Type own = element_of(op.getInput());
  Type element = own;
  if (own.isInteger(64))
    throw Error("ONNX has no maximum pools of i64");
  const bool casts = own.isInteger(32);
  if (casts) {
    element = mlir::Float64Type::get(op.getContext());
    input = w.node("Cast", {input}, {{"to", int64_t{onnx_type_of(element)}}});
  }
  if (window.is_padded_widely()) {
    Dims pads(2, 0);
    pads.append(window.pad_begin.begin(), window.pad_begin.end());
    pads.append(2, 0);
    pads.append(window.pad_end.begin(), window.pad_end.end());
    const double least =
        casts ? std::numeric_limits<int32_t>::lowest() : -std::numeric_limits<double>::infinity();
    input = w.node("Pad", {input, w.integers("pads", pads), w.number("fill", least, element)},
                   {{"mode", "constant"}});
    window.pad_begin.assign(window.rank(), 0);
    window.pad_end.assign(window.rank(), 0);
  }
  auto attributes = window.attributes();
  if (window.is_dilated())
    attributes.push_back({"dilations", window.dilations});
  if (casts)
    w.result("Cast", {w.node("MaxPool", {input}, attributes)}, {{"to", int64_t{onnx_type_of(own)}}});
  else
    w.result("MaxPool", {input}, attributes);
}

// AveragePool has no dilations before opset 19, and padding that only fills the last window must not count:
// then it is a sum, which a convolution with ones is, over counts.
void write_avg_pool(OpWriter& w, ir::AvgPoolOp op) {
  const auto dims = dims_of(op.getInput());
  const Window window = Window::of(op, dims, dims_of(op.getResult()));
  const bool include_pad = op.getCountIncludePad();
  const bool fits = !include_pad || window.pad_end == window.given_end;
  if (fits && !window.is_dilated() && !window.is_padded_widely()) {
    auto attributes = window.attributes();
    attributes.push_back({"count_include_pad", include_pad});
    return w.result("AveragePool", {op.getInput()}, attributes);
  }
  const llvm::SmallVector<double> ones(static_cast<std::size_t>(window.taps()), 1);
  const Type element = element_of(op.getInput());
  const std::string sums = write_windows(w, window, op.getInput(), dims[1], 1, ones, element);
  w.result("Div",
           {sums, w.numbers("counts", window.counts(include_pad), element, for_channels(window.output))});
}

} // namespace

void add_poolings(ExporterTable& table) {
  table.add(write_max_pool);
  table.add(write_avg_pool);
}

} // namespace sinter::onnx_export
