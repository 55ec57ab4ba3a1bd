// Which results of a kernel are written by which nest of loops, and what its elements are loaded from.
#pragma once

#include "codegen/loops/vector_emitter.h"

namespace sinter::codegen {

/// A box of the results that one loop nest writes. Usually all of them; a concatenation has one for each
/// operand.
struct Piece {
  llvm::SmallVector<unsigned> results;        ///< of equal shape
  llvm::SmallVector<int64_t> origin, extents; ///< grouped dimensions
  mlir::Operation* concat = nullptr;
  unsigned operand = 0;
  int64_t axis = 0;
};

/// The pieces the results of `kernel` are written in.
llvm::SmallVector<Piece> splitResults(ir::KernelOp kernel, const DimensionGroups& groups);

/// Makes the concatenation that `piece` is cut from, if it is, that one operand of it.
void bindPiece(VectorEmitter& emitter, const Piece& piece);

/// True if all that is computed from `root` is pointwise and of the same shape, and a result is: then every
/// position of the results asks for the root's element at that very position.
bool isFollowedByPointwise(mlir::Block& block, mlir::Operation* root);

/// The operation whose statistics are shared by rows of the results, or null.
mlir::Operation* statisticsRoot(ir::KernelOp kernel);

/// True if no result of `kernel` can lie over its operand of `type`.
bool isInvariant(ir::KernelOp kernel, mlir::RankedTensorType type);

/// Binds the arguments of `kernel`, and gives the results' places. `address` is the address of a buffer, by
/// its number: arguments first, then results.
llvm::SmallVector<MemoryView> bindBuffers(VectorEmitter& emitter, ir::KernelOp kernel,
                                          const DimensionGroups& groups,
                                          llvm::function_ref<mlir::Value(unsigned)> address);

} // namespace sinter::codegen
