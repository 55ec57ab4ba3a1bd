// What the importer of one operator sees: its node's inputs and attributes, and the means to build IR.
#pragma once

#include "frontend/onnx/graph.h"
#include "ir/op_creation.h"
#include "ir/ops.h"

#include "mlir/IR/Builders.h"

#include <optional>
#include <span>

namespace onnx {
class AttributeProto;
}

namespace sinter::onnx_import {

using mlir::Type;
using mlir::Value;
using Dims = llvm::SmallVector<int64_t>;

/// Work that importing may still spend on evaluating constant nodes, so that no small file can ask for hours.
struct FoldBudget {
  double operations = 2e10;
};

/// One node while it is imported. Everything throws Error without naming the node: the caller does.
class NodeContext {
public:
  NodeContext(mlir::OpBuilder& builder, const ModelGraph& graph, const GraphNode& node,
              llvm::SmallVector<Value> inputs, llvm::SmallVector<bool> outputs_used, FoldBudget& budget);

  int64_t opset() const { return graph_.opset; }
  const std::string& op_type() const;
  mlir::OpBuilder& builder() { return builder_; }

  //-- Inputs and outputs. Inputs that are not given are null.
  int input_count() const { return static_cast<int>(inputs_.size()); }
  bool has_input(int i) const { return i < input_count() && inputs_[static_cast<std::size_t>(i)]; }
  /// Throws if input `i` is not given.
  Value input(int i) const;
  Value optional_input(int i) const { return has_input(i) ? input(i) : Value(); }
  int output_count() const { return static_cast<int>(outputs_used_.size()); }
  bool output_used(int i) const { return i < output_count() && outputs_used_[static_cast<std::size_t>(i)]; }
  /// Throws if an output other than the first is used; `why` ends the message.
  void only_first_output() const;
  void output(Value value) { output(0, value); }
  void output(int i, Value value);
  /// What `output` was given.
  llvm::ArrayRef<Value> results() const { return results_; }

  //-- Attributes. Throw if the attribute is of another kind.
  bool has(const char* name) const { return find(name) != nullptr; }
  int64_t integer(const char* name, int64_t otherwise) const;
  int64_t required_integer(const char* name) const;
  double number(const char* name, double otherwise) const;
  std::string text(const char* name, const std::string& otherwise) const;
  std::optional<Dims> integers(const char* name) const;
  std::optional<llvm::SmallVector<double>> numbers(const char* name) const;
  /// Throws if the node has an attribute that nobody asked for and that could change what it means.
  void check_all_attributes_read() const;
  /// The tensor attribute `name`, which must be there.
  Weight tensor(const char* name) const;

  //-- Constants.
  /// The elements of input `i`, which must be a constant of integers (`role` says what of, in the error).
  Dims constant_integers(int i, const char* role) const;
  /// The elements of input `i`, which must be a constant of numbers.
  llvm::SmallVector<double> constant_numbers(int i, const char* role) const;
  /// The same for constants of one element.
  int64_t constant_integer(int i, const char* role) const;
  double constant_number(int i, const char* role) const;
  /// Attribute `name`, or else input `i`, or nothing: the forms that opsets give many parameters.
  std::optional<Dims> integers_from(const char* name, int i, const char* role) const;
  /// A tensor whose elements are all `value`.
  Value splat(double value, Type element, llvm::ArrayRef<int64_t> shape = {});
  /// A scalar of the element type of `like`.
  Value scalar_like(double value, Value like);
  /// A tensor whose elements are all the first one of `element`.
  Value splat(const View& element, llvm::ArrayRef<int64_t> shape);
  Value constant(const Weight& weight);
  Value integers_constant(llvm::ArrayRef<int64_t> values);
  Value integer_constant(int64_t value);

  //-- Building. Operations whose operands are constants are evaluated at once.
  template <class Op, class... Args>
  Value make(Args&&... args) {
    return finish(ir::create<Op>(builder_, location_, std::forward<Args>(args)...));
  }
  Value reshape(Value value, llvm::ArrayRef<int64_t> shape);
  Value transpose(Value value, llvm::ArrayRef<int64_t> permutation);
  Value broadcast_to(Value value, llvm::ArrayRef<int64_t> shape);
  Value cast(Value value, Type element);
  Value slice(Value value, int64_t axis, int64_t start, int64_t size, int64_t step = 1);

  /// `axis` counted from the front. Throws if it is not in [-rank, rank).
  static int64_t normalize_axis(int64_t axis, int64_t rank);
  /// Normalised, ascending, distinct axes.
  static Dims normalize_axes(llvm::ArrayRef<int64_t> axes, int64_t rank);

private:
  const onnx::AttributeProto* find(const char* name) const;
  Value finish(mlir::Operation* op);

  mlir::OpBuilder& builder_;
  mlir::Location location_;
  const ModelGraph& graph_;
  const GraphNode& node_;
  llvm::SmallVector<Value> inputs_;
  llvm::SmallVector<bool> outputs_used_;
  llvm::SmallVector<Value> results_;
  FoldBudget& budget_;
  mutable llvm::SmallVector<const onnx::AttributeProto*> read_; // attributes that were asked for
};

inline Dims dims_of(Value value) {
  return Dims(ir::tensorType(value).getShape());
}
inline int64_t rank_of(Value value) {
  return ir::tensorType(value).getRank();
}
inline Type element_of(Value value) {
  return ir::tensorType(value).getElementType();
}
inline bool is_float(Value value) {
  return llvm::isa<mlir::FloatType>(element_of(value));
}
/// The product of `dims`; they are extents of tensors, whose products are known to fit.
int64_t product(llvm::ArrayRef<int64_t> dims);
/// "[2, 3]"
std::string to_text(llvm::ArrayRef<int64_t> values);

} // namespace sinter::onnx_import
