// The code of one run of register tiles.
#pragma once

#include "codegen/cpu/contraction/body.h"
#include "codegen/cpu/contraction/epilogue.h"
#include "codegen/cpu/contraction/plan.h"

namespace sinter::codegen::cpu::contraction {

/// What a run is told by its caller.
struct RunArguments {
  llvm::Value* input = nullptr;        ///< column 0 of the first kernel row that meets the input, channel 0
  llvm::Value* filter = nullptr;       ///< column 0 of that kernel row, of the tile's first block
  llvm::Value* output = nullptr;       ///< column 0 of the output row, of the tile's first block
  llvm::Value* bias = nullptr;         ///< of the tile's first block; null if there is none
  llvm::Value* kernelDepths = nullptr; ///< how many of them meet the input
  llvm::Value* kernelRows = nullptr;
  llvm::Value* start = nullptr; ///< position of the first tile
  llvm::Value* tiles = nullptr;
  llvm::Value* channelsLeft = nullptr; ///< from the tile's first channel to the last; for the bias
  llvm::Value* buffers = nullptr;
  llvm::Value* prefetch = nullptr; ///< what the first tile asks for; null if nothing
  /// Where the sums are made in several parts, whether the output holds those so far, and whether they are
  /// whole now; null where they are made at once.
  llvm::Value* resumes = nullptr;
  llvm::Value* completes = nullptr;
  ResultIndex at; ///< w is not used
};

/// How often a kernel dimension may meet nothing at all, and the range it meets.
struct KernelRange {
  llvm::Value* begin = nullptr;
  llvm::Value* count = nullptr;
};

/// The kernel positions of dimension `dim` that meet the input when the output is at `at`.
KernelRange kernelRange(KernelBuilder& builder, const Problem& problem, int dim, llvm::Value* at);
/// True if that range is empty for some output position.
bool kernelRangeMayBeEmpty(const Problem& problem, int dim);

class TileEmitter {
public:
  TileEmitter(KernelBuilder& builder, const Problem& problem, const Plan& plan, const PositionRun& positions,
              const BlockRun& blocks, const Target& target, const Epilogue& epilogue);

  /// Emits all tiles of the run at the builder's insertion point.
  void emit(const RunArguments& arguments);

private:
  void emitTile(llvm::Value* position, llvm::Value* prefetch);
  Values initialAccumulators(llvm::Value* position);
  Values accumulatorsSoFar(llvm::Value* position, const Values& initial);
  Values loadOutput(llvm::Value* position);
  void reduce(llvm::Value* input, llvm::Value* filter, Values& accumulators);
  void reduceRow(llvm::Value* input, llvm::Value* filter, Values& accumulators);
  void reduceChannels(llvm::Value* input, llvm::Value* filter, int64_t column, Values& accumulators);
  void reduceBlock(llvm::Value* input, llvm::Value* filter, int64_t channels, int64_t column,
                   Values& accumulators);
  BodyOperands operands(llvm::Value* input, llvm::Value* filter, Values& accumulators) const;
  void step(Body& body, int64_t column, int64_t channel, int64_t set);
  void depthwiseRow(llvm::Value* input, llvm::Value* filter, Values& accumulators);
  void depthwiseColumns(llvm::Value* input, llvm::Value* filter, int64_t begin, int64_t end,
                        Values& accumulators);
  void prefetch(Values& carried);
  void leave(llvm::Value* position, llvm::ArrayRef<llvm::Value*> accumulators);
  void finish(llvm::Value* position, llvm::ArrayRef<llvm::Value*> accumulators);
  void finishInRegisters(llvm::Value* position, llvm::ArrayRef<llvm::Value*> accumulators);
  void finishThroughMemory(llvm::Value* position, llvm::ArrayRef<llvm::Value*> accumulators);
  llvm::Value* epilogue(llvm::Value* value, llvm::Value* position, int64_t block);
  void store(llvm::Value* value, llvm::Value* output, int64_t block);

  bool meets(int64_t column, int64_t position) const;
  bool meetsAny(int64_t column) const;
  bool meetAlike(int64_t a, int64_t b) const;
  int64_t validLanes(int64_t block) const;
  size_t slot(int64_t position, int64_t block) const;

  KernelBuilder& b_;
  const Problem& p_;
  const Plan& plan_;
  const PositionRun& positions_;
  const BlockRun& blocks_;
  const Target& target_;
  const Epilogue& epilogue_;
  RunArguments arguments_;
  int64_t splits_ = 1;  ///< independent sets of accumulators, for small tiles
  int64_t unroll_ = 1;  ///< channels per unrolled body
  KernelRange columns_; ///< of a bounded run or a loop over kernel columns
};

} // namespace sinter::codegen::cpu::contraction
