// Contractions, whose factors and sums kernels of tiles make apart.
#pragma once

#include "codegen/cuda/kernel_frame.h"
#include "codegen/cuda/product_matrix.h"

namespace sinter::codegen::cuda {

/// A contraction whose factors are emitted one at a time. "Lines" are the rows of the first factor, and the
/// columns of the second.
class FactorEmitter {
public:
  using Kind = ThreadEmitter::ProductRole::Kind;

  FactorEmitter(KernelFrame& frame, mlir::Operation* root, const ProductMatrix& matrix)
      : frame(frame), root(root), matrix(matrix), lineOrders{matrix.dims.first, matrix.dims.second} {}

  int64_t lines(Kind factor) const { return factor == Kind::first ? matrix.rows : matrix.columns; }
  /// The position of the result that `row` and `column` of `batch` are.
  ir::Point place(mlir::Value batch, mlir::Value row, mlir::Value column);
  /// Term `term` of line `line`, a number of the result's type, or f32 in place of a narrower one.
  mlir::Value element(Kind factor, mlir::Value batch, mlir::Value line, mlir::Value term);
  /// The root's element at `at` is what its operation makes of `sum`, a number or one for each lane.
  void bindSum(const ir::Point& at, mlir::Value sum);

  KernelFrame& frame;
  mlir::Operation* const root;
  const ProductMatrix& matrix;
  /// Dimensions of the result that rows and columns are numbered by, the outermost first.
  llvm::SmallVector<int64_t, 4> lineOrders[2];
  /// Which dimension of the sum terms are numbered along first, or -1: the last.
  int64_t innermostTerm = -1;
  /// Extents of the sum, known when an element has been emitted.
  llvm::SmallVector<int64_t> termExtents;
};

} // namespace sinter::codegen::cuda
