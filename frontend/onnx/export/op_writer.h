// What the exporter of one operation sees: its operands, and the means to write nodes.
#pragma once

#include "frontend/onnx/export/graph_writer.h"

namespace sinter::onnx_export {

/// One operation while it is written. Everything throws Error without naming the operation: the caller does.
class OpWriter {
public:
  using Inputs = llvm::ArrayRef<Input>;
  using Attributes = llvm::ArrayRef<Attribute>;

  OpWriter(GraphWriter& graph, Operation& op) : graph_(graph), op_(op), base_(base_name(op)) {}

  int64_t opset() const { return graph_.opset(); }
  GraphWriter& graph() { return graph_; }
  const std::string& base() const { return base_; }

  //-- Nodes, in the order in which they are to stand.
  /// A step on the way to the result.
  std::string node(const char* type, Inputs inputs, Attributes attributes = {}) {
    return graph_.add_node(base_, type, inputs, attributes, 1).front();
  }
  /// A step that the importer takes into the node after it, which has the name that this one's begins with.
  std::string part(const char* role, const char* type, Inputs inputs, Attributes attributes = {}) {
    return graph_.add_node(graph_.next_node(base_) + "." + role, type, inputs, attributes, 1).front();
  }
  /// The node whose output is the operation's result.
  void result(const char* type, Inputs inputs, Attributes attributes = {}) {
    graph_.add_node(base_, type, inputs, attributes, 1, op_.getResults());
  }
  /// The operation's result is nothing but this value.
  void alias(Value value) { graph_.name(op_.getResult(0), graph_.name_of(value)); }

  //-- Constants.
  /// A list of i64, such as a shape.
  Input integers(const char* role, llvm::ArrayRef<int64_t> values);
  /// A tensor of `element` whose elements are `values` in row-major order; rank 0 unless `shape` says
  /// otherwise.
  Input numbers(const char* role, llvm::ArrayRef<double> values, Type element,
                llvm::ArrayRef<int64_t> shape = {});
  Input number(const char* role, double value, Type element) { return numbers(role, {value}, element); }

private:
  GraphWriter& graph_;
  Operation& op_;
  const std::string base_;
};

inline llvm::ArrayRef<int64_t> dims_of(Value value) {
  return ir::tensorType(value).getShape();
}
inline Type element_of(Value value) {
  return ir::tensorType(value).getElementType();
}
inline bool is_float(Value value) {
  return llvm::isa<mlir::FloatType>(element_of(value));
}
inline float to_float(const llvm::APFloat& number) {
  return static_cast<float>(number.convertToDouble());
}

} // namespace sinter::onnx_export
