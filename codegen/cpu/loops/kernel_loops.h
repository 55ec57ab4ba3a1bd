// The frame of a kernel's loops: its function, its buffers, its tasks.
#pragma once

#include "codegen/cpu/loops/loop_nest.h"
#include "codegen/loops/pieces.h"

namespace sinter::codegen::cpu {

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
