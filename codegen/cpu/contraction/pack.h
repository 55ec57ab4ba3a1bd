// Copies of a row-major right-hand side in the order the tiles read it.
#pragma once

#include "codegen/cpu/contraction/kernel_builder.h"
#include "codegen/cpu/contraction/plan.h"

namespace sinter::codegen::cpu::contraction {

/// `problem` as it is when the filter of a block tile has been packed: [block][channel]{lanes}.
Problem withPackedFilter(const Problem& problem);

/// Elements a packed block tile takes.
int64_t packedElements(const Problem& problem, int64_t blocks);

/// Packs the filter of one tile of `blocks` of `problem` (whose filter is row-major, or transposed) from
/// `from`, the tile's first column, to `to`.
void emitPack(KernelBuilder& builder, const Problem& problem, const BlockRun& blocks, llvm::Value* from,
              llvm::Value* to);

} // namespace sinter::codegen::cpu::contraction
