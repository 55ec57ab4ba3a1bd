// Softmax and normalisations.
#include "frontend/onnx/export/exporters.h"

namespace sinter::onnx_export {
namespace {

template <class Op>
void write_softmax(OpWriter& w, Op op, const char* node) {
  w.result(node, {op.getInput()}, {{"axis", static_cast<int64_t>(op.getAxis())}});
}
void write_softmax(OpWriter& w, ir::SoftmaxOp op) {
  write_softmax(w, op, "Softmax");
}
void write_log_softmax(OpWriter& w, ir::LogSoftmaxOp op) {
  write_softmax(w, op, "LogSoftmax");
}

void write_layer_norm(OpWriter& w, ir::LayerNormOp op) {
  w.result("LayerNormalization", {op.getInput(), op.getScale(), op.getBias()},
           {{"axis", static_cast<int64_t>(op.getAxis())}, {"epsilon", to_float(op.getEpsilon())}});
}

void write_batch_norm(OpWriter& w, ir::BatchNormOp op) {
  w.result("BatchNormalization", {op.getInput(), op.getScale(), op.getBias(), op.getMean(), op.getVariance()},
           {{"epsilon", to_float(op.getEpsilon())}});
}

void write_lrn(OpWriter& w, ir::LrnOp op) {
  w.result("LRN", {op.getInput()},
           {{"size", static_cast<int64_t>(op.getSize())},
            {"alpha", to_float(op.getAlpha())},
            {"beta", to_float(op.getBeta())},
            {"bias", to_float(op.getBias())}});
}

} // namespace

void add_normalizations(ExporterTable& table) {
  table.add<ir::SoftmaxOp>(write_softmax);
  table.add(write_log_softmax);
  table.add(write_layer_norm);
  table.add(write_batch_norm);
  table.add(write_lrn);
}

} // namespace sinter::onnx_export
