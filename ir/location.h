// Where operations come from, as people know it.
#pragma once

#include "mlir/IR/Location.h"
#include "llvm/ADT/SmallVector.h"

#include <string>

namespace sinter::ir {

/// The distinct sources of a location in order: names of ONNX nodes, or file:line of C++ code. Empty where
/// nothing is known.
llvm::SmallVector<std::string> sourcesOf(mlir::Location location);

/// `location`, marked as that of an operation which derivatives need and the function itself does not.
mlir::Location asBackward(mlir::Location location);
/// True where a part of the location is marked: a kernel that does anything for derivatives is theirs.
bool isBackward(mlir::Location location);

} // namespace sinter::ir
