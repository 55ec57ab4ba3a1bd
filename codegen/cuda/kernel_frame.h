// The function around a kernel's code.
#pragma once

#include "codegen/cuda/device_calls.h"
#include "codegen/cuda/emit.h"
#include "codegen/cuda/launch_limits.h"
#include "codegen/cuda/thread_emitter.h"
#include "codegen/loops/pieces.h"

#include "mlir/IR/OwningOpRef.h"

namespace sinter::codegen::cuda {

/// A function that takes the buffers of `kernel`, and an emitter that stands in it.
class KernelFrame {
public:
  KernelFrame(ir::KernelOp kernel, llvm::StringRef symbol, const DimensionGroups& groups);

  /// The text of what was emitted, with `out`'s blocks and threads.
  EmittedKernel finish(EmittedKernel out);

  /// `body(task)` for all tasks below `count`, of which every thread of the grid, `threads` in a block, takes
  /// every so-manieth. Makes `out.blocks` enough.
  void forTasks(int64_t count, EmittedKernel& out, llvm::function_ref<void(mlir::Value)> body);
  /// `body` where `condition` holds.
  void onlyIf(mlir::Value condition, llvm::function_ref<void()> body);
  /// `one` where `condition` holds, else `other`.
  void either(mlir::Value condition, llvm::function_ref<void()> one, llvm::function_ref<void()> other);
  /// The elements of the results `numbers` at `at`.
  llvm::SmallVector<mlir::Value> elements(llvm::ArrayRef<unsigned> numbers, const ir::Point& at);
  /// Stores what elements() gave. A result may lie over an operand: all are made before the first is stored.
  void store(llvm::ArrayRef<unsigned> numbers, const ir::Point& at, mlir::ValueRange values);
  /// The numbers of all results.
  llvm::SmallVector<unsigned> allResults() const;
  /// Makes and stores the elements of all results at `at`.
  void storeAll(const ir::Point& at);
  /// The address of a buffer, by its number: arguments first, then results.
  mlir::Value buffer(unsigned number) { return function.getArgument(number); }
  /// Memory of the device, of `count` elements (i64: the prelude's u64), that the kernel finds as it left it;
  /// zero at first.
  mlir::Value deviceMemory(llvm::StringRef name, mlir::Type element, int64_t count);
  /// True if all buffers begin at multiples of 16 bytes.
  mlir::Value buffersAreAligned();
  /// Where a buffer lies is known only when the kernel runs: slices of concatenations and of what loops go
  /// over begin anywhere. `body(lanes)` where vectors may be, which `aligned` (null: buffersAreAligned) says;
  /// else, and if there is but one lane, `body(1)`.
  void withLanes(int64_t lanes, llvm::function_ref<void(int64_t)> body, mlir::Value aligned = {});

private:
  mlir::OpBuilder builder;
  mlir::Location loc;
  ir::KernelOp kernel;
  std::string symbol;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::LLVM::LLVMFuncOp function;

public:
  ThreadEmitter emitter;
  DeviceCalls calls;
  llvm::SmallVector<MemoryView> results; ///< where they lie
};

/// True if every result of `kernel` has an element for each of `root`'s, at its position.
bool resultsAreRoots(ir::KernelOp kernel, mlir::Operation* root);

} // namespace sinter::codegen::cuda
