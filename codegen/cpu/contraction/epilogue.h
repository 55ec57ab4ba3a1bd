// What happens to an accumulator before it is stored.
#pragma once

#include "codegen/cpu/contraction/kernel_builder.h"
#include "codegen/cpu/contraction/problem.h"

#include <memory>

namespace sinter::codegen::cpu::contraction {

/// Where the epilogue of one vector is: the batch entry (all batch dimensions as one number), the channel of
/// lane 0, and the position.
struct ResultIndex {
  llvm::Value* batch = nullptr;
  llvm::Value* channel = nullptr;
  llvm::Value *d = nullptr, *h = nullptr, *w = nullptr;
};

/// Moves `module` into `target` and gives its function `name`, which is internal and always inlined there.
llvm::Function* linkFunction(std::unique_ptr<llvm::Module> module, llvm::StringRef name,
                             llvm::Module& target);

/// The pointwise operations after the contraction: a function of emitEpilogue's form inside the kernel's
/// module.
class Epilogue {
public:
  /// None: accumulators are stored as they are.
  Epilogue() = default;
  /// Moves `module` into `target`. `flatPositions`: operands of the epilogue have either all dimensions that
  /// positions are folded from or none, so that it does not matter how a position is split over them.
  Epilogue(std::unique_ptr<llvm::Module> module, llvm::StringRef name, bool flatPositions,
           llvm::Module& target);

  explicit operator bool() const { return function_ != nullptr; }
  /// Worth a copy for every accumulator; otherwise a loop over them should hold the only one.
  bool isSmall() const { return small_; }

  llvm::Value* apply(KernelBuilder& builder, const Problem& problem, llvm::Value* value, llvm::Value* buffers,
                     const ResultIndex& at) const;
  /// The same at `indices` of the result.
  llvm::Value* apply(KernelBuilder& builder, llvm::Value* value, llvm::Value* buffers,
                     llvm::ArrayRef<llvm::Value*> indices) const;

private:
  llvm::Function* function_ = nullptr;
  bool small_ = true;
  bool flatPositions_ = false;
};

} // namespace sinter::codegen::cpu::contraction
