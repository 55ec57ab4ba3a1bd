// What the rules of branches and loops have in common: bodies that are made of others.
#pragma once

#include "ir/control_flow.h"
#include "ir/differentiate.h"

namespace sinter::ir::derived {

using Values = llvm::SmallVector<mlir::Value>;

/// A body in the making. Arguments are added as they are needed; their order is that of the operands.
class Body {
public:
  explicit Body(mlir::Operation* op);

  mlir::OpBuilder& builder() { return builder_; }
  GradientArithmetic arithmetic() { return {builder_, loc_}; }

  mlir::Value argument(mlir::Type type) { return block_->addArgument(type, loc_); }
  Values arguments(mlir::TypeRange types);
  mlir::Value insertArgument(size_t at, mlir::Type type) {
    return block_->insertArgument(static_cast<unsigned>(at), type, loc_);
  }

  /// Ends the body, and erases what is not used.
  void yield(mlir::ValueRange values);
  bool isUsed(size_t number) const { return !block_->getArgument(static_cast<unsigned>(number)).use_empty(); }
  void eraseArgument(size_t number) { block_->eraseArgument(static_cast<unsigned>(number)); }
  std::unique_ptr<mlir::Region> take() { return std::move(region_); }

private:
  std::unique_ptr<mlir::Region> region_;
  mlir::Block* block_;
  mlir::Location loc_;
  mlir::OpBuilder builder_;
};

/// Values some of which are null, and those that are not. As derivatives, nulls are zeros.
Values present(mlir::ValueRange values);
/// In place of each that is not null, the next of `values`.
Values inPlaces(mlir::ValueRange pattern, mlir::ValueRange values);
bool any(mlir::ValueRange values);
Values joined(std::initializer_list<mlir::ValueRange> parts);

/// buildVjp in a body: cotangents of `inputs`, of which those that are no floats have none.
Values vjpOf(Body& body, mlir::ValueRange outputs, mlir::ValueRange cotangents, mlir::ValueRange inputs);
/// buildJvp in a body; inputs without a tangent are constant.
Values jvpOf(Body& body, mlir::ValueRange inputs, mlir::ValueRange tangents, mlir::ValueRange outputs);

/// Drops operands whose arguments no body uses; `before` them, the bodies have others.
void dropUnused(llvm::MutableArrayRef<Body> bodies, Values& operands, size_t before);

} // namespace sinter::ir::derived
