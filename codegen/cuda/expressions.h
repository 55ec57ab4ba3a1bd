// Operations on scalars as C++ expressions.
#pragma once

#include "mlir/IR/Operation.h"

#include <string>

namespace sinter::codegen::cuda {

/// The C++ type of values of `type`: floats of 16 bits are float, index is `idx`, pointers are u64*.
std::string valueTypeName(mlir::Type type);
/// The C++ type of elements of `type` in memory.
std::string memoryTypeName(mlir::Type type);

/// `value` as a literal.
std::string literal(mlir::Attribute value);

/// What `op` computes of scalar `operands`; vectors are written lane by lane. Throws Error (internal) if
/// there is no expression for it.
std::string expression(mlir::Operation* op, llvm::ArrayRef<std::string> operands);

} // namespace sinter::codegen::cuda
