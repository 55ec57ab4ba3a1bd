// Reductions.
#include "frontend/onnx/export/exporters.h"

namespace sinter::onnx_export {
namespace {

// The axes are an input since opset 13 (ReduceSum) or 18 (the others), an attribute before.
template <class Op>
void write_reduction(OpWriter& w, Op op, const char* node, int64_t input_since) {
  if (op.getAxes().empty())
    return w.alias(op.getInput());
  const Attribute keep{"keepdims", op.getKeepDims()};
  if (w.opset() >= input_since)
    w.result(node, {op.getInput(), w.integers("axes", op.getAxes())}, {keep});
  else
    w.result(node, {op.getInput()}, {{"axes", op.getAxes()}, keep});
}

void write_sum(OpWriter& w, ir::ReduceSumOp op) {
  write_reduction(w, op, "ReduceSum", 13);
}
void write_mean(OpWriter& w, ir::ReduceMeanOp op) {
  write_reduction(w, op, "ReduceMean", 18);
}
void write_max(OpWriter& w, ir::ReduceMaxOp op) {
  write_reduction(w, op, "ReduceMax", 18);
}
void write_min(OpWriter& w, ir::ReduceMinOp op) {
  write_reduction(w, op, "ReduceMin", 18);
}
void write_prod(OpWriter& w, ir::ReduceProdOp op) {
  write_reduction(w, op, "ReduceProd", 18);
}

template <class Op>
void write_position(OpWriter& w, Op op, const char* node) {
  w.result(node, {op.getInput()},
           {{"axis", static_cast<int64_t>(op.getAxis())}, {"keepdims", op.getKeepDims()}});
}
void write_argmax(OpWriter& w, ir::ArgMaxOp op) {
  write_position(w, op, "ArgMax");
}
void write_argmin(OpWriter& w, ir::ArgMinOp op) {
  write_position(w, op, "ArgMin");
}

} // namespace

void add_reductions(ExporterTable& table) {
  table.add(write_sum);
  table.add(write_mean);
  table.add(write_max);
  table.add(write_min);
  table.add(write_prod);
  table.add(write_argmax);
  table.add(write_argmin);
}

} // namespace sinter::onnx_export
