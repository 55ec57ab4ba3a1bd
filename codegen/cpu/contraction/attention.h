// Attention as one kernel, around the register tiles of matrix products.
#pragma once

#include "codegen/cpu/contraction/epilogue.h"
#include "codegen/cpu/contraction/plan.h"
#include "codegen/cpu/emit.h"
#include "ir/attention.h"

namespace sinter::codegen::cpu::contraction {

/// An attention, and where its operands are in the kernel's table of buffers.
struct AttentionProblem {
  ir::Attention sizes;
  double scale = 1;
  bool keyColumnsContiguous =
      true; ///< the columns of a row of the key are neighbours in memory; else its rows
  bool hasMask = false;
  llvm::SmallVector<int64_t, 4> resultOrder; ///< which dimension is number i of the result; empty: number i
  unsigned query = 0, key = 1, value = 2, mask = 3, output = 3;
};

/// How an attention is cut. Scores exist for one block of rows and one block of keys at a time.
struct AttentionPlan {
  int64_t rows = 1, rowBlocks = 1; ///< of the query, in a block; the last may have fewer
  int64_t keys = 1, keyBlocks = 1; ///< in a block; the last may have fewer
  int64_t lastKeys = 1;
  int64_t tasks = 0, grain = 1;
  Problem scores, sums; ///< the two products of one block, of packed operands
  Plan scorePlan, sumPlan;

  // Elements between rows, and where things are in a worker's scratch memory. Vectors fill whole registers.
  int64_t queryRow = 0, scoreRow = 0, sumRow = 0, packedKeys = 0;
  int64_t keyAt = 0, valueAt = 0, queryAt = 0, scoresAt = 0, sumsAt = 0, maximaAt = 0, totalsAt = 0, end = 0;

  AttentionPlan(const ir::Attention& sizes, const Target& target);
};

/// `exponential` is a function of emitExponential's form in the kernel's module.
EmittedKernel generateAttention(const AttentionProblem& problem, const Target& target, llvm::StringRef symbol,
                                std::unique_ptr<llvm::Module> module, llvm::Function* exponential,
                                const Epilogue& epilogue);

} // namespace sinter::codegen::cpu::contraction
