// Matrix products.
#include "frontend/onnx/export/exporters.h"

namespace sinter::onnx_export {
namespace {

// Flags are left of products of matrices only (prepare.h).
void write_matmul(OpWriter& w, ir::MatmulOp op) {
  if (!op.getTransposeLhs() && !op.getTransposeRhs())
    return w.result("MatMul", {op.getLhs(), op.getRhs()});
  w.result("Gemm", {op.getLhs(), op.getRhs()},
           {{"transA", op.getTransposeLhs()}, {"transB", op.getTransposeRhs()}});
}

} // namespace

void add_matrix_products(ExporterTable& table) {
  table.add(write_matmul);
  table.refuse<ir::AttentionOp>("it is written as the products and the softmax it stands for");
}

} // namespace sinter::onnx_export
