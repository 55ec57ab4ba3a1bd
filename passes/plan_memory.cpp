// Gives every launch result a place in one arena, and lets kernels write over what they alone still need.
#include "passes/arena.h"
#include "passes/fusion_region.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace sinter::passes {
namespace {

constexpr int64_t kAlignment = 64;

/// True if the kernel reads `value` only to compute the element of `result` at the same position.
bool readInPlace(Value value, Value result) {
  return samePositions(ir::tensorType(value), ir::tensorType(result)) &&
         llvm::all_of(value.getUsers(), [&](Operation* user) {
           return isa<ir::YieldOp>(user) || (fusionClassOf(user) == ir::FusionClass::pointwise &&
                                             readInPlace(user->getResult(0), result));
         });
}

/// May `kernel` write its result over operand number `index`? Contractions accumulate in their result before
/// the epilogue reads its operands, so they never do.
bool mayOverwrite(ir::KernelOp kernel, unsigned index) {
  Block& body = kernel.getBody().front();
  Operation* root = kernel.getRoot();
  if (body.getTerminator()->getNumOperands() != 1 ||
      (root && fusionClassOf(root) == ir::FusionClass::contraction))
    return false;
  Value argument = body.getArgument(index), result = body.getTerminator()->getOperand(0);
  const auto bits = [](Value v) { return ir::tensorType(v).getElementTypeBitWidth(); };
  return bits(argument) == bits(result) && readInPlace(argument, result);
}

struct PlanMemory : ModulePass<PlanMemory> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PlanMemory)
  StringRef getArgument() const final { return "sinter-plan-memory"; }
  StringRef getDescription() const final { return "place launch results in one arena"; }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    buffers.clear();
    bufferOf.clear();
    int64_t withoutReuse = 0;
    auto functions = module.getOps<func::FuncOp>();
    const auto program =
        llvm::find_if(functions, [](func::FuncOp function) { return !function.isExternal(); });
    if (program == functions.end())
      return;
    SmallVector<ir::LaunchOp> launches((*program).getOps<ir::LaunchOp>());
    findBuffers(*program, launches);
    for (const ArenaBuffer& buffer : buffers)
      withoutReuse += buffer.bytes;
    reuseDyingOperands(launches);
    const int64_t bound = arenaLowerBound(buffers);
    const int64_t size = packArena(buffers);
    for (ir::LaunchOp launch : launches)
      setOffsets(launch);
    Builder builder(module.getContext());
    module->setAttr("sinter.arena_bytes", builder.getI64IntegerAttr(size));
    module->setAttr("sinter.arena_lower_bound", builder.getI64IntegerAttr(bound));
    module->setAttr("sinter.arena_without_reuse", builder.getI64IntegerAttr(withoutReuse));
  }

private:
  /// One buffer per launch result that is not an output; it lives until the last launch that reads it or a
  /// reshape of it.
  void findBuffers(func::FuncOp function, MutableArrayRef<ir::LaunchOp> launches) {
    llvm::SmallPtrSet<Value, 4> returned;
    for (Value value : function.getBody().front().getTerminator()->getOperands())
      returned.insert(aliasRoot(value));
    for (auto [step, launch] : llvm::enumerate(launches)) {
      for (Value input : launch.getInputs())
        if (auto found = bufferOf.find(aliasRoot(input)); found != bufferOf.end())
          buffers[found->second].last = static_cast<int64_t>(step);
      for (Value result : launch.getResults()) {
        if (returned.contains(result))
          continue;
        const int64_t bytes = ir::storedBytes(ir::tensorType(result));
        bufferOf[result] = buffers.size();
        buffers.push_back({llvm::divideCeilSigned(bytes, kAlignment) * kAlignment, static_cast<int64_t>(step),
                           static_cast<int64_t>(step), 0});
      }
    }
  }

  void reuseDyingOperands(MutableArrayRef<ir::LaunchOp> launches) {
    for (auto [step, launch] : llvm::enumerate(launches)) {
      if (launch->getNumResults() != 1 || !bufferOf.contains(launch.getResult(0)))
        continue;
      auto kernel = SymbolTable::lookupNearestSymbolFrom<ir::KernelOp>(launch, launch.getKernelAttr());
      for (auto [index, input] : llvm::enumerate(launch.getInputs())) {
        Value root = aliasRoot(input);
        const auto found = bufferOf.find(root);
        const bool once =
            llvm::count_if(launch.getInputs(), [&](Value v) { return aliasRoot(v) == root; }) == 1;
        if (found == bufferOf.end() || buffers[found->second].last != static_cast<int64_t>(step) || !once ||
            !mayOverwrite(kernel, static_cast<unsigned>(index)))
          continue;
        // The result's buffer is the operand's from here on; its own is left empty.
        ArenaBuffer& own = buffers[bufferOf[launch.getResult(0)]];
        buffers[found->second].last = own.last;
        own.bytes = 0;
        bufferOf[launch.getResult(0)] = found->second;
        break;
      }
    }
  }

  void setOffsets(ir::LaunchOp launch) {
    SmallVector<int64_t> offsets;
    for (Value result : launch.getResults()) {
      const auto found = bufferOf.find(result);
      offsets.push_back(found == bufferOf.end() ? -1 : buffers[found->second].offset);
    }
    launch.setOffsets(offsets);
  }

  SmallVector<ArenaBuffer> buffers;
  DenseMap<Value, size_t> bufferOf; // launch result -> its buffer
};

} // namespace

std::unique_ptr<Pass> createPlanMemoryPass() {
  return std::make_unique<PlanMemory>();
}

} // namespace sinter::passes
