// The kinds of kernels that emit() chooses among, besides elements one by one.
#pragma once

#include "codegen/cuda/emit.h"

#include <optional>

namespace sinter::codegen::cuda {

/// A kernel whose root folds lines of elements that threads share; nothing if there are none.
std::optional<EmittedKernel> emitFolds(ir::KernelOp kernel, llvm::StringRef symbol);

/// A kernel whose operands lie in memory another way than its results; nothing if they do not.
std::optional<EmittedKernel> emitTransposes(ir::KernelOp kernel, llvm::StringRef symbol);

/// A kernel that adds at positions that depend on data. Every sum is made in the order of the updates, by one
/// thread.
EmittedKernel emitScatter(ir::KernelOp kernel, llvm::StringRef symbol);

/// True for a convolution or matrix product that is large enough for tiles. Its results must be its root's.
bool makesTiles(ir::KernelOp kernel);
/// A kernel for which makesTiles holds.
EmittedKernel emitTiles(ir::KernelOp kernel, llvm::StringRef symbol);
/// True if the root of `kernel` is attention; its operands are then in memory.
bool makesAttention(ir::KernelOp kernel);
/// A kernel for which makesAttention holds, with a kernel of its own (passes/attention_kernels.h).
EmittedKernel emitAttention(ir::KernelOp kernel, llvm::StringRef symbol);
/// Where makesTiles holds: true for f16 and bf16, and for f32 in a module with the attribute `sinter.tf32`.
bool makesTensorCoreTiles(ir::KernelOp kernel);
/// A kernel for which makesTensorCoreTiles holds: products of factors rounded to their element type (f32: to
/// tf32), sums in f32.
EmittedKernel emitTensorCoreTiles(ir::KernelOp kernel, llvm::StringRef symbol);

} // namespace sinter::codegen::cuda
