// Contractions as matrix products, as the writers of tiles see them.
#pragma once

#include "ir/contraction.h"
#include "ir/ops.h"

#include <optional>

namespace sinter::codegen::cuda {

/// Rows are positions along which the first factor changes, columns those along which the second does.
struct ProductMatrix {
  ir::FactorDimensions dims;
  llvm::SmallVector<int64_t> batch; ///< dimensions of the result along which both change
  int64_t rows, columns, batches, terms;
  mlir::Type sum; ///< the type of sums: f32 for factors of 16 bits

  /// Nothing for what is no contraction, or none of such a shape.
  static std::optional<ProductMatrix> of(mlir::Operation* root);
};

/// How many products an element of the contraction `root` is the sum of; 0 for other operations.
int64_t termsOf(mlir::Operation* root);

} // namespace sinter::codegen::cuda
