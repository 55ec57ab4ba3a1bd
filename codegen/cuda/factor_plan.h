// How the factors of a contraction are brought to shared memory for tensor cores.
#pragma once

#include "codegen/cuda/factor_emitter.h"
#include "codegen/cuda/neighbours.h"

namespace sinter::codegen::cuda {

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
