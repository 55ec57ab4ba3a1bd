// The checks that the shape inference of many operations starts and ends with.
#pragma once

#include "ir/dialect.h"

#include "mlir/IR/BuiltinAttributes.h"

namespace sinter::ir {

/// Products and sums of extents and attributes, which a hostile file may make large, do not overflow in it.
__extension__ typedef __int128 Wide;

/// The operand as a tensor of static shape, or a diagnostic.
llvm::FailureOr<mlir::RankedTensorType> staticOperand(std::optional<mlir::Location> location,
                                                      llvm::StringRef op, mlir::Value operand,
                                                      llvm::StringRef role);

/// Checks that the attribute is there and has `count` entries, all of them at least `least`.
llvm::LogicalResult checkEntries(std::optional<mlir::Location> location, llvm::StringRef op,
                                 llvm::StringRef name, mlir::DenseI64ArrayAttr entries, size_t count,
                                 int64_t least = std::numeric_limits<int64_t>::min());

/// Adds a result of this type, or emits a diagnostic if its rank, an extent or its size is out of bounds.
llvm::LogicalResult addResult(std::optional<mlir::Location> location, llvm::StringRef op,
                              llvm::ArrayRef<Wide> shape, mlir::Type element, mlir::Attribute encoding,
                              llvm::SmallVectorImpl<mlir::Type>& types);
llvm::LogicalResult addResult(std::optional<mlir::Location> location, llvm::StringRef op,
                              llvm::ArrayRef<int64_t> shape, mlir::Type element, mlir::Attribute encoding,
                              llvm::SmallVectorImpl<mlir::Type>& types);

/// "[1, 3, 224, 224]"
std::string text(llvm::ArrayRef<int64_t> extents);

} // namespace sinter::ir
