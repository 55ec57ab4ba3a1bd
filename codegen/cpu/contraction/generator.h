// From a contraction to its kernel.
#pragma once

#include "codegen/cpu/contraction/plan.h"
#include "codegen/cpu/emit.h"

namespace sinter::codegen::cpu::contraction {

/// Where the operands are in the kernel's table of buffers.
struct Buffers {
  unsigned input = 0, filter = 1, bias = 2, output = 2;
};

/// The kernel of `problem` as an external function `symbol`, with number `choice` of its candidateTiles.
/// `epilogue` may be null; else it holds a function `epilogueName` of emitEpilogue's form. `flatPositions`:
/// see Epilogue.
EmittedKernel generate(const Problem& problem, const Buffers& buffers, const Target& target,
                       llvm::StringRef symbol, llvm::LLVMContext& context,
                       std::unique_ptr<llvm::Module> epilogue = nullptr, llvm::StringRef epilogueName = "",
                       bool flatPositions = false, size_t choice = 0);

} // namespace sinter::codegen::cpu::contraction
