// The function around a kernel's code.
#pragma once

#include "codegen/cuda/emit.h"
#include "codegen/cuda/thread_emitter.h"
#include "codegen/loops/pieces.h"

#include "mlir/IR/OwningOpRef.h"

namespace sinter::codegen::cuda {

inline constexpr int64_t kWarp = 32;
inline constexpr int64_t kBlock = 256; ///< threads of a block where nothing speaks for another number
inline constexpr int64_t kMostBlockThreads = 1024;
inline constexpr int64_t kMostBlocks = 1 << 16; ///< each goes on with the next of its tasks

/// A function that takes the buffers of `kernel`, and an emitter that stands in it.
class KernelFrame {
public:
  using Side = ThreadEmitter::Side;

  KernelFrame(ir::KernelOp kernel, llvm::StringRef symbol, const DimensionGroups& groups);

  /// The text of what was emitted, with `out`'s blocks and threads.
  EmittedKernel finish(EmittedKernel out);

  /// `body(task)` for all tasks below `count`, of which every thread of the grid, `threads` in a block, takes
  /// every so-manieth. Makes `out.blocks` enough.
  void forTasks(int64_t count, EmittedKernel& out, llvm::function_ref<void(mlir::Value)> body);
  /// `body` where `condition` holds.
  void onlyIf(mlir::Value condition, llvm::function_ref<void()> body);

private:
  mlir::OpBuilder builder;
  mlir::Location loc;
  ir::KernelOp kernel;
  std::string symbol;
  mlir::OwningOpRef<mlir::ModuleOp> module;

public:
  ThreadEmitter emitter;
  DeviceCalls calls;
  llvm::SmallVector<MemoryView> results; ///< where they lie
};

int64_t total(llvm::ArrayRef<ThreadEmitter::Side> sides);

/// A kernel that adds at positions that depend on data. Every sum is made in the order of the updates, by one
/// thread.
EmittedKernel emitScatter(ir::KernelOp kernel, llvm::StringRef symbol);

} // namespace sinter::codegen::cuda
