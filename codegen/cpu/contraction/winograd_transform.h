// The transforms of Winograd's F(tile x tile, 3 x 3), tile 2 or 4, on vectors of channels.
#pragma once

#include "codegen/cpu/contraction/kernel_builder.h"

namespace sinter::codegen::cpu::contraction {

/// B^T d B for the (tile + 2) x (tile + 2) vectors that `load` gives; `store` takes the points in order.
void emitInputTransform(KernelBuilder& builder, int64_t tile,
                        llvm::function_ref<llvm::Value*(int64_t row, int64_t column)> load,
                        llvm::function_ref<void(int64_t point, llvm::Value* value)> store);

/// A^T m A for the (tile + 2)^2 points that `load` gives; `store` takes the tile x tile results row by row.
void emitOutputTransform(KernelBuilder& builder, int64_t tile,
                         llvm::function_ref<llvm::Value*(int64_t point)> load,
                         llvm::function_ref<void(int64_t row, int64_t column, llvm::Value* value)> store);

} // namespace sinter::codegen::cpu::contraction
