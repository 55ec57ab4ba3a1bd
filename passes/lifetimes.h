// When the results of a program's steps are needed.
#pragma once

#include "passes/arena.h"
#include "passes/memory_groups.h"

namespace sinter::passes {

/// The buffers of a program of launches, branches and loops. Kernels write over what they alone still need.
class Lifetimes {
public:
  /// Of a function without regions other than bodies of branches and loops. Fails, with a diagnostic, if a
  /// concatenation is not in place.
  static mlir::FailureOr<Lifetimes> of(mlir::func::FuncOp program);

  /// What computes results that need a place, in order: the numbers of lifetimes count these.
  llvm::ArrayRef<mlir::Operation*> steps() const { return steps_; }
  /// A buffer for each group of tensors whose places depend on each other; without parts if it lies in an
  /// output.
  llvm::SmallVector<ArenaBuffer> buffers() const;
  /// The bytes of all results, if none took the place of another.
  int64_t withoutReuse() const { return withoutReuse_; }
  /// Where a step's result lies, with the buffers as they were packed; -1: in an output.
  int64_t offsetOf(mlir::Value result, llvm::ArrayRef<ArenaBuffer> packed) const;
  bool isInArena(mlir::Value result) const { return !partsOf(result).empty(); }
  /// True if `result`, of a step, is in the arena and alone there: no slice of anything.
  bool isAlone(mlir::Value result) const { return isAlone(partsOf(result)); }

private:
  mlir::LogicalResult findGroups(mlir::func::FuncOp program);
  void findLifetimes();
  llvm::SmallVector<size_t> partsOf(mlir::Value value) const;
  void reuseDyingOperands(mlir::ModuleOp module);
  bool isReadOnce(ir::LaunchOp launch, llvm::ArrayRef<size_t> operand) const;
  bool isAlone(llvm::ArrayRef<size_t> some) const;
  bool takeOver(llvm::ArrayRef<size_t> operand, mlir::Value result);

  llvm::SmallVector<mlir::Operation*> steps_;
  int64_t withoutReuse_ = 0;
  MemoryGroups groups_;
  llvm::SmallVector<ArenaPart> parts_;
  llvm::SmallVector<size_t> groupOfPart_;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<size_t, 1>> partsOfResult_; // of steps
};

} // namespace sinter::passes
