// The small vocabulary micro-kernels are written in: counted loops that carry values, and vectors with dead
// lanes.
#pragma once

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"

namespace sinter::codegen::cpu::contraction {

using Values = llvm::SmallVector<llvm::Value*, 32>;

class KernelBuilder : public llvm::IRBuilder<> {
public:
  KernelBuilder(llvm::Module& module, llvm::Type* element, int64_t lanes);

  llvm::Module& module;
  llvm::Type* const element;
  const int64_t lanes;
  llvm::FixedVectorType* const vector;

  llvm::ConstantInt* index(int64_t value) { return getInt64(static_cast<uint64_t>(value)); }

  /// Emits `count` rounds of `body(round, carried)`, which returns what the next round carries; gives what
  /// the last one returned. Unless `mayBeEmpty`, `count` is at least 1. A constant count of 1 (or 0) makes no
  /// loop.
  Values loop(llvm::Value* count, bool mayBeEmpty, llvm::ArrayRef<llvm::Value*> carried,
              llvm::function_ref<Values(llvm::Value* round, llvm::ArrayRef<llvm::Value*> carried)> body);

  /// A function without a result, with the builder at its entry. Internal ones stay functions: small ones
  /// compile faster, and their registers are allocated better.
  llvm::Function* startFunction(const llvm::Twine& name, llvm::ArrayRef<llvm::Type*> arguments,
                                llvm::GlobalValue::LinkageTypes linkage = llvm::GlobalValue::InternalLinkage);
  /// A kernel (rt::KernelFn), likewise.
  llvm::Function* startKernel(llvm::StringRef symbol);
  /// Emits `body(task, round)` for every task that `kernel` is called for; `round` counts those of a call.
  void forEachTask(llvm::Function* kernel,
                   llvm::function_ref<void(llvm::Value* task, llvm::Value* round)> body);

  /// Emits `then` for where `condition` is true and `otherwise` (null: nothing) for where it is not.
  void branch(llvm::Value* condition, llvm::function_ref<void()> then, llvm::function_ref<void()> otherwise);

  /// `pointer` moved by a number of elements.
  llvm::Value* advance(llvm::Value* pointer, llvm::Value* elements);
  llvm::Value* advance(llvm::Value* pointer, int64_t elements) { return advance(pointer, index(elements)); }

  /// One element in all lanes.
  llvm::Value* loadBroadcast(llvm::Value* pointer);
  /// The first `valid` lanes (0: all); the others are zero.
  llvm::Value* loadVector(llvm::Value* pointer, int64_t valid = 0);
  /// As above, for a number known only when it runs, which may be negative or exceed the lanes.
  llvm::Value* loadVector(llvm::Value* pointer, llvm::Value* valid);
  void storeVector(llvm::Value* value, llvm::Value* pointer, int64_t valid = 0);
  /// a * b + c
  llvm::Value* multiplyAdd(llvm::Value* a, llvm::Value* b, llvm::Value* c);
  /// Asks for the cache line of `pointer`, which may lie outside of every object.
  void prefetch(llvm::Value* pointer);
  /// Loads emitted from here on are not scheduled above this point. LLVM likes to gather loads of
  /// neighbouring addresses, which costs registers that accumulators need. Makes no code.
  void keepLoadsBelow();
  llvm::Value* maximum(llvm::Value* a, llvm::Value* b);
  llvm::Value* minimum(llvm::Value* a, llvm::Value* b);

private:
  llvm::Align alignment() const { return llvm::Align(element->getScalarSizeInBits() / 8); }
  llvm::Constant* firstLanes(int64_t count);
};

} // namespace sinter::codegen::cpu::contraction
