// What emitted code for one position says of the positions after it.
#pragma once

#include "codegen/loops/index_facts.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <optional>

namespace sinter::codegen::cuda {

/// Values that were emitted for the position `index`, seen at the positions index, index + 1, ... of a run of
/// `width`; `index` is a multiple of that.
class Neighbours {
public:
  Neighbours(IndexFacts& facts, mlir::Value index, int64_t width)
      : facts(facts), index(index), width(width) {}

  /// By how much `value`, of type index, grows from one position to the next, throughout the run; nothing if
  /// that is not known. Values of other types have step 0 where they are the same throughout.
  std::optional<int64_t> step(mlir::Value value);
  /// True if `load` reads neighbours in memory, the first of which is a multiple of `width` elements away
  /// from where its buffer begins.
  bool isRun(mlir::LLVM::LoadOp load);

  /// `load`, a run, as the elements of all positions.
  using LoadRun = llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::LLVM::LoadOp load)>;
  /// True if widened() has a value for every position of what `value` is computed from.
  bool canWiden(mlir::Value value);
  /// `value` at every position, where it can be widened: loads of runs as `load` makes them, arithmetic on
  /// each position's own.
  llvm::SmallVector<mlir::Value> widened(mlir::OpBuilder& builder, mlir::Value value, LoadRun load);

private:
  std::optional<int64_t> derive(mlir::Operation* op);

  IndexFacts& facts;
  mlir::Value index;
  int64_t width;
  llvm::DenseMap<mlir::Value, std::optional<int64_t>> steps;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<mlir::Value>> runs;
};

} // namespace sinter::codegen::cuda
