// The innermost straight line of a register tile: loads and multiply-adds on accumulators.
#pragma once

#include "codegen/cpu/contraction/kernel_builder.h"
#include "codegen/cpu/target.h"

#include <memory>

namespace sinter::codegen::cpu::contraction {

/// Collects the operations of a body, then puts them where the builder stands. Registers are numbered by the
/// caller, from 0 on; what one holds is gone when it is loaded again.
class Body {
public:
  virtual ~Body() = default;

  /// Nothing that is loaded from here on is loaded before.
  virtual void beginStep() = 0;
  /// One element of the input, `offset` elements from its pointer, in all lanes.
  virtual void loadInput(size_t to, int64_t offset) = 0;
  /// The first `valid` lanes (0: all) of a vector of the filter; the others are zero. `uses` multiply-adds
  /// follow.
  virtual void loadFilter(size_t to, int64_t offset, int64_t valid, size_t uses) = 0;
  /// `input` and `filter` hold what was loaded as such.
  virtual void multiplyAdd(size_t input, size_t filter, size_t accumulator) = 0;
  /// Ends the body. The accumulators that it was made with are changed to their new values.
  virtual void finish() = 0;
};

/// What a body reads and changes.
struct BodyOperands {
  llvm::Value* input = nullptr;
  llvm::Value* filter = nullptr;
  llvm::MutableArrayRef<llvm::Value*> accumulators;
  size_t registers = 0;      ///< used beside the accumulators
  int64_t farthest = 0;      ///< no offset is larger, in elements
  bool allLanesValid = true; ///< of every vector of the filter
};

/// For x86 with fused multiply-adds the whole body becomes one piece of assembly, in the order it was
/// collected in. It runs as fast as what LLVM makes of the IR; but for these few hundred instructions, which
/// are in order already, LLVM takes about as long as for all the rest of a kernel. It
/// becomes LLVM IR elsewhere, and where vectors have dead lanes or are wider than the processor's, offsets do
/// not fit an instruction, or registers are too few.
std::unique_ptr<Body> makeBody(KernelBuilder& builder, const Target& target, const BodyOperands& operands);

} // namespace sinter::codegen::cpu::contraction
