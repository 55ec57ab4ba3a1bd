// Winograd's convolution: tiles are transformed into scratch memory, multiplied point by point by the
// register tiles of matrix products, and transformed back.
//
// A task is a block of tiles of one image and a range of output channels. Tasks of one block follow each
// other, and the worker that runs several of them transforms its input once.
#include "codegen/cpu/contraction/winograd.h"

#include "codegen/cpu/contraction/tile.h"
#include "codegen/cpu/contraction/winograd_transform.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <map>

namespace sinter::codegen::cpu::contraction {
namespace {

constexpr int64_t kTasksWanted = 16;
constexpr int64_t kTilesInBlock = 32;

struct WinogradPlan {
  int64_t tile = 4, side = 6, points = 36; ///< of F(tile x tile, 3 x 3)
  int64_t tileRows = 0, tileColumns = 0;   ///< tiles in an image
  int64_t blocks = 1, largest = 1;         ///< of tiles; the first `larger` have one more than the others
  int64_t larger = 0;
  int64_t width = 1, pairs = 1;           ///< of a register tile: tiles times blocks of output channels
  int64_t chunks = 1, blocksPerChunk = 1; ///< of blocks of output channels
  int64_t tasks = 0, grain = 1;

  WinogradPlan(const Problem& p, int64_t tile, const Target& target)
      : tile(tile), side(tile + 2), points(side * side) {
    tileRows = llvm::divideCeilSigned(p.output[1], tile);
    tileColumns = llvm::divideCeilSigned(p.output[2], tile);
    pairs = std::min<int64_t>(2, p.blocks());
    width = (target.registers - pairs - (target.fma ? 1 : 3)) / pairs;
    const int64_t tiles = tileRows * tileColumns;
    if (p.isEmpty())
      return;
    blocks = llvm::divideCeilSigned(tiles, kTilesInBlock);
    larger = tiles % blocks;
    largest = llvm::divideCeilSigned(tiles, blocks);
    // Weights and what is multiplied by them stay in the second-level cache; at least two pairs of blocks.
    const int64_t wanted = llvm::divideCeilSigned(kTasksWanted, p.batch() * blocks);
    blocksPerChunk = std::max<int64_t>(std::min<int64_t>(4, p.blocks()), p.blocks() / wanted);
    blocksPerChunk = std::min(p.blocks(), llvm::divideCeilSigned(blocksPerChunk, pairs) * pairs);
    chunks = llvm::divideCeilSigned(p.blocks(), blocksPerChunk);
    tasks = p.batch() * blocks * chunks;
    // Every piece of work transforms its tiles again: those of a block stay together where there are enough
    // blocks.
    constexpr int64_t kPiecesWanted = 8, kPiecesOfBlock = 4;
    grain = p.batch() * blocks >= kPiecesWanted ? chunks : std::max<int64_t>(1, chunks / kPiecesOfBlock);
  }
};

class WinogradGenerator {
public:
  WinogradGenerator(const Problem& problem, int64_t tile, const Buffers& buffers, const Target& target,
                    llvm::Module& module, const Epilogue& epilogue)
      : p_(problem), plan_(problem, tile, target), buffers_(buffers), target_(target), epilogue_(epilogue),
        b_(module, llvm::Type::getFloatTy(module.getContext()), problem.lanes),
        inBlocks_(llvm::divideCeilSigned(p_.channels, p_.lanes)) {
    // One line more than needed: points a power of two apart would share their places in the cache.
    inputPoint_ = inBlocks_ * plan_.largest * p_.lanes + kLine;
    outputPoint_ = plan_.blocksPerChunk * plan_.largest * p_.lanes + kLine;
    describeProduct();
  }

  const WinogradPlan& plan() const { return plan_; }
  uint64_t scratchBytes() const {
    return static_cast<uint64_t>(plan_.points * (inputPoint_ + outputPoint_)) * sizeof(float);
  }

  void emit(llvm::StringRef symbol) {
    kernel_ = b_.startKernel(symbol);
    if (plan_.tasks > 0) {
      makeTransforms();
      b_.forEachTask(kernel_, [&](llvm::Value* task, llvm::Value* round) { emitTask(task, round); });
    }
    b_.CreateRetVoid();
  }

private:
  void describeProduct() {
    product_.lanes = p_.lanes;
    product_.channels = p_.channels;
    product_.channelBlock = p_.lanes;
    product_.inputChannelStride = 1;
    product_.inputBlockStride = plan_.largest * p_.lanes;
    product_.filterChannelStride = p_.lanes;
    product_.filterBlockStride = p_.channels * p_.lanes;
    product_.outChannels = p_.outChannels;
    product_.input = product_.output = {1, 1, plan_.largest};
    product_.inputStride = product_.outputStride = {0, 0, p_.lanes};
    product_.outputBlockStride = plan_.largest * p_.lanes;
    productPlan_.prefetchedLines =
        prefetchedLines(product_, plan_.pairs, llvm::divideCeilSigned(plan_.largest, plan_.width),
                        plan_.points * p_.blocks() * product_.filterBlockStride * 4);
  }

  llvm::Value* buffer(unsigned number) {
    return b_.CreateLoad(b_.getPtrTy(), b_.CreateConstGEP1_64(b_.getPtrTy(), kernel_->getArg(0), number));
  }

  // Emits `body` to run if `condition` holds.
  void when(llvm::Value* condition, llvm::function_ref<void()> body,
            llvm::function_ref<void()> otherwise = {}) {
    llvm::Function* parent = b_.GetInsertBlock()->getParent();
    auto* then = llvm::BasicBlock::Create(b_.getContext(), "then", parent);
    auto* other = otherwise ? llvm::BasicBlock::Create(b_.getContext(), "else", parent) : nullptr;
    auto* done = llvm::BasicBlock::Create(b_.getContext(), "done", parent);
    b_.CreateCondBr(condition, then, other ? other : done);
    b_.SetInsertPoint(then);
    body();
    b_.CreateBr(done);
    if (other) {
      b_.SetInsertPoint(other);
      otherwise();
      b_.CreateBr(done);
    }
    b_.SetInsertPoint(done);
  }

  void emitTask(llvm::Value* task, llvm::Value* round) {
    llvm::Value* chunk = b_.CreateURem(task, b_.index(plan_.chunks));
    llvm::Value* rest = b_.CreateUDiv(task, b_.index(plan_.chunks));
    llvm::Value* block = b_.CreateURem(rest, b_.index(plan_.blocks));
    llvm::Value* batch = b_.CreateUDiv(rest, b_.index(plan_.blocks));
    const int64_t smaller = plan_.larger ? plan_.largest - 1 : plan_.largest;
    llvm::Value* firstTile =
        b_.CreateAdd(b_.CreateMul(block, b_.index(smaller)), b_.minimum(block, b_.index(plan_.larger)));
    llvm::Value* isLarger = b_.CreateICmpSLT(block, b_.index(plan_.larger));
    llvm::Value* tiles = b_.CreateSelect(isLarger, b_.index(plan_.largest), b_.index(smaller));
    llvm::Value* scratch = kernel_->getArg(3);
    llvm::Value* sums = b_.advance(scratch, plan_.points * inputPoint_);
    when(b_.CreateOr(b_.CreateICmpEQ(round, b_.index(0)), b_.CreateICmpEQ(chunk, b_.index(0))), [&] {
      llvm::Value* input =
          b_.advance(buffer(buffers_.input), b_.CreateMul(batch, b_.index(p_.inputBatchStrides[0])));
      b_.CreateCall(inputTransform_, {input, scratch, firstTile, tiles});
    });
    llvm::Value* first = b_.CreateMul(chunk, b_.index(plan_.blocksPerChunk));
    llvm::Value* count =
        b_.minimum(b_.CreateSub(b_.index(p_.blocks()), first), b_.index(plan_.blocksPerChunk));
    if (plan_.larger)
      when(
          isLarger, [&] { emitProducts(first, count, plan_.largest); },
          [&] { emitProducts(first, count, smaller); });
    else
      emitProducts(first, count, smaller);
    b_.CreateCall(outputTransform_, {kernel_->getArg(0), sums, firstTile, tiles, first, count, batch});
  }

  // 36 matrix products of `tiles` tiles with `count` blocks of output channels.
  void emitProducts(llvm::Value* first, llvm::Value* count, int64_t tiles) {
    const int64_t filterPoint = p_.blocks() * product_.filterBlockStride;
    b_.loop(b_.index(plan_.points), false, {}, [&](llvm::Value* point, llvm::ArrayRef<llvm::Value*>) {
      llvm::Value* input = b_.advance(kernel_->getArg(3), b_.CreateMul(point, b_.index(inputPoint_)));
      llvm::Value* sums = b_.advance(b_.advance(kernel_->getArg(3), plan_.points * inputPoint_),
                                     b_.CreateMul(point, b_.index(outputPoint_)));
      llvm::Value* filter = b_.advance(buffer(buffers_.filter), b_.CreateMul(point, b_.index(filterPoint)));
      filter = b_.advance(filter, b_.CreateMul(first, b_.index(product_.filterBlockStride)));
      auto columns = [&](llvm::Value* block, int64_t width) {
        emitTiles(input, b_.advance(filter, b_.CreateMul(block, b_.index(product_.filterBlockStride))),
                  b_.advance(sums, b_.CreateMul(block, b_.index(product_.outputBlockStride))), width, tiles);
      };
      llvm::Value* wide = b_.CreateUDiv(count, b_.index(plan_.pairs));
      b_.loop(wide, true, {}, [&](llvm::Value* round, llvm::ArrayRef<llvm::Value*>) {
        columns(b_.CreateMul(round, b_.index(plan_.pairs)), plan_.pairs);
        return Values{};
      });
      if (p_.blocks() % plan_.pairs) // of two: the last one is alone
        when(b_.CreateICmpNE(b_.CreateURem(count, b_.index(plan_.pairs)), b_.index(0)),
             [&] { columns(b_.CreateMul(wide, b_.index(plan_.pairs)), 1); });
      return Values{};
    });
  }

  void emitTiles(llvm::Value* input, llvm::Value* filter, llvm::Value* sums, int64_t blocks, int64_t tiles) {
    const int64_t runs = llvm::divideCeilSigned(tiles, plan_.width), narrow = tiles / runs,
                  wider = tiles % runs;
    auto run = [&](int64_t width, int64_t start, int64_t first, int64_t count) {
      // What comes next lies behind this.
      llvm::Value* next = b_.advance(filter, blocks * product_.filterBlockStride +
                                                 first * productPlan_.prefetchedLines * kLine);
      b_.CreateCall(product(blocks, width), {input, filter, sums, b_.index(start), b_.index(count), next});
    };
    if (wider)
      run(narrow + 1, 0, 0, wider);
    run(narrow, wider * (narrow + 1), wider, runs - wider);
  }

  // Register tiles of `width` tiles, side by side from a first one on.
  llvm::Function* product(int64_t blocks, int64_t width) {
    llvm::Function*& result = products_[{blocks, width}];
    if (result)
      return result;
    llvm::IRBuilder<>::InsertPointGuard guard(b_);
    llvm::Type *pointer = b_.getPtrTy(), *number = b_.getInt64Ty();
    result = b_.startFunction(kernel_->getName() + "_product",
                              {pointer, pointer, pointer, number, number, pointer});
    PositionRun positions;
    positions.width = width;
    positions.meets = {{0, width}};
    const BlockRun blockRun{0, blocks, 1, 0};
    RunArguments arguments;
    arguments.input = result->getArg(0);
    arguments.filter = result->getArg(1);
    arguments.output = result->getArg(2);
    arguments.start = result->getArg(3);
    arguments.tiles = result->getArg(4);
    arguments.prefetch = productPlan_.prefetchedLines ? result->getArg(5) : nullptr;
    arguments.kernelDepths = arguments.kernelRows = b_.index(1);
    TileEmitter(b_, product_, productPlan_, positions, blockRun, target_, Epilogue()).emit(arguments);
    b_.CreateRetVoid();
    return result;
  }

  WinogradTransform makeTransform() {
    return {b_, plan_.tile, b_.CreateAlloca(b_.vector, b_.index(plan_.points))};
  }

  void makeTransforms() {
    llvm::IRBuilder<>::InsertPointGuard guard(b_);
    llvm::Type *pointer = b_.getPtrTy(), *number = b_.getInt64Ty();
    inputTransform_ = b_.startFunction(kernel_->getName() + "_input", {pointer, pointer, number, number});
    emitInput();
    b_.CreateRetVoid();
    outputTransform_ = b_.startFunction(kernel_->getName() + "_output",
                                        {pointer, pointer, number, number, number, number, number});
    emitOutput();
    b_.CreateRetVoid();
  }

  // (input of the image, scratch, first tile, tiles)
  void emitInput() {
    llvm::Function* f = inputTransform_;
    WinogradTransform transform = makeTransform();
    auto* zeros = new llvm::GlobalVariable(b_.module, b_.vector, true, llvm::GlobalValue::InternalLinkage,
                                           llvm::Constant::getNullValue(b_.vector), "zeros");
    auto perTile = [&](llvm::Value* block, llvm::Value* round) {
      llvm::Value* tile = b_.CreateAdd(f->getArg(2), round);
      llvm::Value* row =
          b_.CreateSub(b_.CreateMul(b_.CreateUDiv(tile, b_.index(plan_.tileColumns)), b_.index(plan_.tile)),
                       b_.index(p_.pad[1]));
      llvm::Value* column =
          b_.CreateSub(b_.CreateMul(b_.CreateURem(tile, b_.index(plan_.tileColumns)), b_.index(plan_.tile)),
                       b_.index(p_.pad[2]));
      llvm::Value* corner = b_.advance(f->getArg(0), b_.CreateMul(block, b_.index(p_.inputBlockStride)));
      corner = b_.advance(corner, b_.CreateMul(row, b_.index(p_.inputStride[1])));
      corner = b_.advance(corner, b_.CreateMul(column, b_.index(p_.inputStride[2])));
      llvm::Value* to = b_.advance(f->getArg(1), b_.CreateMul(block, b_.index(plan_.largest * p_.lanes)));
      to = b_.advance(to, b_.CreateMul(round, b_.index(p_.lanes)));
      auto at = [&](int64_t y, llvm::Value* x) {
        return b_.advance(b_.advance(corner, b_.CreateMul(x, b_.index(p_.inputStride[2]))),
                          y * p_.inputStride[1]);
      };
      auto inside = [&](llvm::Value* begin, int64_t length, int64_t extent) {
        return b_.CreateAnd(b_.CreateICmpSGE(begin, b_.index(0)),
                            b_.CreateICmpSLE(b_.CreateAdd(begin, b_.index(length)), b_.index(extent)));
      };
      when(
          b_.CreateAnd(inside(row, plan_.side, p_.input[1]), inside(column, plan_.side, p_.input[2])),
          [&] { transform.inputColumns([&](int64_t y, llvm::Value* x) { return b_.loadVector(at(y, x)); }); },
          [&] { // what lies outside is read from zeros
            Values rows;
            for (int64_t i = 0; i < plan_.side; ++i)
              rows.push_back(inside(b_.CreateAdd(row, b_.index(i)), 1, p_.input[1]));
            transform.inputColumns([&](int64_t y, llvm::Value* x) {
              llvm::Value* valid =
                  b_.CreateAnd(rows[static_cast<size_t>(y)], inside(b_.CreateAdd(column, x), 1, p_.input[2]));
              return b_.loadVector(b_.CreateSelect(valid, at(y, x), zeros));
            });
          });
      transform.inputRows([&](llvm::Value* y, const Values& values) {
        llvm::Value* first = b_.advance(to, b_.CreateMul(y, b_.index(plan_.side * inputPoint_)));
        for (auto [x, value] : llvm::enumerate(values))
          b_.storeVector(value, b_.advance(first, static_cast<int64_t>(x) * inputPoint_));
      });
    };
    b_.loop(b_.index(inBlocks_), false, {}, [&](llvm::Value* block, llvm::ArrayRef<llvm::Value*>) {
      b_.loop(f->getArg(3), false, {}, [&](llvm::Value* round, llvm::ArrayRef<llvm::Value*>) {
        perTile(block, round);
        return Values{};
      });
      return Values{};
    });
  }

  /// One vector of the result on its way out.
  struct Place {
    llvm::Value *output, *channel, *batch, *row, *column;
  };

  void finish(llvm::Value* value, const Place& place, llvm::Value* y, llvm::Value* x) {
    llvm::Value* output = b_.advance(place.output, b_.CreateMul(y, b_.index(p_.outputStride[1])));
    output = b_.advance(output, b_.CreateMul(x, b_.index(p_.outputStride[2])));
    if (epilogue_) {
      const ResultIndex at{place.batch, place.channel, b_.index(0), b_.CreateAdd(place.row, y),
                           b_.CreateAdd(place.column, x)};
      value = epilogue_.apply(b_, p_, value, outputTransform_->getArg(0), at);
    }
    b_.storeVector(value, output);
  }

  // (buffers, sums, first tile, tiles, first block of output channels, their number, batch)
  void emitOutput() {
    llvm::Function* f = outputTransform_;
    WinogradTransform transform = makeTransform();
    llvm::AllocaInst* results = b_.CreateAlloca(b_.vector, b_.index(plan_.tile));
    auto fromTable = [&](unsigned number) {
      return b_.CreateLoad(b_.getPtrTy(), b_.CreateConstGEP1_64(b_.getPtrTy(), f->getArg(0), number));
    };
    llvm::Value* output = b_.advance(fromTable(buffers_.output),
                                     b_.CreateMul(f->getArg(6), b_.index(p_.outputBatchStrides[0])));
    llvm::Value* biases = p_.hasBias ? fromTable(buffers_.bias) : nullptr;
    auto perTile = [&](llvm::Value* round, llvm::Value* tile, llvm::Value* bias, Place place) {
      llvm::Value* number = b_.CreateAdd(f->getArg(2), tile);
      place.row = b_.CreateMul(b_.CreateUDiv(number, b_.index(plan_.tileColumns)), b_.index(plan_.tile));
      place.column = b_.CreateMul(b_.CreateURem(number, b_.index(plan_.tileColumns)), b_.index(plan_.tile));
      place.output = b_.advance(place.output, b_.CreateMul(place.row, b_.index(p_.outputStride[1])));
      place.output = b_.advance(place.output, b_.CreateMul(place.column, b_.index(p_.outputStride[2])));
      llvm::Value* from = b_.advance(f->getArg(1), b_.CreateMul(round, b_.index(product_.outputBlockStride)));
      from = b_.advance(from, b_.CreateMul(tile, b_.index(p_.lanes)));
      auto load = [&](int64_t y, llvm::Value* x) {
        return b_.loadVector(b_.advance(b_.advance(from, b_.CreateMul(x, b_.index(outputPoint_))),
                                        y * plan_.side * outputPoint_));
      };
      llvm::Value* height = b_.minimum(b_.CreateSub(b_.index(p_.output[1]), place.row), b_.index(plan_.tile));
      llvm::Value* width =
          b_.minimum(b_.CreateSub(b_.index(p_.output[2]), place.column), b_.index(plan_.tile));
      const bool unrolled = !epilogue_ || epilogue_.isSmall();
      transform.output(height, load, [&](llvm::Value* y, Values values) {
        if (bias)
          for (llvm::Value*& value : values)
            value = b_.CreateFAdd(value, bias);
        auto whole = [&] {
          for (auto [x, value] : llvm::enumerate(values))
            finish(value, place, y, b_.index(static_cast<int64_t>(x)));
        };
        auto part = [&] {
          for (auto [x, value] : llvm::enumerate(values))
            b_.CreateStore(value, b_.CreateConstGEP1_64(b_.vector, results, x));
          b_.loop(width, false, {}, [&](llvm::Value* x, llvm::ArrayRef<llvm::Value*>) {
            finish(b_.CreateLoad(b_.vector, b_.CreateGEP(b_.vector, results, x)), place, y, x);
            return Values{};
          });
        };
        if (unrolled)
          when(b_.CreateICmpEQ(width, b_.index(plan_.tile)), whole, part);
        else
          part();
      });
    };
    b_.loop(f->getArg(5), false, {}, [&](llvm::Value* round, llvm::ArrayRef<llvm::Value*>) {
      llvm::Value* block = b_.CreateAdd(f->getArg(4), round);
      Place place{};
      place.batch = f->getArg(6);
      place.channel = b_.CreateMul(block, b_.index(p_.lanes));
      place.output = b_.advance(output, b_.CreateMul(block, b_.index(p_.outputBlockStride)));
      llvm::Value* bias = nullptr;
      if (biases) {
        llvm::Value* pointer = b_.advance(biases, place.channel);
        bias = p_.tailLanes() == 0
                   ? b_.loadVector(pointer)
                   : b_.loadVector(pointer, b_.CreateSub(b_.index(p_.outChannels), place.channel));
      }
      b_.loop(f->getArg(3), false, {}, [&](llvm::Value* tile, llvm::ArrayRef<llvm::Value*>) {
        perTile(round, tile, bias, place);
        return Values{};
      });
      return Values{};
    });
  }

  const Problem& p_;
  const WinogradPlan plan_;
  const Buffers buffers_;
  const Target& target_;
  const Epilogue& epilogue_;
  KernelBuilder b_;
  const int64_t inBlocks_;
  int64_t inputPoint_ = 0, outputPoint_ = 0; ///< elements from one point to the next in scratch memory
  Problem product_;                          ///< of one point
  Plan productPlan_;
  llvm::Function *kernel_ = nullptr, *inputTransform_ = nullptr, *outputTransform_ = nullptr;
  std::map<std::pair<int64_t, int64_t>, llvm::Function*> products_;
};

} // namespace

EmittedKernel generateWinograd(const ir::Contraction& shape, const Buffers& buffers, const Target& target,
                               llvm::StringRef symbol, llvm::LLVMContext& context,
                               std::unique_ptr<llvm::Module> epilogue, llvm::StringRef epilogueName) {
  const Problem problem = convolutionProblem(shape, target.lanes(), /*inputBlocked=*/true, /*spatialRank=*/2);
  EmittedKernel kernel;
  kernel.module = std::make_unique<llvm::Module>(symbol, context);
  kernel.symbol = symbol.str();
  if (epilogue) {
    kernel.module->setDataLayout(epilogue->getDataLayout());
    kernel.module->setTargetTriple(epilogue->getTargetTriple());
  }
  const Epilogue after(std::move(epilogue), epilogueName, /*flatPositions=*/false, *kernel.module);
  WinogradGenerator generator(problem, shape.winogradTile, buffers, target, *kernel.module, after);
  generator.emit(symbol);
  const WinogradPlan& plan = generator.plan();
  kernel.algorithm = "winograd " + std::to_string(plan.tile) + "x" + std::to_string(plan.tile) + ", " +
                     std::to_string(plan.width) + "x" + std::to_string(plan.pairs * target.lanes());
  kernel.tasks = plan.tasks;
  kernel.grain = plan.grain;
  kernel.scratchBytes = plan.tasks > 0 ? generator.scratchBytes() : 0;
  return kernel;
}

} // namespace sinter::codegen::cpu::contraction
