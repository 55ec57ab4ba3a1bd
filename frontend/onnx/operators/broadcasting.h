// How two operands of an elementwise operator are brought together, before and since opset 7.
#pragma once

#include "frontend/onnx/node_context.h"

namespace sinter::onnx_import {

/// Input 1, reshaped so that NumPy broadcasting to input 0 does what opset 6's attributes `broadcast` and
/// `axis` say.
Value second_operand(NodeContext& node);

/// A node of any number of inputs as a chain of `Op`.
template <class Op>
Value chain(NodeContext& node) {
  Value result = node.input(0);
  for (int i = 1; i < node.input_count(); ++i)
    result = node.make<Op>(result, node.input(i));
  return result;
}

/// The import of an operator that is one operation on input 0, or on inputs 0 and 1.
template <class Op>
void import_unary(NodeContext& node) {
  node.output(node.make<Op>(node.input(0)));
}
template <class Op>
void import_binary(NodeContext& node) {
  const Value lhs = node.input(0);
  node.output(node.make<Op>(lhs, second_operand(node)));
}
template <class Op>
void import_variadic(NodeContext& node) {
  node.output(chain<Op>(node));
}

} // namespace sinter::onnx_import
