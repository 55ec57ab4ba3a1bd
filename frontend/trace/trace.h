// A program being recorded: one MLIR context, one function, and the tensors it captured.
#pragma once

#include "trace/node.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <memory>
#include <string>
#include <unordered_map>

namespace sinter::trace {

/// The location the compiler carries from the user's line to profiles and errors.
mlir::Location mlir_location(mlir::MLIRContext* context, const SourceLocation& where);

/// Used by one thread. Operations on traced tensors append to it until it is finished or abandoned; after
/// that, the traced tensors that the user may still hold are refused.
class Trace : public std::enable_shared_from_this<Trace> {
public:
  explicit Trace(const SourceLocation& where);
  ~Trace();

  /// A further argument of the function, named "arg0", "arg1", ...
  Tensor argument(DType dtype, const Shape& shape);
  /// The value that stands for `tensor`: its own, or a constant that shares its storage. Throws Error for
  /// tensors of other traces.
  mlir::Value value(const Tensor& tensor);
  /// The traced tensor for a value of this program.
  Tensor tensor(mlir::Value value);

  mlir::OpBuilder& builder() { return builder_; }
  bool is_open() const { return module_.get() != nullptr; }
  /// What errors say of a tensor of this trace that is used when the trace is over.
  const std::string& finished() const { return finished_; }

  /// Ends the function with `results`. The module is complete then.
  mlir::ModuleOp finish(std::span<const Tensor> results);
  /// Frees the program. Called on abandonment too; traced tensors may outlive it.
  void close();

private:
  mlir::Value constant(const Tensor& tensor);

  // In this order: the module must go before its context.
  std::unique_ptr<mlir::MLIRContext> context_;
  mlir::OwningOpRef<mlir::ModuleOp> module_;
  mlir::OpBuilder builder_;
  mlir::Location location_;
  std::string finished_;
  mlir::Block* body_ = nullptr;
  std::unordered_map<const Node*, std::pair<Tensor, mlir::Value>>
      constants_; // the tensor keeps its node alive
};

} // namespace sinter::trace
