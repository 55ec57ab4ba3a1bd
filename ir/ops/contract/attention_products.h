// Attention as the products and the softmax it stands for.
#pragma once

#include "ir/ops.h"

namespace sinter::ir {

/// Operands after their permutations, and the matrix of weights: softmax(scale * query key^T + mask). Of
/// elements of 16 bits, scores are rounded to those once, and weights once more; what is between is f32.
struct AttentionProducts {
  mlir::Value query, key, value, weights;

  AttentionProducts(GradientArithmetic& g, AttentionOp op);
};

/// `x` transposed by `permutation`; empty is as it is.
mlir::Value permuted(GradientArithmetic& g, mlir::Value x, llvm::ArrayRef<int64_t> permutation);
/// ... and back.
mlir::Value unpermuted(GradientArithmetic& g, mlir::Value x, llvm::ArrayRef<int64_t> permutation);

/// The result of `op`, from its products.
mlir::Value attentionResult(GradientArithmetic& g, AttentionOp op);

} // namespace sinter::ir
