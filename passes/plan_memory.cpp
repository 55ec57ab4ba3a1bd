// Gives every result of a launch, branch or loop a place in one arena.
#include "passes/lifetimes.h"

using namespace mlir;

namespace sinter::passes {
namespace {

struct PlanMemory : ModulePass<PlanMemory> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PlanMemory)
  StringRef getArgument() const final { return "sinter-plan-memory"; }
  StringRef getDescription() const final { return "place launch results in one arena"; }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto functions = module.getOps<func::FuncOp>();
    const auto program =
        llvm::find_if(functions, [](func::FuncOp function) { return !function.isExternal(); });
    if (program == functions.end())
      return;
    const FailureOr<Lifetimes> lifetimes = Lifetimes::of(*program);
    if (failed(lifetimes))
      return signalPassFailure();
    SmallVector<ArenaBuffer> buffers = lifetimes->buffers();
    const int64_t bound = arenaLowerBound(buffers);
    const int64_t size = packArena(buffers);
    Builder builder(module.getContext());
    for (Operation* step : lifetimes->steps()) {
      const auto offsets = llvm::map_to_vector(
          step->getResults(), [&](Value result) { return lifetimes->offsetOf(result, buffers); });
      step->setAttr("offsets", builder.getDenseI64ArrayAttr(offsets));
    }
    module->setAttr("sinter.arena_bytes", builder.getI64IntegerAttr(size));
    module->setAttr("sinter.arena_lower_bound", builder.getI64IntegerAttr(bound));
    module->setAttr("sinter.arena_without_reuse", builder.getI64IntegerAttr(lifetimes->withoutReuse()));
  }
};

} // namespace

std::unique_ptr<Pass> createPlanMemoryPass() {
  return std::make_unique<PlanMemory>();
}

} // namespace sinter::passes
