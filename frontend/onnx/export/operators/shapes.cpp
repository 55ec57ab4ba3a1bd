// Operations that give the same elements another shape, or put them in another order.
#include "frontend/onnx/export/exporters.h"

#include <limits>

namespace sinter::onnx_export {
namespace {

void write_reshape(OpWriter& w, ir::ReshapeOp op) {
  const auto shape = op.getShape();
  if (shape == dims_of(op.getInput()))
    return w.alias(op.getInput());
  const Input to = w.integers("shape", shape);
  if (llvm::is_contained(shape, 0)) // 0 would copy the input's extent
    return w.result("Reshape", {op.getInput(), to}, {{"allowzero", int64_t{1}}});
  w.result("Reshape", {op.getInput(), to});
}

void write_transpose(OpWriter& w, ir::TransposeOp op) {
  if (llvm::is_sorted(op.getPermutation()))
    return w.alias(op.getInput());
  w.result("Transpose", {op.getInput()}, {{"perm", op.getPermutation()}});
}

void write_broadcast_to(OpWriter& w, ir::BroadcastToOp op) {
  if (op.getShape() == dims_of(op.getInput()))
    return w.alias(op.getInput());
  w.result("Expand", {op.getInput(), w.integers("shape", op.getShape())});
}

// start + i * step becomes [start, end) by step, for the axes that change.
void write_slice(OpWriter& w, ir::SliceOp op) {
  const auto dims = dims_of(op.getInput());
  Dims starts, ends, axes, steps;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const int64_t size = op.getSizes()[i];
    const int64_t start = size > 0 ? op.getStarts()[i] : 0, step = size > 1 ? op.getSteps()[i] : 1;
    if (start == 0 && size == dims[i] && step == 1)
      continue;
    int64_t end = start + (size - 1) * step + (step > 0 ? 1 : -1);
    if (end < 0) // would count from the end
      end = std::numeric_limits<int64_t>::min();
    starts.push_back(start);
    ends.push_back(size > 0 ? end : 0);
    axes.push_back(static_cast<int64_t>(i));
    steps.push_back(step);
  }
  if (axes.empty())
    return w.alias(op.getInput());
  w.result("Slice", {op.getInput(), w.integers("starts", starts), w.integers("ends", ends),
                     w.integers("axes", axes), w.integers("steps", steps)});
}

void write_concat(OpWriter& w, ir::ConcatOp op) {
  if (op.getInputs().size() == 1)
    return w.alias(op.getInputs().front());
  const llvm::SmallVector<Input> inputs(op.getInputs().begin(), op.getInputs().end());
  w.result("Concat", inputs, {{"axis", static_cast<int64_t>(op.getAxis())}});
}

void write_pad(OpWriter& w, ir::PadOp op) {
  Dims pads(op.getLow());
  pads.append(op.getHigh().begin(), op.getHigh().end());
  if (llvm::all_of(pads, [](int64_t pad) { return pad == 0; }))
    return w.alias(op.getInput());
  const Input fill = op.getMode() == ir::PadMode::constant
                         ? w.number("fill", op.getValue().convertToDouble(), element_of(op.getInput()))
                         : Input();
  w.result("Pad", {op.getInput(), w.integers("pads", pads), fill},
           {{"mode", ir::stringifyPadMode(op.getMode()).data()}});
}

} // namespace

void add_shapes(ExporterTable& table) {
  table.add(write_reshape);
  table.add(write_transpose);
  table.add(write_broadcast_to);
  table.add(write_slice);
  table.add(write_concat);
  table.add(write_pad);
}

} // namespace sinter::onnx_export
