// How the factors of a contraction are brought to shared memory for tensor cores.
#pragma once

#include "codegen/cuda/kernel_frame.h"
#include "codegen/cuda/neighbours.h"
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

/// Sixteen bytes of one factor, brought by one thread.
struct ChunkPlan {
  enum class Kind : uint8_t {
    elements, ///< one by one
    widened,  ///< loaded at once, then computed on
    copies    ///< as they are in memory, past the registers
  };
  Kind kind = Kind::elements;
  bool alongSum = true; ///< terms of one line; else one term of several lines
};

/// Both factors, the first and the second.
struct FactorPlan {
  ChunkPlan chunks[2];
  llvm::SmallVector<int64_t, 4> lineOrders[2];
  int64_t innermostTerm = -1;
};

/// What a plan's numbering and chunks take to bring the factors of `kernel`'s root with the fewest accesses.
FactorPlan planFactors(ir::KernelOp kernel, const ProductMatrix& matrix);

/// `value` as a load of `element`, in place of which there is zero unless `inside` (null: always) holds.
struct PlainLoad {
  mlir::LLVM::LoadOp load;
  mlir::Value inside;

  static std::optional<PlainLoad> of(mlir::Value value, mlir::Type element);
};

/// `value`, without its conversion to f32 if it is one from fewer bits.
mlir::Value narrowed(mlir::Value value);

} // namespace sinter::codegen::cuda
