// Packing of right-hand sides, straight or transposed.
#include "codegen/cpu/contraction/pack.h"

namespace sinter::codegen::cpu::contraction {
namespace {

// Turns rows into columns: log2(lanes) rounds that swap ever smaller squares.
void transpose(KernelBuilder& b, llvm::SmallVectorImpl<llvm::Value*>& rows) {
  const auto lanes = static_cast<int>(rows.size());
  for (int half = lanes / 2; half > 0; half /= 2) {
    llvm::SmallVector<int> upper, lower;
    for (int lane = 0; lane < lanes; ++lane) {
      const bool right = lane & half;
      upper.push_back(right ? lanes + lane - half : lane);
      lower.push_back(right ? lanes + lane : lane + half);
    }
    for (int row = 0; row < lanes; ++row) {
      if (row & half)
        continue;
      llvm::Value*& first = rows[static_cast<size_t>(row)];
      llvm::Value*& second = rows[static_cast<size_t>(row + half)];
      llvm::Value* top = b.CreateShuffleVector(first, second, upper);
      second = b.CreateShuffleVector(first, second, lower);
      first = top;
    }
  }
}

// `channels` (at most one vector) of one block whose columns are contiguous in memory.
void packSquare(KernelBuilder& b, const Problem& p, int64_t channels, int64_t columns, llvm::Value* from,
                llvm::Value* to) {
  llvm::SmallVector<llvm::Value*, 16> rows;
  for (int64_t column = 0; column < p.lanes; ++column)
    rows.push_back(column < columns
                       ? b.loadVector(b.advance(from, column * (p.filterBlockStride / p.lanes)), channels)
                       : llvm::Constant::getNullValue(b.vector));
  transpose(b, rows);
  for (int64_t channel = 0; channel < channels; ++channel)
    b.storeVector(rows[static_cast<size_t>(channel)], b.advance(to, channel * p.lanes));
}

void packTransposed(KernelBuilder& b, const Problem& p, int64_t columns, llvm::Value* from, llvm::Value* to) {
  const int64_t full = p.channels / p.lanes, rest = p.channels % p.lanes;
  b.loop(b.index(full), false, {}, [&](llvm::Value* round, llvm::ArrayRef<llvm::Value*>) {
    packSquare(b, p, p.lanes, columns, b.advance(from, b.CreateMul(round, b.index(p.lanes))),
               b.advance(to, b.CreateMul(round, b.index(p.lanes * p.lanes))));
    return Values{};
  });
  if (rest)
    packSquare(b, p, rest, columns, b.advance(from, full * p.lanes), b.advance(to, full * p.lanes * p.lanes));
}

void packStraight(KernelBuilder& b, const Problem& p, const BlockRun& blocks, llvm::Value* from,
                  llvm::Value* to) {
  b.loop(b.index(p.channels), false, {}, [&](llvm::Value* channel, llvm::ArrayRef<llvm::Value*>) {
    llvm::Value* source = b.advance(from, b.CreateMul(channel, b.index(p.filterChannelStride)));
    llvm::Value* target = b.advance(to, b.CreateMul(channel, b.index(p.lanes)));
    for (int64_t block = 0; block < blocks.width; ++block) {
      llvm::Value* columns = b.loadVector(b.advance(source, block * p.filterBlockStride),
                                          block == blocks.width - 1 ? blocks.tailLanes : 0);
      b.storeVector(columns, b.advance(target, block * p.channels * p.lanes));
    }
    return Values{};
  });
}

} // namespace

Problem withPackedFilter(const Problem& problem) {
  Problem packed = problem;
  packed.filterChannelStride = problem.lanes;
  packed.filterBlockStride = problem.lanes * problem.channels;
  packed.filterUnpadded = false;
  return packed;
}

int64_t packedElements(const Problem& problem, int64_t blocks) {
  return blocks * problem.channels * problem.lanes;
}

void emitPack(KernelBuilder& b, const Problem& p, const BlockRun& blocks, llvm::Value* from,
              llvm::Value* to) {
  if (!p.filterTransposed) {
    packStraight(b, p, blocks, from, to);
    return;
  }
  const int64_t full = blocks.width - (blocks.tailLanes ? 1 : 0), blockElements = p.channels * p.lanes;
  b.loop(b.index(full), false, {}, [&](llvm::Value* block, llvm::ArrayRef<llvm::Value*>) {
    packTransposed(b, p, p.lanes, b.advance(from, b.CreateMul(block, b.index(p.filterBlockStride))),
                   b.advance(to, b.CreateMul(block, b.index(blockElements))));
    return Values{};
  });
  if (blocks.tailLanes)
    packTransposed(b, p, blocks.tailLanes, b.advance(from, full * p.filterBlockStride),
                   b.advance(to, full * blockElements));
}

} // namespace sinter::codegen::cpu::contraction
