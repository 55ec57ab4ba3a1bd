// How the loops of one kernel are arranged: which results are written by which nest, lanes, statistics,
// tasks.
#pragma once

#include "codegen/cpu/loops/loop_nest.h"

namespace sinter::codegen::cpu {

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

/// The operation whose statistics are shared by rows of the results, or null.
mlir::Operation* statisticsRoot(ir::KernelOp kernel);

/// The function of a kernel (rt::KernelFn), without a body.
mlir::LLVM::LLVMFuncOp makeKernelFunction(mlir::OpBuilder& builder, mlir::Location loc, mlir::ModuleOp module,
                                          llvm::StringRef name);

/// Binds the arguments of `kernel` to the addresses at `buffers`; the results' places.
llvm::SmallVector<MemoryView> bindBuffers(VectorEmitter& emitter, ir::KernelOp kernel,
                                          const DimensionGroups& groups, mlir::Value buffers);

/// An estimate of the time one run takes on one processor.
double estimateNanoseconds(ir::KernelOp kernel);

inline constexpr double kTaskNanoseconds = 4000; // the least work worth a task of its own
inline constexpr int64_t kMostTasks = 128;       // enough for any pool to share out evenly

/// The least number of tasks of `nanoseconds` worth a thread.
int64_t grainOf(double nanoseconds, int64_t tasks);

} // namespace sinter::codegen::cpu
