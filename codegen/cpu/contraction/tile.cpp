// Register tiles: accumulators that stay in registers while channels and kernel positions go by.
#include "codegen/cpu/contraction/tile.h"

#include <algorithm>
#include <cstdlib>
#include <set>

namespace sinter::codegen::cpu::contraction {
namespace {

constexpr int64_t kUnrolledBody = 200;   // multiply-adds
constexpr int64_t kDepthwiseColumns = 4; // filter vectors held at a time

} // namespace

bool kernelRangeMayBeEmpty(const Problem& p, int dim) {
  const int64_t last = p.output[static_cast<size_t>(dim)] - 1;
  // Ranges are emptiest at the ends, or, with dilation, anywhere.
  for (int64_t at = 0; at <= last; ++at) {
    const auto [begin, end] = p.kernelRange(dim, at);
    if (begin >= end)
      return true;
  }
  return false;
}

KernelRange kernelRange(KernelBuilder& b, const Problem& p, int dim, llvm::Value* at) {
  const auto d = static_cast<size_t>(dim);
  const int64_t lastStart = (p.output[d] - 1) * p.stride[d] - p.pad[d];
  const bool meetsBegin = p.pad[d] == 0;
  const bool meetsEnd = lastStart + (p.kernel[d] - 1) * p.dilation[d] < p.input[d];
  llvm::Value* start = b.CreateSub(b.CreateMul(at, b.index(p.stride[d])), b.index(p.pad[d]));
  auto divideUp = [&](llvm::Value* distance) {
    distance = b.maximum(distance, b.index(0));
    if (p.dilation[d] == 1)
      return distance;
    return b.CreateUDiv(b.CreateAdd(distance, b.index(p.dilation[d] - 1)), b.index(p.dilation[d]));
  };
  llvm::Value* size = b.index(p.kernel[d]);
  llvm::Value* begin = meetsBegin ? b.index(0) : b.minimum(size, divideUp(b.CreateNeg(start)));
  llvm::Value* end = meetsEnd ? size : b.minimum(size, divideUp(b.CreateSub(b.index(p.input[d]), start)));
  llvm::Value* count = meetsBegin ? end : b.CreateSub(end, begin);
  if (!meetsBegin && !meetsEnd)
    count = b.maximum(count, b.index(0));
  return {begin, count};
}

TileEmitter::TileEmitter(KernelBuilder& builder, const Problem& problem, const Plan& plan,
                         const PositionRun& positions, const BlockRun& blocks, const Target& target,
                         const Epilogue& epilogue)
    : b_(builder), p_(problem), plan_(plan), positions_(positions), blocks_(blocks), target_(target),
      epilogue_(epilogue) {
  if (p_.depthwise)
    return;
  const int64_t tile = positions_.width * blocks_.width;
  const int64_t channels = std::min(p_.channels, p_.channelBlock);
  unroll_ = positions_.kind == PositionRun::Kind::full ? 8 : 4; // edges run rarely
  while (unroll_ > 1 && (unroll_ * tile > kUnrolledBody || unroll_ > channels))
    unroll_ /= 2;
  splits_ = std::min(accumulatorSets(positions_.width, blocks_.width, target.registers), unroll_);
}

bool TileEmitter::meets(int64_t column, int64_t position) const {
  if (positions_.kind != PositionRun::Kind::masked)
    return true;
  const auto& range = positions_.meets[static_cast<size_t>(column)];
  return position >= range[0] && position < range[1];
}

bool TileEmitter::meetsAny(int64_t column) const {
  for (int64_t position = 0; position < positions_.width; ++position)
    if (meets(column, position))
      return true;
  return false;
}

bool TileEmitter::meetAlike(int64_t a, int64_t b) const {
  return positions_.kind != PositionRun::Kind::masked ||
         positions_.meets[static_cast<size_t>(a)] == positions_.meets[static_cast<size_t>(b)];
}

int64_t TileEmitter::validLanes(int64_t block) const {
  return block == blocks_.width - 1 ? blocks_.tailLanes : 0;
}

size_t TileEmitter::slot(int64_t position, int64_t block) const {
  return static_cast<size_t>(position * blocks_.width + block);
}

void TileEmitter::emit(const RunArguments& arguments) {
  arguments_ = arguments;
  b_.loop(arguments.tiles, false, {}, [&](llvm::Value* round, llvm::ArrayRef<llvm::Value*>) {
    llvm::Value* prefetch = nullptr;
    if (arguments.prefetch)
      prefetch = b_.advance(arguments.prefetch, b_.CreateMul(round, b_.index(plan_.prefetchedLines * kLine)));
    emitTile(b_.CreateAdd(arguments.start, b_.CreateMul(round, b_.index(positions_.width))), prefetch);
    return Values{};
  });
}

void TileEmitter::emitTile(llvm::Value* position, llvm::Value* prefetch) {
  llvm::Value* column = b_.CreateSub(b_.CreateMul(position, b_.index(p_.stride[2])), b_.index(p_.pad[2]));
  llvm::Value* input = b_.advance(arguments_.input, b_.CreateMul(column, b_.index(p_.inputStride[2])));
  llvm::Value* filter = arguments_.filter;
  columns_ = {b_.index(0), b_.index(p_.kernel[2])};
  if (positions_.kind == PositionRun::Kind::bounded) {
    columns_ = kernelRange(b_, p_, 2, position);
    input = b_.advance(input, b_.CreateMul(columns_.begin, b_.index(p_.dilation[2] * p_.inputStride[2])));
    filter = b_.advance(filter, b_.CreateMul(columns_.begin, b_.index(p_.filterStride[2])));
  }
  Values accumulators = initialAccumulators(position);
  if (arguments_.resumes)
    accumulators = accumulatorsSoFar(position, accumulators);
  if (prefetch) // travels along, last
    accumulators.push_back(prefetch);
  reduce(input, filter, accumulators);
  if (prefetch)
    accumulators.pop_back();
  const size_t tile = accumulators.size() / static_cast<size_t>(splits_);
  for (size_t set = 1; set < static_cast<size_t>(splits_); ++set)
    for (size_t i = 0; i < tile; ++i)
      accumulators[i] = b_.CreateFAdd(accumulators[i], accumulators[set * tile + i]);
  accumulators.truncate(tile);
  if (arguments_.completes)
    b_.branch(
        arguments_.completes, [&] { finish(position, accumulators); },
        [&] { leave(position, accumulators); });
  else
    finish(position, accumulators);
}

Values TileEmitter::initialAccumulators(llvm::Value* position) {
  llvm::Value* zero = llvm::Constant::getNullValue(b_.vector);
  if (p_.addsToOutput) {
    Values sums = loadOutput(position);
    sums.resize(sums.size() * static_cast<size_t>(splits_), zero);
    return sums;
  }
  Values biases;
  for (int64_t block = 0; block < blocks_.width; ++block) {
    if (!arguments_.bias) {
      biases.push_back(zero);
      continue;
    }
    llvm::Value* pointer = b_.advance(arguments_.bias, block * p_.lanes);
    if (p_.tailLanes() == 0)
      biases.push_back(b_.loadVector(pointer));
    else
      biases.push_back(
          b_.loadVector(pointer, b_.CreateSub(arguments_.channelsLeft, b_.index(block * p_.lanes))));
  }
  Values accumulators;
  for (int64_t position = 0; position < positions_.width; ++position)
    accumulators.append(biases);
  accumulators.resize(accumulators.size() * static_cast<size_t>(splits_), zero);
  return accumulators;
}

Values TileEmitter::loadOutput(llvm::Value* position) {
  llvm::Value* output = b_.advance(arguments_.output, b_.CreateMul(position, b_.index(p_.outputStride[2])));
  Values loaded;
  for (int64_t i = 0; i < positions_.width; ++i)
    for (int64_t block = 0; block < blocks_.width; ++block)
      loaded.push_back(
          b_.loadVector(b_.advance(output, i * p_.outputStride[2] + block * p_.outputBlockStride),
                        p_.outputUnpadded ? validLanes(block) : 0));
  return loaded;
}

Values TileEmitter::accumulatorsSoFar(llvm::Value* position, const Values& initial) {
  Values loaded;
  llvm::BasicBlock* const fresh = b_.GetInsertBlock();
  llvm::BasicBlock* from = nullptr;
  b_.branch(
      arguments_.resumes,
      [&] {
        loaded = loadOutput(position);
        from = b_.GetInsertBlock();
      },
      nullptr);
  Values sums(initial);
  for (size_t i = 0; i < loaded.size(); ++i) {
    llvm::PHINode* sum = b_.CreatePHI(b_.vector, 2);
    sum->addIncoming(loaded[i], from);
    sum->addIncoming(initial[i], fresh);
    sums[i] = sum;
  }
  return sums;
}

namespace {

// Carries pointers and accumulators through a loop that moves the pointers by constant steps.
void pointerLoop(
    KernelBuilder& b, llvm::Value* count, bool mayBeEmpty, llvm::Value* input, int64_t inputStep,
    llvm::Value* filter, int64_t filterStep, Values& accumulators,
    llvm::function_ref<void(llvm::Value* input, llvm::Value* filter, Values& accumulators)> body) {
  Values carried{input, filter};
  carried.append(accumulators);
  const Values results =
      b.loop(count, mayBeEmpty, carried, [&](llvm::Value*, llvm::ArrayRef<llvm::Value*> now) {
        Values inner(now.begin() + 2, now.end());
        body(now[0], now[1], inner);
        Values next{b.advance(now[0], inputStep), b.advance(now[1], filterStep)};
        next.append(inner);
        return next;
      });
  accumulators.assign(results.begin() + 2, results.end());
}

} // namespace

void TileEmitter::reduce(llvm::Value* input, llvm::Value* filter, Values& accumulators) {
  pointerLoop(b_, arguments_.kernelDepths, plan_.kernelChunks > 1 || kernelRangeMayBeEmpty(p_, 0), input,
              p_.dilation[0] * p_.inputStride[0], filter, p_.filterStride[0], accumulators,
              [&](llvm::Value* input, llvm::Value* filter, Values& accumulators) {
                pointerLoop(b_, arguments_.kernelRows, kernelRangeMayBeEmpty(p_, 1), input,
                            p_.dilation[1] * p_.inputStride[1], filter, p_.filterStride[1], accumulators,
                            [&](llvm::Value* input, llvm::Value* filter, Values& accumulators) {
                              if (p_.depthwise)
                                depthwiseRow(input, filter, accumulators);
                              else
                                reduceRow(input, filter, accumulators);
                            });
              });
}

void TileEmitter::reduceRow(llvm::Value* input, llvm::Value* filter, Values& accumulators) {
  auto columnLoop = [&](llvm::Value* count, bool mayBeEmpty, int64_t column) {
    pointerLoop(b_, count, mayBeEmpty, input, p_.dilation[2] * p_.inputStride[2], filter, p_.filterStride[2],
                accumulators, [&](llvm::Value* input, llvm::Value* filter, Values& accumulators) {
                  reduceChannels(input, filter, column, accumulators);
                });
  };
  if (positions_.kind == PositionRun::Kind::bounded) {
    columnLoop(columns_.count, kernelRangeMayBeEmpty(p_, 2), 0);
    return;
  }
  // Columns that meet the same positions share their code.
  for (int64_t column = 0, next = 0; column < p_.kernel[2]; column = next) {
    for (next = column + 1; next < p_.kernel[2] && meetAlike(column, next);)
      ++next;
    if (meetsAny(column))
      columnLoop(b_.index(next - column), false, column);
  }
}

void TileEmitter::reduceChannels(llvm::Value* input, llvm::Value* filter, int64_t column,
                                 Values& accumulators) {
  const int64_t full = p_.channels / p_.channelBlock, rest = p_.channels % p_.channelBlock;
  const int64_t filterBlock = p_.channelBlock * p_.filterChannelStride;
  pointerLoop(b_, b_.index(full), false, input, p_.inputBlockStride, filter, filterBlock, accumulators,
              [&](llvm::Value* input, llvm::Value* filter, Values& accumulators) {
                reduceBlock(input, filter, p_.channelBlock, column, accumulators);
              });
  if (rest)
    reduceBlock(b_.advance(input, full * p_.inputBlockStride), b_.advance(filter, full * filterBlock), rest,
                column, accumulators);
}

void TileEmitter::reduceBlock(llvm::Value* input, llvm::Value* filter, int64_t channels, int64_t column,
                              Values& accumulators) {
  auto steps = [&](llvm::Value* input, llvm::Value* filter, int64_t count, Values& accumulators) {
    const std::unique_ptr<Body> body = makeBody(b_, target_, operands(input, filter, accumulators));
    for (int64_t channel = 0; channel < count; ++channel)
      step(*body, column, channel, channel % splits_);
    body->finish();
  };
  const int64_t full = channels / unroll_, rest = channels % unroll_;
  const int64_t inputStep = unroll_ * p_.inputChannelStride, filterStep = unroll_ * p_.filterChannelStride;
  pointerLoop(b_, b_.index(full), false, input, inputStep, filter, filterStep, accumulators,
              [&](llvm::Value* input, llvm::Value* filter, Values& accumulators) {
                prefetch(accumulators);
                steps(input, filter, unroll_, accumulators);
              });
  if (rest)
    steps(b_.advance(input, full * inputStep), b_.advance(filter, full * filterStep), rest, accumulators);
}

// Spreads the lines this tile asks for over its unrolled bodies.
void TileEmitter::prefetch(Values& carried) {
  if (!arguments_.prefetch)
    return;
  const int64_t bodies = std::max<int64_t>(1, p_.reductionSteps() / unroll_);
  const int64_t lines = (plan_.prefetchedLines + bodies - 1) / bodies;
  llvm::Value*& next = carried.back();
  for (int64_t line = 0; line < lines; ++line)
    b_.prefetch(b_.advance(next, line * kLine));
  // Where a body's share is less than a line, some ask for one that is on its way.
  next = b_.advance(next, (plan_.prefetchedLines * kLine + bodies - 1) / bodies);
}

BodyOperands TileEmitter::operands(llvm::Value* input, llvm::Value* filter, Values& accumulators) const {
  const int64_t sums = positions_.width * blocks_.width * splits_;
  const int64_t farthestInput =
      ((positions_.width - 1) * p_.stride[2] + (p_.kernel[2] - 1) * p_.dilation[2]) * p_.inputStride[2] +
      unroll_ * p_.inputChannelStride;
  const int64_t farthestFilter = blocks_.width * p_.filterBlockStride + p_.kernel[2] * p_.filterStride[2] +
                                 unroll_ * p_.filterChannelStride;
  return {.input = input,
          .filter = filter,
          .accumulators = llvm::MutableArrayRef(accumulators).take_front(static_cast<size_t>(sums)),
          .registers = static_cast<size_t>(std::min(positions_.width, blocks_.width)) + 1,
          .farthest = std::max(std::abs(farthestInput), std::abs(farthestFilter)),
          .allLanesValid = !p_.filterUnpadded || blocks_.tailLanes == 0};
}

// One channel of one kernel column: positions times blocks multiply-adds. The smaller side is held in
// registers, the other goes by in the last one.
void TileEmitter::step(Body& body, int64_t column, int64_t channel, int64_t set) {
  llvm::SmallVector<int64_t> met;
  for (int64_t position = 0; position < positions_.width; ++position)
    if (meets(column, position))
      met.push_back(position);
  if (met.empty())
    return;
  body.beginStep();
  auto loadFilter = [&](size_t to, int64_t block) {
    const int64_t offset =
        block * p_.filterBlockStride + column * p_.filterStride[2] + channel * p_.filterChannelStride;
    body.loadFilter(to, offset, p_.filterUnpadded ? validLanes(block) : 0, met.size());
  };
  auto loadInput = [&](size_t to, int64_t position) {
    const int64_t at = (position * p_.stride[2] + column * p_.dilation[2]) * p_.inputStride[2];
    body.loadInput(to, at + channel * p_.inputChannelStride);
  };
  const size_t firstSum = static_cast<size_t>(set * positions_.width * blocks_.width);
  const auto blocks = static_cast<size_t>(blocks_.width);
  if (blocks <= met.size()) {
    for (size_t block = 0; block < blocks; ++block)
      loadFilter(block, static_cast<int64_t>(block));
    for (int64_t position : met) {
      loadInput(blocks, position);
      for (size_t block = 0; block < blocks; ++block)
        body.multiplyAdd(blocks, block, firstSum + slot(position, static_cast<int64_t>(block)));
    }
  } else {
    for (auto [i, position] : llvm::enumerate(met))
      loadInput(i, position);
    for (size_t block = 0; block < blocks; ++block) {
      loadFilter(met.size(), static_cast<int64_t>(block));
      for (auto [i, position] : llvm::enumerate(met))
        body.multiplyAdd(i, met.size(), firstSum + slot(position, static_cast<int64_t>(block)));
    }
  }
}

void TileEmitter::depthwiseRow(llvm::Value* input, llvm::Value* filter, Values& accumulators) {
  if (plan_.loopOverKernelColumns || positions_.kind == PositionRun::Kind::bounded) {
    const bool mayBeEmpty = positions_.kind == PositionRun::Kind::bounded && kernelRangeMayBeEmpty(p_, 2);
    pointerLoop(b_, columns_.count, mayBeEmpty, input, p_.dilation[2] * p_.inputStride[2], filter,
                p_.filterStride[2], accumulators,
                [&](llvm::Value* input, llvm::Value* filter, Values& accumulators) {
                  depthwiseColumns(input, filter, 0, 1, accumulators);
                });
    return;
  }
  for (int64_t column = 0; column < p_.kernel[2]; column += kDepthwiseColumns)
    depthwiseColumns(input, filter, column, std::min(column + kDepthwiseColumns, p_.kernel[2]), accumulators);
}

// Some kernel columns against a row: every input vector is loaded once.
void TileEmitter::depthwiseColumns(llvm::Value* input, llvm::Value* filter, int64_t begin, int64_t end,
                                   Values& accumulators) {
  Values weights;
  for (int64_t column = begin; column < end; ++column)
    weights.push_back(b_.loadVector(b_.advance(filter, column * p_.filterStride[2])));
  std::set<int64_t> offsets; // of the input vectors that some position meets in some column
  for (int64_t column = begin; column < end; ++column)
    for (int64_t position = 0; position < positions_.width; ++position)
      offsets.insert(position * p_.stride[2] + column * p_.dilation[2]);
  for (int64_t x : offsets) {
    llvm::Value* value = nullptr;
    for (int64_t column = begin; column < end; ++column) {
      const int64_t offset = x - column * p_.dilation[2];
      const int64_t position = offset / p_.stride[2];
      if (offset < 0 || offset % p_.stride[2] || position >= positions_.width || !meets(column, position))
        continue;
      if (!value) {
        b_.keepLoadsBelow();
        value = b_.loadVector(b_.advance(input, x * p_.inputStride[2]));
      }
      llvm::Value*& sum = accumulators[slot(position, 0)];
      sum = b_.multiplyAdd(value, weights[static_cast<size_t>(column - begin)], sum);
    }
  }
}

llvm::Value* TileEmitter::epilogue(llvm::Value* value, llvm::Value* position, int64_t block) {
  if (!epilogue_)
    return value;
  ResultIndex at = arguments_.at;
  at.channel = b_.CreateAdd(at.channel, b_.index(block * p_.lanes));
  at.w = position;
  return epilogue_.apply(b_, p_, value, arguments_.buffers, at);
}

void TileEmitter::store(llvm::Value* value, llvm::Value* output, int64_t block) {
  b_.storeVector(value, b_.advance(output, block * p_.outputBlockStride),
                 p_.outputUnpadded ? validLanes(block) : 0);
}

// Sums that are not whole yet go to the output as they are.
void TileEmitter::leave(llvm::Value* position, llvm::ArrayRef<llvm::Value*> accumulators) {
  llvm::Value* output = b_.advance(arguments_.output, b_.CreateMul(position, b_.index(p_.outputStride[2])));
  for (int64_t i = 0; i < positions_.width; ++i)
    for (int64_t block = 0; block < blocks_.width; ++block)
      store(accumulators[slot(i, block)], b_.advance(output, i * p_.outputStride[2]), block);
}

void TileEmitter::finish(llvm::Value* position, llvm::ArrayRef<llvm::Value*> accumulators) {
  if (epilogue_ && !epilogue_.isSmall())
    finishThroughMemory(position, accumulators);
  else
    finishInRegisters(position, accumulators);
}

void TileEmitter::finishInRegisters(llvm::Value* position, llvm::ArrayRef<llvm::Value*> accumulators) {
  llvm::Value* output = b_.advance(arguments_.output, b_.CreateMul(position, b_.index(p_.outputStride[2])));
  for (int64_t i = 0; i < positions_.width; ++i) {
    llvm::Value* at = epilogue_ ? b_.CreateAdd(position, b_.index(i)) : position;
    for (int64_t block = 0; block < blocks_.width; ++block)
      store(epilogue(accumulators[slot(i, block)], at, block), b_.advance(output, i * p_.outputStride[2]),
            block);
  }
}

// The epilogue stands in a loop over the positions: its code once per block, not once per accumulator.
void TileEmitter::finishThroughMemory(llvm::Value* position, llvm::ArrayRef<llvm::Value*> accumulators) {
  llvm::BasicBlock& entry = b_.GetInsertBlock()->getParent()->getEntryBlock();
  llvm::AllocaInst* memory = nullptr;
  {
    llvm::IRBuilder<>::InsertPointGuard guard(b_);
    b_.SetInsertPoint(&entry, entry.begin());
    memory = b_.CreateAlloca(b_.vector, b_.index(static_cast<int64_t>(accumulators.size())));
  }
  for (auto [i, value] : llvm::enumerate(accumulators))
    b_.CreateStore(value, b_.CreateConstGEP1_64(b_.vector, memory, i));
  b_.loop(b_.index(positions_.width), false, {}, [&](llvm::Value* round, llvm::ArrayRef<llvm::Value*>) {
    llvm::Value* at = b_.CreateAdd(position, round);
    llvm::Value* output = b_.advance(arguments_.output, b_.CreateMul(at, b_.index(p_.outputStride[2])));
    for (int64_t block = 0; block < blocks_.width; ++block) {
      llvm::Value* from = b_.CreateAdd(b_.CreateMul(round, b_.index(blocks_.width)), b_.index(block));
      llvm::Value* value = b_.CreateLoad(b_.vector, b_.CreateGEP(b_.vector, memory, from));
      store(epilogue(value, at, block), output, block);
    }
    return Values{};
  });
}

} // namespace sinter::codegen::cpu::contraction
