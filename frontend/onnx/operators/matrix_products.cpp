// Matrix products.
#include "frontend/onnx/operators.h"
#include "frontend/onnx/operators/broadcasting.h"

namespace sinter::onnx_import {
namespace {

// Vectors are a row on the left and a column on the right; that dimension then goes again.
void import_matmul(NodeContext& node) {
  Value lhs = node.input(0), rhs = node.input(1);
  const bool row = rank_of(lhs) == 1, column = rank_of(rhs) == 1;
  if (rank_of(lhs) == 0 || rank_of(rhs) == 0)
    throw Error("cannot multiply " + to_text(dims_of(lhs)) + " by " + to_text(dims_of(rhs)));
  if (row)
    lhs = node.reshape(lhs, {1, dims_of(lhs)[0]});
  if (column)
    rhs = node.reshape(rhs, {dims_of(rhs)[0], 1});
  Value result = node.make<ir::MatmulOp>(lhs, rhs, false, false);
  Dims dims = dims_of(result);
  if (column)
    dims.pop_back();
  if (row)
    dims.erase(dims.end() - (column ? 1 : 2));
  node.output(node.reshape(result, dims));
}

Value scaled(NodeContext& node, Value value, double factor) {
  return factor == 1 ? value : node.make<ir::MulOp>(value, node.scalar_like(factor, value));
}

// alpha * A' * B' + beta * C
void import_gemm(NodeContext& node) {
  const Value a = node.input(0), b = node.input(1);
  if (rank_of(a) != 2 || rank_of(b) != 2)
    throw Error("cannot multiply " + to_text(dims_of(a)) + " by " + to_text(dims_of(b)) +
                ": both must be matrices");
  const double alpha = node.number("alpha", 1), beta = node.number("beta", 1);
  if (!is_float(a) && (alpha != 1 || beta != 1))
    throw Error("alpha and beta of integer matrices are not supported");
  node.has("broadcast"); // writers leave it behind; C always broadcasts
  Value result =
      node.make<ir::MatmulOp>(a, b, node.integer("transA", 0) != 0, node.integer("transB", 0) != 0);
  result = scaled(node, result, alpha);
  if (node.has_input(2) && beta != 0) {
    const Value c = scaled(node, node.input(2), beta);
    const auto shape = ir::broadcastShapes(dims_of(result), dims_of(c));
    if (failed(shape) || *shape != dims_of(result))
      throw Error("C has shape " + to_text(dims_of(c)) + ", which does not broadcast to " +
                  to_text(dims_of(result)));
    result = node.make<ir::AddOp>(result, c);
  }
  node.output(result);
}

} // namespace

void add_matrix_products(OperatorTable& table) {
  table.add("MatMul", import_matmul);
  table.add("Gemm", import_gemm);
}

} // namespace sinter::onnx_import
