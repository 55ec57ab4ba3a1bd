// How large the blocks of an attention are, and where they lie in scratch memory.
#include "codegen/cpu/contraction/attention.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cmath>

namespace sinter::codegen::cpu::contraction {
namespace {

// A block of scores, the keys and the values it meets stay in the second-level cache, and what a register
// tile reads of the values of a block in the first.
constexpr int64_t kRows = 64, kKeys = 256;
constexpr double kGrainMicroseconds = 20; // keys are packed in each piece
constexpr int64_t kPiecesWanted = 32;
// Every piece of work packs keys and values again: so many blocks of rows share that at least.
constexpr int64_t kBlocksOfPiece = 4;

// The product of `rows` rows with a packed filter.
Problem product(int64_t lanes, int64_t rows, int64_t channels, int64_t outChannels) {
  Problem p;
  p.lanes = lanes;
  p.channelLast = true;
  p.channels = p.channelBlock = channels;
  p.outChannels = outChannels;
  p.input = p.output = {1, 1, rows};
  p.inputChannelStride = 1;
  p.filterChannelStride = lanes;
  p.outputBlockStride = lanes;
  return p;
}

} // namespace

AttentionPlan::AttentionPlan(const ir::Attention& a, const Target& target) {
  if (a.batches() == 0 || a.rows == 0 || a.width == 0)
    return;
  const int64_t lanes = target.lanes();
  const auto padded = [&](int64_t elements) { return llvm::divideCeilSigned(elements, lanes) * lanes; };
  rowBlocks = llvm::divideCeilSigned(a.rows, kRows);
  rows = llvm::divideCeilSigned(a.rows, rowBlocks);
  keyBlocks = llvm::divideCeilSigned(a.keys, kKeys);
  keys = a.keys;
  if (keyBlocks > 1) {
    keys = padded(llvm::divideCeilSigned(a.keys, keyBlocks));
    keyBlocks = llvm::divideCeilSigned(a.keys, keys);
  }
  lastKeys = a.keys - (keyBlocks - 1) * keys;

  queryRow = padded(a.depth);
  scoreRow = padded(keys) + kLine; // rows a power of two apart would share their places in the cache
  sumRow = padded(a.width);
  packedKeys = keyBlocks * keys;
  scores = product(lanes, rows, a.depth, keys);
  scores.inputStride[2] = queryRow;
  scores.outputStride[2] = scoreRow;
  scores.filterBlockStride = lanes * a.depth;
  sums = product(lanes, rows, keys, a.width);
  sums.inputStride[2] = scoreRow;
  sums.outputStride[2] = sumRow;
  sums.filterBlockStride = lanes * packedKeys;
  sums.addsToOutput = keyBlocks > 1;
  scorePlan = makePlan(scores, target);
  sumPlan = makePlan(sums, target);

  const auto place = [&](int64_t elements) {
    const int64_t at = end;
    end += llvm::divideCeilSigned(elements, kLine) * kLine;
    return at;
  };
  keyAt = place(padded(packedKeys) * a.depth);
  valueAt = place(packedKeys * sumRow);
  queryAt = place(rows * queryRow);
  scoresAt = place(rows * scoreRow);
  sumsAt = place(rows * sumRow);
  maximaAt = place(rows);
  totalsAt = place(rows);

  const auto batches = static_cast<int64_t>(a.batches());
  tasks = batches * rowBlocks;
  grain = rowBlocks;
  while (tasks / grain < kPiecesWanted && grain > kBlocksOfPiece)
    grain = llvm::divideCeilSigned(grain, 2);
  const double macs = a.scores() * static_cast<double>(a.depth + a.width) / static_cast<double>(tasks);
  const double microseconds = macs / (4000 * static_cast<double>(lanes));
  const double wanted = std::ceil(kGrainMicroseconds / std::max(microseconds, 1e-3));
  grain = std::clamp(static_cast<int64_t>(wanted), grain, tasks);
}

} // namespace sinter::codegen::cpu::contraction
