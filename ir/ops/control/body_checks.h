// What operations with bodies check of them.
#pragma once

#include "ir/ops.h"

#include <string>

namespace sinter::ir {

/// What ends a body, or null.
YieldOp yieldOf(mlir::Region& body);

/// The types a body yields, if they are tensors of static shape.
mlir::FailureOr<llvm::SmallVector<mlir::Type>> yieldedTypes(std::optional<mlir::Location> location,
                                                            llvm::StringRef op, mlir::Region& body);

/// As a list in parentheses, whatever their number.
std::string textOf(mlir::TypeRange types);

/// Fails unless `body`, called `name` in errors, ends in a yield and takes `wanted`, which are those of
/// `what`.
llvm::LogicalResult checkArguments(mlir::Operation* op, mlir::Region& body, llvm::StringRef name,
                                   mlir::TypeRange wanted, llvm::StringRef what);

} // namespace sinter::ir
