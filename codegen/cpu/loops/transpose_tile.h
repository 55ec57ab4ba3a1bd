// A square tile of vectors, transposed in registers.
#pragma once

#include "mlir/IR/Builders.h"
#include "llvm/ADT/SmallVector.h"

namespace sinter::codegen::cpu {

/// `rows` are n vectors of n elements, n a power of two; lane j of result i is lane i of row j.
llvm::SmallVector<mlir::Value> transposed(mlir::OpBuilder& builder, mlir::Location loc,
                                          llvm::SmallVector<mlir::Value> rows);

} // namespace sinter::codegen::cpu
