// The kernel of an attention: the scores of a block of rows and keys, their softmax, and what it makes of the
// values, while all of it is in the cache.
//
// With one block of keys that is the whole; with several, maxima and sums run along and earlier results are
// scaled as maxima grow (M. Milakov and N. Gimelshein, Online normalizer calculation for softmax, 2018; T.
// Dao et al., FlashAttention, 2022). A worker packs keys and values of one batch entry once for all blocks of
// rows that it computes of it.
#include "codegen/cpu/contraction/attention.h"

#include "codegen/cpu/contraction/pack.h"
#include "codegen/cpu/contraction/tile.h"

#include <cmath>
#include <limits>
#include <map>

namespace sinter::codegen::cpu::contraction {
namespace {

constexpr int64_t kMaxima = 4;       // accumulators that hide the latency of a maximum
constexpr int64_t kExponentials = 2; // computed side by side, for the same reason

class AttentionGenerator {
public:
  AttentionGenerator(const AttentionProblem& problem, const Target& target, llvm::Module& module,
                     llvm::Function* exponential, const Epilogue& epilogue)
      : problem_(problem), a_(problem.sizes), plan_(problem.sizes, target), target_(target),
        exponential_(exponential), epilogue_(epilogue),
        b_(module, llvm::Type::getFloatTy(module.getContext()), target.lanes()) {}

  const AttentionPlan& plan() const { return plan_; }

  void emit(llvm::StringRef symbol) {
    kernel_ = b_.startKernel(symbol);
    if (plan_.tasks > 0) {
      makeParts();
      b_.forEachTask(kernel_, [&](llvm::Value* task, llvm::Value* round) { emitTask(task, round); });
    }
    b_.CreateRetVoid();
  }

private:
  // A part of the kernel that is a function of its own.
  llvm::Function* part(llvm::StringRef name, unsigned pointers, unsigned numbers,
                       llvm::function_ref<void(llvm::Function*)> body) {
    llvm::IRBuilder<>::InsertPointGuard guard(b_);
    llvm::SmallVector<llvm::Type*> types(pointers, b_.getPtrTy());
    types.append(numbers, b_.getInt64Ty());
    llvm::Function* result = b_.startFunction(kernel_->getName() + name, types);
    body(result);
    b_.CreateRetVoid();
    return result;
  }

  void makeParts() {
    packKeys_ = part("_keys", 2, 0, [&](llvm::Function* f) { emitPackKeys(f->getArg(0), f->getArg(1)); });
    packValues_ =
        part("_values", 2, 0, [&](llvm::Function* f) { emitPackValues(f->getArg(0), f->getArg(1)); });
    scores_ =
        part("_scores", 3, 0, [&](llvm::Function* f) { emitProduct(plan_.scores, plan_.scorePlan, f); });
    sums_ = part("_sums", 3, 0, [&](llvm::Function* f) { emitProduct(plan_.sums, plan_.sumPlan, f); });
    lastSoftmax_ = part("_last", 2, 1, [&](llvm::Function* f) { emitSoftmax(plan_.lastKeys, f); });
    if (plan_.keyBlocks > 1)
      softmax_ = part("_softmax", 2, 1, [&](llvm::Function* f) { emitSoftmax(plan_.keys, f); });
  }

  llvm::Value* buffer(unsigned number) {
    return b_.CreateLoad(b_.getPtrTy(), b_.CreateConstGEP1_64(b_.getPtrTy(), kernel_->getArg(0), number));
  }
  llvm::Value* scratch(int64_t at) { return b_.advance(kernel_->getArg(3), at); }

  // `round` rounds of `body`, which carries nothing.
  void repeat(int64_t rounds, llvm::function_ref<void(llvm::Value*)> body) {
    b_.loop(b_.index(rounds), false, {}, [&](llvm::Value* round, llvm::ArrayRef<llvm::Value*>) {
      body(round);
      return Values{};
    });
  }

  llvm::Value* scaled(llvm::Value* number, int64_t by) { return b_.CreateMul(number, b_.index(by)); }

  llvm::Value* splat(llvm::Value* scalar) {
    return b_.CreateVectorSplat(static_cast<unsigned>(b_.lanes), scalar);
  }
  llvm::Constant* number(double value) { return llvm::ConstantFP::get(b_.element, value); }

  //===-- Packing -----------------------------------------------------------------------------------===//

  // Blocks of columns, one after the other.
  void packBlocks(const Problem& p, llvm::Value* from, llvm::Value* to, int64_t toBlockStride) {
    const int64_t full = p.outChannels / p.lanes;
    repeat(full, [&](llvm::Value* block) {
      emitPack(b_, p, {0, 1, 1, 0}, b_.advance(from, scaled(block, p.filterBlockStride)),
               b_.advance(to, scaled(block, toBlockStride)));
    });
    if (p.tailLanes())
      emitPack(b_, p, {0, 1, 1, p.tailLanes()}, b_.advance(from, full * p.filterBlockStride),
               b_.advance(to, full * toBlockStride));
  }

  // The columns of the product are the rows of the key. Blocks past the last key stay as they are: nobody
  // looks at their scores.
  void emitPackKeys(llvm::Value* from, llvm::Value* to) {
    Problem p = plan_.scores;
    p.outChannels = a_.keys;
    p.filterUnpadded = true;
    p.filterTransposed = problem_.keyColumnsContiguous;
    p.filterChannelStride = p.filterTransposed ? 1 : a_.key.column;
    p.filterBlockStride = p.filterTransposed ? p.lanes * a_.key.row : p.lanes;
    packBlocks(p, from, to, p.lanes * p.channels);
  }

  // Rows past the last are zero: they meet weights that are zero.
  void emitPackValues(llvm::Value* from, llvm::Value* to) {
    Problem p = plan_.sums;
    p.channels = p.channelBlock = a_.keys;
    p.filterUnpadded = true;
    p.filterChannelStride = a_.value.row;
    p.filterBlockStride = p.lanes;
    const int64_t block = p.lanes * plan_.packedKeys;
    packBlocks(p, from, to, block);
    if (plan_.packedKeys > a_.keys)
      repeat(p.blocks(), [&](llvm::Value* number) {
        llvm::Value* rest = b_.advance(b_.advance(to, scaled(number, block)), a_.keys * p.lanes);
        repeat(plan_.packedKeys - a_.keys, [&](llvm::Value* row) {
          b_.storeVector(llvm::Constant::getNullValue(b_.vector), b_.advance(rest, scaled(row, p.lanes)));
        });
      });
  }

  // A block of rows, scaled. Past the last row it comes again, so that all blocks are alike.
  void packQuery(llvm::Value* from, llvm::Value* first) {
    llvm::Value* factor = llvm::ConstantFP::get(b_.vector, problem_.scale);
    const int64_t full = a_.depth / b_.lanes, rest = a_.depth % b_.lanes;
    repeat(plan_.rows, [&](llvm::Value* row) {
      llvm::Value* source = b_.advance(from, scaled(clampedRow(first, row), a_.query.row));
      llvm::Value* target = b_.advance(scratch(plan_.queryAt), scaled(row, plan_.queryRow));
      const auto copy = [&](llvm::Value* at, int64_t valid) {
        b_.storeVector(b_.CreateFMul(b_.loadVector(b_.advance(source, at), valid), factor),
                       b_.advance(target, at));
      };
      repeat(full, [&](llvm::Value* round) { copy(scaled(round, b_.lanes), 0); });
      if (rest)
        copy(b_.index(full * b_.lanes), rest);
    });
  }

  llvm::Value* clampedRow(llvm::Value* first, llvm::Value* row) {
    return b_.minimum(b_.CreateAdd(first, row), b_.index(a_.rows - 1));
  }

  //===-- Products ----------------------------------------------------------------------------------===//

  // (input, filter, output) of `f`
  void emitProduct(const Problem& p, const Plan& plan, llvm::Function* f) {
    for (const BlockRun& run : plan.blocks)
      repeat(run.tiles, [&](llvm::Value* tile) {
        llvm::Value* block = b_.CreateAdd(scaled(tile, run.width), b_.index(run.first));
        llvm::Value* filter = b_.advance(f->getArg(1), scaled(block, p.filterBlockStride));
        llvm::Value* output = b_.advance(f->getArg(2), scaled(block, p.outputBlockStride));
        for (const PositionRun& positions : plan.positions)
          b_.CreateCall(tiles(p, plan, run, positions), {f->getArg(0), filter, output});
      });
  }

  llvm::Function* tiles(const Problem& p, const Plan& plan, const BlockRun& blocks,
                        const PositionRun& positions) {
    llvm::Function*& result = tiles_[{&blocks, &positions}];
    if (result)
      return result;
    result = part("_tile", 3, 0, [&](llvm::Function* f) {
      RunArguments arguments;
      arguments.input = f->getArg(0);
      arguments.filter = f->getArg(1);
      arguments.output = f->getArg(2);
      arguments.start = b_.index(positions.start);
      arguments.tiles = b_.index(positions.tiles);
      arguments.kernelDepths = arguments.kernelRows = b_.index(1);
      TileEmitter(b_, p, plan, positions, blocks, target_, Epilogue()).emit(arguments);
    });
    return result;
  }

  //===-- Softmax -----------------------------------------------------------------------------------===//

  // (scratch, mask of the first key, first row) of `f`: the scores of a block become weights, of which the
  // first `keys` count, and the rows' maxima, sums and earlier results follow.
  void emitSoftmax(int64_t keys, llvm::Function* f) {
    llvm::Value* own = f->getArg(0);
    repeat(plan_.rows, [&](llvm::Value* row) {
      llvm::Value* scores = b_.advance(b_.advance(own, plan_.scoresAt), scaled(row, plan_.scoreRow));
      llvm::Value* mask = nullptr;
      if (problem_.hasMask)
        mask = b_.advance(f->getArg(1), scaled(clampedRow(f->getArg(2), row), a_.mask.row));
      llvm::Value* maximum = acrossLanes(maximumOf(scores, mask, keys), /*add=*/false);
      llvm::Value* maxima = b_.advance(b_.advance(own, plan_.maximaAt), row);
      llvm::Value* before = nullptr;
      if (plan_.keyBlocks > 1) {
        before = b_.CreateLoad(b_.element, maxima);
        maximum = larger(maximum, before);
        b_.CreateStore(maximum, maxima);
      }
      // Where all are minus infinity, nothing may be taken off: the weights are zero then, not NaN.
      llvm::Value* none = b_.CreateFCmpOEQ(maximum, number(-std::numeric_limits<double>::infinity()));
      maximum = b_.CreateSelect(none, number(0), maximum);
      llvm::Value* sum = acrossLanes(exponentiate(scores, splat(maximum), keys), /*add=*/true);
      llvm::Value* totals = b_.advance(b_.advance(own, plan_.totalsAt), row);
      if (before) {
        llvm::Value* factor = b_.CreateCall(exponential_, {splat(b_.CreateFSub(before, maximum))});
        llvm::Value* total = b_.CreateLoad(b_.element, totals);
        sum = b_.multiplyAdd(total, b_.CreateExtractElement(factor, b_.index(0)), sum);
        scaleSums(b_.advance(b_.advance(own, plan_.sumsAt), scaled(row, plan_.sumRow)), factor);
      }
      b_.CreateStore(sum, totals);
    });
  }

  // `a` if it is larger, else `b`: never NaN if `b` is not, and one instruction.
  llvm::Value* larger(llvm::Value* a, llvm::Value* b) {
    return b_.CreateSelect(b_.CreateFCmpOGT(a, b), a, b);
  }

  llvm::Constant* lowest() {
    return llvm::ConstantFP::get(b_.vector, -std::numeric_limits<double>::infinity());
  }

  // Calls `body(vector, valid, accumulator)` for vectors of `keys` elements, `side` of them in a round with
  // an accumulator each; gives these. `valid` is 0 for all lanes.
  Values overVectors(int64_t keys, int64_t side, llvm::Value* initial,
                     llvm::function_ref<llvm::Value*(llvm::Value* at, int64_t valid, llvm::Value*)> body) {
    const int64_t full = keys / b_.lanes, rounds = full / side;
    Values values(static_cast<size_t>(side), initial);
    values = b_.loop(
        b_.index(rounds), false, values, [&](llvm::Value* round, llvm::ArrayRef<llvm::Value*> carried) {
          Values next;
          for (int64_t i = 0; i < side; ++i)
            next.push_back(body(b_.CreateAdd(scaled(round, side * b_.lanes), b_.index(i * b_.lanes)), 0,
                                carried[static_cast<size_t>(i)]));
          return next;
        });
    for (int64_t i = rounds * side; i < full; ++i) {
      llvm::Value*& value = values[static_cast<size_t>(i - rounds * side)];
      value = body(b_.index(i * b_.lanes), 0, value);
    }
    if (const int64_t rest = keys % b_.lanes)
      values.back() = body(b_.index(full * b_.lanes), rest, values.back());
    return values;
  }

  // Lanes from `valid` on (0: none) are `otherwise`.
  llvm::Value* keepLanes(llvm::Value* value, int64_t valid, llvm::Constant* otherwise) {
    if (valid == 0)
      return value;
    llvm::SmallVector<llvm::Constant*> inside;
    for (int64_t lane = 0; lane < b_.lanes; ++lane)
      inside.push_back(b_.getInt1(lane < valid));
    return b_.CreateSelect(llvm::ConstantVector::get(inside), value, otherwise);
  }

  // Masked scores take the place of the scores.
  llvm::Value* maximumOf(llvm::Value* scores, llvm::Value* mask, int64_t keys) {
    llvm::Value* same = mask && a_.mask.column == 0 ? b_.loadBroadcast(mask) : nullptr;
    Values maxima =
        overVectors(keys, kMaxima, lowest(), [&](llvm::Value* at, int64_t valid, llvm::Value* maximum) {
          llvm::Value* place = b_.advance(scores, at);
          llvm::Value* score = b_.loadVector(place);
          if (mask) {
            score = b_.CreateFAdd(score, same ? same : b_.loadVector(b_.advance(mask, at), valid));
            b_.storeVector(score, place);
          }
          return larger(keepLanes(score, valid, lowest()), maximum);
        });
    return larger(larger(maxima[0], maxima[1]), larger(maxima[2], maxima[3]));
  }

  // exp(score - maximum) takes the place of the scores, and zero that of what follows; gives lanes of their
  // sum.
  llvm::Value* exponentiate(llvm::Value* scores, llvm::Value* maximum, int64_t keys) {
    llvm::Constant* zero = llvm::Constant::getNullValue(b_.vector);
    const Values sums =
        overVectors(keys, kExponentials, zero, [&](llvm::Value* at, int64_t valid, llvm::Value* sum) {
          llvm::Value* place = b_.advance(scores, at);
          llvm::Value* weight = b_.CreateCall(exponential_, {b_.CreateFSub(b_.loadVector(place), maximum)});
          weight = keepLanes(weight, valid, zero);
          b_.storeVector(weight, place);
          return b_.CreateFAdd(sum, weight);
        });
    for (int64_t at = (keys + b_.lanes - 1) / b_.lanes * b_.lanes; at < plan_.keys; at += b_.lanes)
      b_.storeVector(zero, b_.advance(scores, at));
    return b_.CreateFAdd(sums[0], sums[1]);
  }

  // The sum or the maximum of all lanes.
  llvm::Value* acrossLanes(llvm::Value* vector, bool add) {
    for (int64_t half = b_.lanes / 2; half > 0; half /= 2) {
      llvm::SmallVector<int> order;
      for (int64_t lane = 0; lane < b_.lanes; ++lane)
        order.push_back(static_cast<int>((lane + half) % b_.lanes));
      llvm::Value* turned = b_.CreateShuffleVector(vector, order);
      vector = add ? b_.CreateFAdd(vector, turned) : larger(vector, turned);
    }
    return b_.CreateExtractElement(vector, b_.index(0));
  }

  void scaleSums(llvm::Value* sums, llvm::Value* factor) {
    repeat(plan_.sumRow / b_.lanes, [&](llvm::Value* block) {
      llvm::Value* place = b_.advance(sums, scaled(block, b_.lanes));
      b_.storeVector(b_.CreateFMul(b_.loadVector(place), factor), place);
    });
  }

  void clearSums() {
    repeat(plan_.rows, [&](llvm::Value* row) {
      b_.CreateStore(number(-std::numeric_limits<double>::infinity()),
                     b_.advance(scratch(plan_.maximaAt), row));
      b_.CreateStore(number(0), b_.advance(scratch(plan_.totalsAt), row));
    });
    repeat(plan_.rows * plan_.sumRow / b_.lanes, [&](llvm::Value* block) {
      b_.storeVector(llvm::Constant::getNullValue(b_.vector),
                     b_.advance(scratch(plan_.sumsAt), scaled(block, b_.lanes)));
    });
  }

  //===-- Tasks -------------------------------------------------------------------------------------===//

  void emitTask(llvm::Value* task, llvm::Value* round) {
    llvm::Value* rowBlock = b_.CreateURem(task, b_.index(plan_.rowBlocks));
    llvm::Value* entry = b_.CreateUDiv(task, b_.index(plan_.rowBlocks));
    batch_.assign(a_.batch.size(), nullptr);
    for (size_t d = a_.batch.size(); d-- > 0;) {
      batch_[d] = b_.CreateURem(entry, b_.index(a_.batch[d]));
      entry = b_.CreateUDiv(entry, b_.index(a_.batch[d]));
    }
    const auto entryOf = [&](unsigned number, const ir::AttentionStrides& strides) {
      llvm::Value* pointer = buffer(number);
      for (auto [at, stride] : llvm::zip(batch_, strides.batch))
        pointer = b_.advance(pointer, scaled(at, stride));
      return pointer;
    };
    llvm::Value* isNew =
        b_.CreateOr(b_.CreateICmpEQ(round, b_.index(0)), b_.CreateICmpEQ(rowBlock, b_.index(0)));
    b_.branch(
        isNew,
        [&] {
          b_.CreateCall(packKeys_, {entryOf(problem_.key, a_.key), scratch(plan_.keyAt)});
          b_.CreateCall(packValues_, {entryOf(problem_.value, a_.value), scratch(plan_.valueAt)});
        },
        nullptr);
    llvm::Value* first = scaled(rowBlock, plan_.rows);
    packQuery(entryOf(problem_.query, a_.query), first);
    llvm::Value* mask = problem_.hasMask ? entryOf(problem_.mask, a_.mask) : kernel_->getArg(3);
    if (plan_.keyBlocks > 1) {
      clearSums();
      repeat(plan_.keyBlocks - 1, [&](llvm::Value* block) { emitKeys(block, softmax_, mask, first); });
    }
    emitKeys(b_.index(plan_.keyBlocks - 1), lastSoftmax_, mask, first);
    writeRows(entryOf(problem_.output, a_.result), first);
  }

  void emitKeys(llvm::Value* block, llvm::Function* softmax, llvm::Value* mask, llvm::Value* first) {
    llvm::Value* key = scaled(block, plan_.keys);
    b_.CreateCall(scores_, {scratch(plan_.queryAt), b_.advance(scratch(plan_.keyAt), scaled(key, a_.depth)),
                            scratch(plan_.scoresAt)});
    if (problem_.hasMask)
      mask = b_.advance(mask, scaled(key, a_.mask.column));
    b_.CreateCall(softmax, {kernel_->getArg(3), mask, first});
    b_.CreateCall(sums_, {scratch(plan_.scoresAt), b_.advance(scratch(plan_.valueAt), scaled(key, b_.lanes)),
                          scratch(plan_.sumsAt)});
  }

  void writeRows(llvm::Value* output, llvm::Value* first) {
    const int64_t full = a_.width / b_.lanes, rest = a_.width % b_.lanes;
    llvm::Value* rows = b_.minimum(b_.CreateSub(b_.index(a_.rows), first), b_.index(plan_.rows));
    b_.loop(rows, false, {}, [&](llvm::Value* round, llvm::ArrayRef<llvm::Value*>) {
      llvm::Value* row = b_.CreateAdd(first, round);
      llvm::Value* total = b_.CreateLoad(b_.element, b_.advance(scratch(plan_.totalsAt), round));
      llvm::Value* factor = splat(b_.CreateFDiv(number(1), total));
      llvm::Value* sums = b_.advance(scratch(plan_.sumsAt), scaled(round, plan_.sumRow));
      llvm::Value* to = b_.advance(output, scaled(row, a_.result.row));
      const auto write = [&](llvm::Value* at, int64_t valid) {
        llvm::Value* value = b_.CreateFMul(b_.loadVector(b_.advance(sums, at)), factor);
        b_.storeVector(after(value, row, at), b_.advance(to, at), valid);
      };
      repeat(full, [&](llvm::Value* block) { write(scaled(block, b_.lanes), 0); });
      if (rest)
        write(b_.index(full * b_.lanes), rest);
      return Values{};
    });
  }

  llvm::Value* after(llvm::Value* value, llvm::Value* row, llvm::Value* column) {
    if (!epilogue_)
      return value;
    Values computed(batch_.begin(), batch_.end());
    computed.append({row, column});
    Values indices = computed;
    for (auto [i, dim] : llvm::enumerate(problem_.resultOrder))
      indices[i] = computed[static_cast<size_t>(dim)];
    return epilogue_.apply(b_, value, kernel_->getArg(0), indices);
  }

  const AttentionProblem& problem_;
  const ir::Attention& a_;
  const AttentionPlan plan_;
  const Target& target_;
  llvm::Function* const exponential_;
  const Epilogue& epilogue_;
  KernelBuilder b_;
  llvm::Function* kernel_ = nullptr;
  llvm::Function *packKeys_ = nullptr, *packValues_ = nullptr, *scores_ = nullptr, *sums_ = nullptr;
  llvm::Function *softmax_ = nullptr, *lastSoftmax_ = nullptr;
  std::map<std::pair<const BlockRun*, const PositionRun*>, llvm::Function*> tiles_;
  Values batch_; ///< where the task is in the batch dimensions
};

} // namespace

EmittedKernel generateAttention(const AttentionProblem& problem, const Target& target, llvm::StringRef symbol,
                                std::unique_ptr<llvm::Module> module, llvm::Function* exponential,
                                const Epilogue& epilogue) {
  EmittedKernel kernel;
  AttentionGenerator generator(problem, target, *module, exponential, epilogue);
  generator.emit(symbol);
  const AttentionPlan& plan = generator.plan();
  kernel.module = std::move(module);
  kernel.symbol = symbol.str();
  kernel.algorithm = "attention " + std::to_string(plan.rows) + "x" + std::to_string(plan.keys);
  kernel.tasks = plan.tasks;
  kernel.grain = plan.grain;
  kernel.scratchBytes = static_cast<uint64_t>(plan.end) * sizeof(float);
  return kernel;
}

} // namespace sinter::codegen::cpu::contraction
