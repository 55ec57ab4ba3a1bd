// Access at positions that are data.
#include "frontend/onnx/export/exporters.h"

namespace sinter::onnx_export {
namespace {

void write_gather(OpWriter& w, ir::GatherOp op) {
  w.result("Gather", {op.getInput(), op.getIndices()}, {{"axis", static_cast<int64_t>(op.getAxis())}});
}

// ScatterND adds slices of the first dimension; other axes are brought there and back.
void write_scatter_add(OpWriter& w, ir::ScatterAddOp op) {
  const auto axis = static_cast<int64_t>(op.getAxis());
  const int64_t rank = static_cast<int64_t>(dims_of(op.getInput()).size());
  const auto where = dims_of(op.getIndices());
  const auto count = static_cast<int64_t>(where.size());
  Dims one_each(where);
  one_each.push_back(1);
  const int64_t i64 = onnx_type_of(mlir::IntegerType::get(op.getContext(), 64));
  Input positions = op.getIndices();
  if (!element_of(op.getIndices()).isInteger(64))
    positions = w.node("Cast", {positions}, {{"to", i64}});
  const auto indices = [&] {
    return w.part("indices", "Reshape", {positions, w.integers("shape", one_each)},
                  {{"allowzero", llvm::is_contained(where, 0)}});
  };
  if (axis == 0) {
    const std::string at = indices();
    return w.result("ScatterND", {op.getInput(), at, op.getUpdates()}, {{"reduction", "add"}});
  }
  Dims to_front{axis}, back, updates_front;
  for (int64_t i = 0; i < rank; ++i)
    if (i != axis)
      to_front.push_back(i);
  for (int64_t i = 0; i < rank; ++i)
    back.push_back(i == axis ? 0 : i < axis ? i + 1 : i);
  for (int64_t i = 0; i < count; ++i)
    updates_front.push_back(axis + i);
  for (int64_t i = 0; i < rank + count - 1; ++i)
    if (i < axis || i >= axis + count)
      updates_front.push_back(i);
  const auto transposed = [&](Value value, llvm::ArrayRef<int64_t> order) {
    return w.node("Transpose", {value}, {{"perm", order}});
  };
  const std::string input = transposed(op.getInput(), to_front),
                    updates = transposed(op.getUpdates(), updates_front);
  const std::string at = indices();
  const std::string sum = w.node("ScatterND", {input, at, updates}, {{"reduction", "add"}});
  w.result("Transpose", {sum}, {{"perm", llvm::ArrayRef<int64_t>(back)}});
}

} // namespace

void add_slices(ExporterTable& table) {
  table.add(write_gather);
  table.add(write_scatter_add);
}

} // namespace sinter::onnx_export
