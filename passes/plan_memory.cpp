// Gives every result of a launch, branch or loop a place in one arena, and lets kernels write over what they
// alone still need.
#include "ir/control_flow.h"
#include "passes/arena.h"
#include "passes/fusion_region.h"
#include "passes/memory_groups.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace sinter::passes {
namespace {

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
    auto functions = module.getOps<func::FuncOp>();
    const auto program =
        llvm::find_if(functions, [](func::FuncOp function) { return !function.isExternal(); });
    if (program == functions.end())
      return;
    parts.clear();
    groupOfPart.clear();
    partsOfResult.clear();
    groups = {};
    if (failed(findGroups(*program)))
      return signalPassFailure();
    SmallVector<Operation*> steps;
    for (Operation& op : (*program).getBody().front())
      if (isStep(&op))
        steps.push_back(&op);
    findLifetimes(steps);
    int64_t withoutReuse = 0;
    for (const ArenaPart& part : parts)
      withoutReuse += part.bytes;
    reuseDyingOperands(steps);
    SmallVector<ArenaBuffer> buffers = makeBuffers();
    const int64_t bound = arenaLowerBound(buffers);
    const int64_t size = packArena(buffers);
    for (Operation* step : steps)
      setOffsets(step, buffers);
    Builder builder(module.getContext());
    module->setAttr("sinter.arena_bytes", builder.getI64IntegerAttr(size));
    module->setAttr("sinter.arena_lower_bound", builder.getI64IntegerAttr(bound));
    module->setAttr("sinter.arena_without_reuse", builder.getI64IntegerAttr(withoutReuse));
  }

private:
  /// What computes results that need a place.
  static bool isStep(Operation* op) { return isa<ir::LaunchOp>(op) || ir::isControlFlow(op); }

  LogicalResult findGroups(func::FuncOp function) {
    for (auto concat : function.getOps<ir::ConcatOp>()) {
      if (!concat.getInPlace())
        return concat.emitOpError("has no kernel, and is not in place");
      for (auto [i, isPlaced] : llvm::enumerate(groups.add(concat)))
        if (!isPlaced)
          return concat.emitOpError("does not find operand ") << i << " in place";
    }
    for (Operation& op : function.getBody().front())
      if (isStep(&op))
        for (Value result : op.getResults())
          groups.groupOf(result);
    return success();
  }

  /// One part per result of a step that is not in an output; it lives until the last step that reads it, a
  /// reshape of it or a concatenation it lies in. A branch or loop reads all along what it reads at all.
  void findLifetimes(ArrayRef<Operation*> steps) {
    for (auto [number, group] : llvm::enumerate(groups.all())) {
      if (group.returned)
        continue;
      for (const Slice& leaf : group.leaves) {
        const int64_t bytes = group.leaves.size() > 1
                                  ? leaf.bytes
                                  : llvm::divideCeilSigned(leaf.bytes, kArenaAlignment) * kArenaAlignment;
        partsOfResult[leaf.value] = {parts.size()};
        parts.push_back({bytes, 0, 0, leaf.offset - group.begin});
        groupOfPart.push_back(number);
      }
    }
    for (auto [number, step] : llvm::enumerate(steps)) {
      for (Value input : step->getOperands())
        for (const size_t part : partsOf(input))
          parts[part].last = static_cast<int64_t>(number);
      for (Value result : step->getResults())
        for (const size_t part : partsOf(result))
          parts[part].first = parts[part].last = static_cast<int64_t>(number);
    }
  }

  /// The parts that `value` is made of, in order; none if it is not in the arena.
  SmallVector<size_t> partsOf(Value value) const {
    SmallVector<size_t> parts;
    for (const Slice& leaf : leavesOf(value))
      if (const auto found = partsOfResult.find(leaf.value); found != partsOfResult.end())
        parts.append(found->second);
    return parts;
  }

  void reuseDyingOperands(ArrayRef<Operation*> steps) {
    for (auto [step, op] : llvm::enumerate(steps)) {
      auto launch = dyn_cast<ir::LaunchOp>(op);
      if (!launch || launch->getNumResults() != 1 || !partsOfResult.contains(launch.getResult(0)))
        continue;
      auto kernel = SymbolTable::lookupNearestSymbolFrom<ir::KernelOp>(launch, launch.getKernelAttr());
      for (auto [index, input] : llvm::enumerate(launch.getInputs())) {
        const SmallVector<size_t> operand = partsOf(input);
        const bool dies = llvm::all_of(
            operand, [&, now = static_cast<int64_t>(step)](size_t part) { return parts[part].last == now; });
        if (!operand.empty() && dies && isReadOnce(launch, operand) &&
            mayOverwrite(kernel, static_cast<unsigned>(index)) && takeOver(operand, launch.getResult(0)))
          break;
      }
    }
  }

  bool isReadOnce(ir::LaunchOp launch, ArrayRef<size_t> operand) const {
    return llvm::count_if(launch.getInputs(), [&](Value input) {
             return llvm::any_of(partsOf(input),
                                 [&](size_t part) { return llvm::is_contained(operand, part); });
           }) == 1;
  }

  bool isAlone(ArrayRef<size_t> some) const {
    return some.size() == 1 && groups.all()[groupOfPart[some[0]]].leaves.size() == 1;
  }

  /// From here on, `result` lies where `operand` lies; of two that are among others, neither can move.
  bool takeOver(ArrayRef<size_t> operand, Value result) {
    const size_t own = partsOfResult[result][0]; // nothing was done to it yet
    if (isAlone(own)) {
      for (const size_t part : operand)
        parts[part].last = parts[own].last;
      parts[own].bytes = 0;
      partsOfResult[result].assign(operand.begin(), operand.end());
      return true;
    }
    if (!isAlone(operand))
      return false;
    parts[own].first = parts[operand[0]].first;
    parts[operand[0]].bytes = 0;
    for (auto& [value, some] : partsOfResult)
      if (some[0] == operand[0])
        some[0] = own;
    return true;
  }

  /// A buffer per group.
  SmallVector<ArenaBuffer> makeBuffers() const {
    SmallVector<ArenaBuffer> buffers(groups.all().size());
    for (auto [part, group] : llvm::zip(parts, groupOfPart))
      if (part.bytes > 0)
        buffers[group].parts.push_back(part);
    return buffers;
  }

  void setOffsets(Operation* step, ArrayRef<ArenaBuffer> buffers) {
    SmallVector<int64_t> offsets;
    for (Value result : step->getResults()) {
      const SmallVector<size_t> own = partsOf(result);
      offsets.push_back(own.empty() ? -1 : buffers[groupOfPart[own[0]]].offset + parts[own[0]].offset);
    }
    step->setAttr("offsets", DenseI64ArrayAttr::get(step->getContext(), offsets));
  }

  MemoryGroups groups;
  SmallVector<ArenaPart> parts;
  SmallVector<size_t> groupOfPart;
  DenseMap<Value, SmallVector<size_t, 1>> partsOfResult; // of steps
};

} // namespace

std::unique_ptr<Pass> createPlanMemoryPass() {
  return std::make_unique<PlanMemory>();
}

} // namespace sinter::passes
