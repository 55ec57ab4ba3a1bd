// From a Winograd convolution to its kernel.
#pragma once

#include "codegen/cpu/contraction/generator.h"

namespace sinter::codegen::cpu::contraction {

/// The kernel of a winograd_conv of `shape`: input and result channels-blocked, filter [points][out channels
/// / lanes][in channels]{lanes}. `epilogue` as for generate().
EmittedKernel generateWinograd(const ir::Contraction& shape, const Buffers& buffers, const Target& target,
                               llvm::StringRef symbol, llvm::LLVMContext& context,
                               std::unique_ptr<llvm::Module> epilogue, llvm::StringRef epilogueName);

} // namespace sinter::codegen::cpu::contraction
