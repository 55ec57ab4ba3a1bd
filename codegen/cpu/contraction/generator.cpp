// The kernel around the tiles: tasks, rows, blocks, and a call of the code of every run.
#include "codegen/cpu/contraction/generator.h"

#include "codegen/cpu/contraction/pack.h"
#include "codegen/cpu/contraction/tile.h"

#include <map>

namespace sinter::codegen::cpu::contraction {
namespace {

Problem withChannels(Problem problem, int64_t channels) {
  problem.channels = channels;
  return problem;
}

class Generator {
public:
  Generator(const Problem& problem, const Buffers& buffers, const Target& target, llvm::Module& module,
            Epilogue epilogue, const TileShape& tile)
      : plan_(makePlan(problem, target, tile)), source_(problem),
        p_(plan_.packFilter ? withPackedFilter(problem) : problem), buffers_(buffers), target_(target),
        tileProblem_(withChannels(p_, p_.channels / plan_.channelChunks)), epilogue_(epilogue),
        b_(module, llvm::Type::getFloatTy(module.getContext()), problem.lanes) {}

  const Plan& plan() const { return plan_; }

  uint64_t scratchBytes() const {
    return plan_.packFilter ? static_cast<uint64_t>(packedElements(p_, plan_.tileBlocks)) * sizeof(float) : 0;
  }

  void emit(llvm::StringRef symbol) {
    kernel_ = b_.startKernel(symbol);
    if (plan_.tasks > 0)
      b_.forEachTask(kernel_, [&](llvm::Value* task, llvm::Value*) { emitTask(task); });
    b_.CreateRetVoid();
  }

private:
  /// A range of rows, tiles or tiles of blocks.
  struct Range {
    llvm::Value* begin = nullptr;
    llvm::Value* end = nullptr;
  };

  llvm::Value* buffer(unsigned number) {
    auto* load =
        b_.CreateLoad(b_.getPtrTy(), b_.CreateConstGEP1_64(b_.getPtrTy(), kernel_->getArg(0), number));
    load->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(b_.getContext(), {}));
    return load;
  }

  // The last coordinate in a mixed-radix number, which is then removed from it.
  llvm::Value* digit(llvm::Value*& number, int64_t radix) {
    if (radix == 1)
      return b_.index(0);
    llvm::Value* result = b_.CreateURem(number, b_.index(radix));
    number = b_.CreateUDiv(number, b_.index(radix));
    return result;
  }

  Range range(llvm::Value* chunk, int64_t perChunk, int64_t extent) {
    if (perChunk >= extent)
      return {b_.index(0), b_.index(extent)};
    llvm::Value* begin = b_.CreateMul(chunk, b_.index(perChunk));
    llvm::Value* end = b_.CreateAdd(begin, b_.index(perChunk));
    return {begin, extent % perChunk ? b_.minimum(end, b_.index(extent)) : end};
  }

  void emitTask(llvm::Value* task) {
    // Blocks of output channels run fastest: the input of a chunk of positions stays in the cache meanwhile.
    llvm::Value* blockChunk = digit(task, plan_.blockChunks);
    const Range positions =
        range(digit(task, plan_.positionChunks), plan_.positionTilesPerTask, plan_.positionTiles);
    const Range rows = range(digit(task, plan_.rowChunks), plan_.rowsPerTask, p_.rows());
    const Range blocks = range(blockChunk, plan_.blockTilesPerTask, plan_.blockTiles);
    llvm::Value* group = digit(task, p_.groups);
    batch_ = task;
    input_ = b_.advance(buffer(buffers_.input), b_.CreateMul(group, b_.index(p_.inputGroupStride)));
    filter_ = b_.advance(buffer(buffers_.filter), b_.CreateMul(group, b_.index(p_.filterGroupStride)));
    output_ = b_.advance(buffer(buffers_.output), b_.CreateMul(group, b_.index(p_.outputGroupStride)));
    channel_ = b_.CreateMul(group, b_.index(p_.outChannels));
    for (size_t i = p_.batchDims.size(); i-- > 0;) {
      llvm::Value* at = i == 0 ? task : digit(task, p_.batchDims[i]);
      input_ = b_.advance(input_, b_.CreateMul(at, b_.index(p_.inputBatchStrides[i])));
      filter_ = b_.advance(filter_, b_.CreateMul(at, b_.index(p_.filterBatchStrides[i])));
      output_ = b_.advance(output_, b_.CreateMul(at, b_.index(p_.outputBatchStrides[i])));
    }
    int64_t tile = 0;
    for (const BlockRun& run : plan_.blocks) {
      overlap(blocks, tile, run.tiles, [&](llvm::Value* first, llvm::Value* count) {
        b_.loop(count, false, {}, [&](llvm::Value* round, llvm::ArrayRef<llvm::Value*>) {
          llvm::Value* block = b_.CreateAdd(b_.CreateMul(b_.CreateAdd(first, round), b_.index(run.width)),
                                            b_.index(run.first));
          emitBlocks(run, block, rows, positions);
          return Values{};
        });
      });
      tile += run.tiles;
    }
  }

  // Emits `body(first, count)` for the part of `range` that meets [start, start + extent), if there is one;
  // `first` counts from `start`.
  void overlap(const Range& range, int64_t start, int64_t extent,
               llvm::function_ref<void(llvm::Value* first, llvm::Value* count)> body) {
    if (llvm::isa<llvm::ConstantInt>(range.begin) && llvm::isa<llvm::ConstantInt>(range.end)) {
      body(b_.index(0), b_.index(extent)); // a constant range is the whole
      return;
    }
    llvm::Value* first = b_.maximum(b_.CreateSub(range.begin, b_.index(start)), b_.index(0));
    llvm::Value* last = b_.minimum(b_.CreateSub(range.end, b_.index(start)), b_.index(extent));
    llvm::Value* count = b_.CreateSub(last, first);
    llvm::BasicBlock* some = llvm::BasicBlock::Create(b_.getContext(), "some", kernel_);
    llvm::BasicBlock* done = llvm::BasicBlock::Create(b_.getContext(), "done", kernel_);
    b_.CreateCondBr(b_.CreateICmpSGT(count, b_.index(0)), some, done);
    b_.SetInsertPoint(some);
    body(first, extent == 1 ? b_.index(1) : count);
    b_.CreateBr(done);
    b_.SetInsertPoint(done);
  }

  void emitBlocks(const BlockRun& run, llvm::Value* block, const Range& rows, const Range& positions) {
    RunArguments arguments;
    arguments.at.batch = batch_;
    arguments.buffers = kernel_->getArg(0);
    llvm::Value* first = b_.CreateMul(block, b_.index(p_.lanes));
    arguments.at.channel = b_.CreateAdd(channel_, first);
    arguments.channelsLeft = b_.CreateSub(b_.index(p_.outChannels), first);
    if (p_.hasBias)
      arguments.bias = b_.advance(buffer(buffers_.bias), arguments.at.channel);
    llvm::Value* input = b_.advance(input_, b_.CreateMul(block, b_.index(p_.inputOutBlockStride)));
    llvm::Value* filter = b_.advance(filter_, b_.CreateMul(block, b_.index(source_.filterBlockStride)));
    if (plan_.packFilter) {
      emitPack(b_, source_, run, filter, kernel_->getArg(3));
      filter = kernel_->getArg(3);
    }
    b_.loop(b_.index(plan_.sumParts()), false, {}, [&](llvm::Value* part, llvm::ArrayRef<llvm::Value*>) {
      RunArguments own = arguments;
      if (plan_.sumParts() > 1) {
        own.resumes = b_.CreateICmpNE(part, b_.index(0));
        own.completes = b_.CreateICmpEQ(part, b_.index(plan_.sumParts() - 1));
      }
      const bool ofKernel = plan_.kernelChunks > 1;
      depths_ = range(part, ofKernel ? plan_.depthsPerChunk : p_.kernel[0], p_.kernel[0]);
      llvm::Value* chunk = ofKernel ? b_.index(0) : part;
      const int64_t blocksOfChunk = tileProblem_.channels / p_.channelBlock;
      emitRows(
          run, own, rows, positions, block,
          b_.advance(input, b_.CreateMul(chunk, b_.index(blocksOfChunk * p_.inputBlockStride))),
          b_.advance(filter, b_.CreateMul(chunk, b_.index(tileProblem_.channels * p_.filterChannelStride))));
      return Values{};
    });
  }

  // All rows, with the channels that begin at `input` and `filter`, and the kernel's positions in `depths_`.
  void emitRows(const BlockRun& run, RunArguments arguments, const Range& rows, const Range& positions,
                llvm::Value* block, llvm::Value* input, llvm::Value* filter) {
    llvm::Value* next =
        plan_.prefetchedLines ? b_.advance(filter, run.width * source_.filterBlockStride) : nullptr;
    llvm::Value* output = b_.advance(output_, b_.CreateMul(block, b_.index(p_.outputBlockStride)));
    b_.loop(
        b_.CreateSub(rows.end, rows.begin), false, {}, [&](llvm::Value* round, llvm::ArrayRef<llvm::Value*>) {
          llvm::Value* row = b_.CreateAdd(rows.begin, round);
          arguments.at.h = digit(row, p_.output[1]);
          arguments.at.d = row;
          arguments.input = input;
          arguments.filter = filter;
          arguments.output = b_.advance(output, b_.CreateMul(arguments.at.d, b_.index(p_.outputStride[0])));
          arguments.output =
              b_.advance(arguments.output, b_.CreateMul(arguments.at.h, b_.index(p_.outputStride[1])));
          arguments.kernelDepths = enterKernel(arguments, 0, arguments.at.d);
          arguments.kernelRows = enterKernel(arguments, 1, arguments.at.h);
          if (next)
            arguments.prefetch = b_.advance(
                next,
                b_.CreateMul(round, b_.index(plan_.positionTilesPerTask * plan_.prefetchedLines * kLine)));
          emitRow(run, arguments, positions);
          return Values{};
        });
  }

  // Moves input and filter to the first kernel position of dimension `dim` that meets the input; gives how
  // many do.
  llvm::Value* enterKernel(RunArguments& arguments, int dim, llvm::Value* at) {
    const auto d = static_cast<size_t>(dim);
    KernelRange range = kernelRange(b_, p_, dim, at);
    if (dim == 0 && plan_.kernelChunks > 1) {
      llvm::Value* end = b_.minimum(b_.CreateAdd(range.begin, range.count), depths_.end);
      range.begin = b_.maximum(range.begin, depths_.begin);
      range.count = b_.maximum(b_.CreateSub(end, range.begin), b_.index(0));
    }
    llvm::Value* start = b_.CreateSub(b_.CreateMul(at, b_.index(p_.stride[d])), b_.index(p_.pad[d]));
    start = b_.CreateAdd(start, b_.CreateMul(range.begin, b_.index(p_.dilation[d])));
    arguments.input = b_.advance(arguments.input, b_.CreateMul(start, b_.index(p_.inputStride[d])));
    arguments.filter = b_.advance(arguments.filter, b_.CreateMul(range.begin, b_.index(p_.filterStride[d])));
    return range.count;
  }

  void emitRow(const BlockRun& blocks, RunArguments arguments, const Range& positions) {
    int64_t tile = 0;
    for (const PositionRun& run : plan_.positions) {
      overlap(positions, tile, run.tiles, [&](llvm::Value* first, llvm::Value* count) {
        arguments.start = b_.CreateAdd(b_.CreateMul(first, b_.index(run.width)), b_.index(run.start));
        arguments.tiles = count;
        RunArguments own = arguments;
        if (own.prefetch) {
          llvm::Value* before = b_.CreateSub(b_.CreateAdd(first, b_.index(tile)), positions.begin);
          own.prefetch =
              b_.advance(own.prefetch, b_.CreateMul(before, b_.index(plan_.prefetchedLines * kLine)));
        }
        call(blocks, run, own);
      });
      tile += run.tiles;
    }
  }

  // The arguments that are not the same constant in every call, in one fixed order.
  static llvm::SmallVector<llvm::Value**> slots(RunArguments& a) {
    return {&a.input,     &a.filter,   &a.output,       &a.bias,    &a.kernelRows, &a.kernelDepths,
            &a.start,     &a.tiles,    &a.channelsLeft, &a.buffers, &a.prefetch,   &a.resumes,
            &a.completes, &a.at.batch, &a.at.channel,   &a.at.d,    &a.at.h};
  }

  // Every run is a function of its own: small functions compile faster and their registers are allocated
  // better.
  void call(const BlockRun& blocks, const PositionRun& positions, RunArguments arguments) {
    if (!epilogue_)
      arguments.buffers = arguments.at.batch = arguments.at.channel = arguments.at.d = arguments.at.h =
          nullptr;
    if (!p_.hasBias || p_.tailLanes() == 0)
      arguments.channelsLeft = nullptr;
    Values actual;
    llvm::SmallVector<llvm::Type*> types;
    for (llvm::Value** slot : slots(arguments))
      if (*slot && !llvm::isa<llvm::ConstantInt>(*slot)) {
        actual.push_back(*slot);
        types.push_back((*slot)->getType());
      }
    llvm::Function*& function = functions_[{&blocks, &positions}];
    if (!function) {
      auto* type = llvm::FunctionType::get(b_.getVoidTy(), types, false);
      function = llvm::Function::Create(type, llvm::GlobalValue::InternalLinkage,
                                        kernel_->getName() + "_tile", b_.module);
      function->addFnAttr(llvm::Attribute::NoInline);
      emitRun(*function, blocks, positions, arguments);
    }
    b_.CreateCall(function, actual);
  }

  void emitRun(llvm::Function& function, const BlockRun& blocks, const PositionRun& positions,
               RunArguments arguments) {
    llvm::IRBuilder<>::InsertPointGuard guard(b_);
    b_.SetInsertPoint(llvm::BasicBlock::Create(b_.getContext(), "entry", &function));
    unsigned next = 0;
    for (llvm::Value** slot : slots(arguments))
      if (*slot && !llvm::isa<llvm::ConstantInt>(*slot))
        *slot = function.getArg(next++);
    TileEmitter(b_, tileProblem_, plan_, positions, blocks, target_, epilogue_).emit(arguments);
    b_.CreateRetVoid();
  }

  const Plan plan_;
  const Problem& source_; ///< as it is in memory
  const Problem p_;       ///< with packed filters
  const Buffers buffers_;
  const Target& target_;
  const Problem tileProblem_; ///< as the tiles see it: with the channels of one chunk
  const Epilogue epilogue_;
  KernelBuilder b_;
  llvm::Function* kernel_ = nullptr;
  llvm::Value* batch_ = nullptr;
  llvm::Value* channel_ = nullptr;
  llvm::Value *input_ = nullptr, *filter_ = nullptr, *output_ = nullptr;
  Range depths_; ///< of the kernel, in the part of the sums being made
  std::map<std::pair<const BlockRun*, const PositionRun*>, llvm::Function*> functions_;
};

std::string describe(const Problem& p, const Plan& plan) {
  const std::string width = std::to_string(plan.tileWidth);
  const std::string channels = std::to_string(plan.tileBlocks * p.lanes);
  if (p.depthwise)
    return "depthwise " + width + "x" + channels;
  if (!p.channelLast)
    return std::string(p.algorithm) + " " + width + "x" + channels +
           (plan.sumParts() > 1 ? ", " + std::to_string(plan.sumParts()) + " parts" : "");
  return p.output[2] == 1 ? "gemv" : "matmul " + width + "x" + channels;
}

} // namespace

EmittedKernel generate(const Problem& problem, const Buffers& buffers, const Target& target,
                       llvm::StringRef symbol, llvm::LLVMContext& context,
                       std::unique_ptr<llvm::Module> epilogue, llvm::StringRef epilogueName,
                       bool flatPositions, size_t choice) {
  const std::vector<TileShape> tiles = candidateTiles(problem, target);
  EmittedKernel kernel;
  kernel.choices = tiles.size();
  kernel.module = std::make_unique<llvm::Module>(symbol, context);
  kernel.symbol = symbol.str();
  if (epilogue) {
    kernel.module->setDataLayout(epilogue->getDataLayout());
    kernel.module->setTargetTriple(epilogue->getTargetTriple());
  }
  Epilogue after(std::move(epilogue), epilogueName, flatPositions, *kernel.module);
  Generator generator(problem, buffers, target, *kernel.module, after, tiles.at(choice));
  generator.emit(symbol);
  kernel.algorithm = describe(problem, generator.plan());
  kernel.tasks = generator.plan().tasks;
  kernel.scratchBytes = generator.scratchBytes();
  kernel.grain = std::max<int64_t>(1, generator.plan().grain);
  return kernel;
}

} // namespace sinter::codegen::cpu::contraction
