// A program of the dialect becomes the nodes and initialisers of an ONNX graph.
#pragma once

#include "frontend/onnx/export/names.h"
#include "ir/ops.h"
#include "sinter/error.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace onnx {
class GraphProto;
class NodeProto;
class ValueInfoProto;
} // namespace onnx

namespace sinter::onnx_export {

using mlir::Operation;
using mlir::RankedTensorType;
using mlir::Type;
using mlir::Value;
using Dims = llvm::SmallVector<int64_t>;

/// A dense tensor that the model is to hold: its elements are made when the file is written.
struct Initializer {
  std::string name;
  RankedTensorType type;
  mlir::ElementsAttr value;         ///< null: `storage` has them
  std::shared_ptr<Storage> storage; ///< dense
};

/// A constant that a node needs and the program does not have. Its name is made of the node's and `role`.
struct Setting {
  const char* role;
  RankedTensorType type;
  std::shared_ptr<Storage> storage;
};

/// What a node reads: nothing (an input that is left out), a value of the graph by its name, a value of the
/// program, or a constant of its own.
using Input = std::variant<std::monostate, std::string, Value, Setting>;

/// An attribute of a node.
struct Attribute {
  const char* name;
  std::variant<int64_t, float, std::string, Dims, const onnx::GraphProto*> value;

  Attribute(const char* name, int64_t value) : name(name), value(value) {}
  Attribute(const char* name, bool value) : name(name), value(int64_t{value}) {}
  Attribute(const char* name, float value) : name(name), value(value) {}
  Attribute(const char* name, const char* value) : name(name), value(std::string(value)) {}
  Attribute(const char* name, llvm::ArrayRef<int64_t> value) : name(name), value(Dims(value)) {}
  Attribute(const char* name, const onnx::GraphProto* graph) : name(name), value(graph) {}
};

/// The number ONNX gives an element type.
int onnx_type_of(Type element);

/// Thrown of an operation that is not written and whose place is known: the message begins with that.
class RefusedOperation : public Error {
public:
  using Error::Error;
};

/// Writes one graph and the graphs of its branches and loops, whose nodes read the values around them by
/// name.
class GraphWriter {
public:
  GraphWriter(onnx::GraphProto& graph, int64_t opset) : graph_(&graph), opset_(opset) {}

  /// `main` as the whole graph; `sinter.name` attributes are the names of inputs and outputs. Throws Error
  /// naming the operation that cannot be written, and where it comes from.
  void write(mlir::func::FuncOp main);
  /// In the order in which nodes read them.
  const std::vector<Initializer>& initializers() const { return initializers_; }

  //-- For the exporters of operations.
  int64_t opset() const { return opset_; }
  /// The name `value` has in the graph. A constant becomes an initialiser with that.
  std::string name_of(Value value);
  void name(Value value, std::string name) { names_[value] = std::move(name); }
  /// A node called after `base`; returns the names of its outputs, which stand for `results` if there are
  /// any.
  llvm::SmallVector<std::string> add_node(const std::string& base, const char* type,
                                          llvm::ArrayRef<Input> inputs, llvm::ArrayRef<Attribute> attributes,
                                          std::size_t outputs, mlir::ValueRange results = {});
  /// What the next node with this base will be called.
  std::string next_node(const std::string& base) const { return nodes_.next(base); }
  /// Values of a graph other than nodes' results: inputs of bodies.
  std::string fresh_name(const std::string& wanted) { return values_.unique(wanted); }
  /// Writes the operations of a body into the current graph; its arguments have names by now.
  void write_operations(mlir::Block& block);
  /// Runs `write` with `graph` in the place of the current one.
  template <class Write>
  void inside(onnx::GraphProto& graph, Write&& write) {
    onnx::GraphProto* outer = std::exchange(graph_, &graph);
    write();
    graph_ = outer;
  }
  onnx::GraphProto& graph() { return *graph_; }

private:
  void write_operation(Operation& op);
  std::string name_of_input(const std::string& node, const Input& input);
  std::string add_initializer(const std::string& wanted, Initializer made);
  void write_outputs(mlir::func::FuncOp main);

  onnx::GraphProto* graph_;
  const int64_t opset_;
  Names nodes_, values_;
  llvm::DenseMap<Value, std::string> names_;
  llvm::DenseMap<Value, std::string> wanted_; // names of outputs, by the value that gets them
  std::vector<Initializer> initializers_;
};

/// Declares `name` as a tensor of `type`.
void declare(onnx::ValueInfoProto& info, const std::string& name, RankedTensorType type);

/// What a node that stands for `op` is called: the name of the model's node, or "relu@net.cpp:12".
std::string base_name(Operation& op);

} // namespace sinter::onnx_export
