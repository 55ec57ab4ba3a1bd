// The transforms of Winograd's F(4x4, 3x3) on vectors of channels.
#pragma once

#include "codegen/cpu/contraction/kernel_builder.h"

namespace sinter::codegen::cpu::contraction {

inline constexpr int64_t kWinogradTile = 4, kWinogradSide = 6, kWinogradPoints = 36;

/// B^T d B for the 6 x 6 vectors that `load` gives; `store` takes the 36 points in order.
void emitInputTransform(KernelBuilder& builder,
                        llvm::function_ref<llvm::Value*(int64_t row, int64_t column)> load,
                        llvm::function_ref<void(int64_t point, llvm::Value* value)> store);

/// A^T m A for the 36 points that `load` gives; `store` takes the 4 x 4 results row by row.
void emitOutputTransform(KernelBuilder& builder, llvm::function_ref<llvm::Value*(int64_t point)> load,
                         llvm::function_ref<void(int64_t row, int64_t column, llvm::Value* value)> store);

} // namespace sinter::codegen::cpu::contraction
