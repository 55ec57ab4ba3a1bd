// From one sinter.kernel to one LLVM module: the generators of CPU code.
#pragma once

#include "codegen/cpu/target.h"
#include "ir/ops.h"

#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

#include <memory>
#include <string>

namespace sinter::codegen::cpu {

/// A kernel as LLVM IR: one external function `symbol` of type rt::KernelFn,
///   void (ptr buffers, i64 begin, i64 end, ptr scratch),
/// where `buffers` points to the addresses of the kernel's block arguments, then of its yielded values.
/// Inlining and optimisation are still to be done.
struct EmittedKernel {
  std::unique_ptr<llvm::Module> module;
  std::string symbol;
  std::string algorithm;     ///< for people: "direct conv 6x16", "loops"
  int64_t tasks = 1;         ///< [begin, end) ranges over [0, tasks)
  int64_t grain = 1;         ///< tasks below which handing out work does not pay
  uint64_t scratchBytes = 0; ///< per worker
  size_t choices = 1;        ///< ways to emit it that are worth measuring
};

/// Any kernel, as loops of vector code through MLIR (arith, math, vector, scf). Throws Error (internal) for a
/// region it cannot emit; fusion must not make one.
EmittedKernel emitLoops(ir::KernelOp kernel, const Target& target, llvm::LLVMContext& context);

/// True if `kernel` adds at positions that depend on data.
bool hasScatter(ir::KernelOp kernel);

/// A kernel for which hasScatter holds. Every sum is made in the order of the updates, by one task.
EmittedKernel emitScatter(ir::KernelOp kernel, const Target& target, llvm::LLVMContext& context);

/// True if `kernel` has a contraction root in layouts that the micro-kernels take
/// (passes/contraction_layout.h) and nothing but pointwise operations after it.
bool hasMicroKernel(ir::KernelOp kernel, const Target& target);

/// A kernel for which hasMicroKernel holds, by register-tiled micro-kernels built with IRBuilder. `choice` of
/// EmittedKernel::choices: 0 is what the cost model takes for the fastest.
EmittedKernel emitContraction(ir::KernelOp kernel, const Target& target, llvm::LLVMContext& context,
                              size_t choice = 0);
/// Of such a kernel: the number of the operand that holds its weights.
unsigned filterOperand(ir::KernelOp kernel);

/// The pointwise operations after `root`, as a module with one function
///   <width x T> name(<width x T> value, ptr buffers, i64 index0, ... i64 index(rank-1))
/// that turns the root's elements into the kernel's. Lane l of `value` is the root's element at the given
/// position with l added on `laneDim`; operands are fetched through `buffers` (as in KernelFn). Lanes past
/// the extent of `laneDim` are computed from unspecified values but never read memory outside an operand. The
/// function is internal and always inlined. Null if the kernel yields the root's result itself.
std::unique_ptr<llvm::Module> emitEpilogue(ir::KernelOp kernel, mlir::Operation* root, int64_t laneDim,
                                           int64_t width, llvm::StringRef name, const Target& target,
                                           llvm::LLVMContext& context);

/// A module with one function, internal and always inlined, <width x f32> name(<width x f32> x): exp of what
/// is never positive, as the loops compute it.
std::unique_ptr<llvm::Module> emitExponential(mlir::MLIRContext& dialects, int64_t width,
                                              llvm::StringRef name, const Target& target,
                                              llvm::LLVMContext& context);

/// True if `kernel` is attention and nothing but pointwise operations after it.
bool hasAttentionKernel(ir::KernelOp kernel);

/// A kernel for which hasAttentionKernel holds, around the same register tiles as contractions.
EmittedKernel emitAttention(ir::KernelOp kernel, const Target& target, llvm::LLVMContext& context);

} // namespace sinter::codegen::cpu
