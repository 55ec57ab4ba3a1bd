// Building operations from input that may be wrong: a bad shape is a sinter::Error, not the end of the
// process.
#pragma once

#include "ir/dialect.h"

namespace sinter::ir {

/// No tensor of a program may be larger: what lies above is a mistake or an attack, and sizes below it never
/// overflow.
inline constexpr int64_t kMaxTensorBytes = int64_t{1} << 40;

namespace detail {

/// Throws unless `type` is a static tensor of a rank and size that Sinter can hold.
void checkResultType(mlir::Type type);

/// Infers the result types of `state`, creates the operation at the builder's place and verifies it. Throws
/// Error with the first diagnostic's text.
mlir::Operation* inferAndCreate(mlir::OpBuilder& builder, mlir::OperationState& state);

} // namespace detail

/// Creates an `Op` whose result types are inferred; `args` are those of the builder of `Op` that follows the
/// result type (operands, then attributes). Throws Error with the one-line cause if the operands or
/// attributes do not fit: the builders that ODS generates would abort the process instead.
template <class Op, class... Args>
Op create(mlir::OpBuilder& builder, mlir::Location location, Args&&... args) {
  mlir::OperationState state(location, Op::getOperationName());
  Op::build(builder, state, mlir::Type(), std::forward<Args>(args)...);
  return llvm::cast<Op>(detail::inferAndCreate(builder, state));
}

} // namespace sinter::ir
