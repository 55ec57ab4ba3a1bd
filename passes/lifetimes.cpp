// When the results of a program's steps are needed.
#include "passes/lifetimes.h"

#include "ir/control_flow.h"
#include "passes/fusion_region.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace sinter::passes {
namespace {

/// What computes results that need a place.
bool isStep(Operation* op) {
  return isa<ir::LaunchOp>(op) || ir::isControlFlow(op);
}

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

} // namespace

FailureOr<Lifetimes> Lifetimes::of(func::FuncOp program) {
  Lifetimes lifetimes;
  for (Operation& op : program.getBody().front())
    if (isStep(&op))
      lifetimes.steps_.push_back(&op);
  if (failed(lifetimes.findGroups(program)))
    return failure();
  lifetimes.findLifetimes();
  for (const ArenaPart& part : lifetimes.parts_)
    lifetimes.withoutReuse_ += part.bytes;
  lifetimes.reuseDyingOperands(program->getParentOfType<ModuleOp>());
  return lifetimes;
}

LogicalResult Lifetimes::findGroups(func::FuncOp program) {
  for (auto concat : program.getOps<ir::ConcatOp>()) {
    if (!concat.getInPlace())
      return concat.emitOpError("has no kernel, and is not in place");
    for (auto [i, isPlaced] : llvm::enumerate(groups_.add(concat)))
      if (!isPlaced)
        return concat.emitOpError("does not find operand ") << i << " in place";
  }
  for (Operation* step : steps_)
    for (Value result : step->getResults())
      groups_.groupOf(result);
  return success();
}

/// One part per result of a step that is not in an output; it lives until the last step that reads it, a
/// reshape of it or a concatenation it lies in. A branch or loop reads all along what it reads at all.
void Lifetimes::findLifetimes() {
  for (auto [number, group] : llvm::enumerate(groups_.all())) {
    if (group.returned)
      continue;
    for (const Slice& leaf : group.leaves) {
      const int64_t bytes = group.leaves.size() > 1
                                ? leaf.bytes
                                : llvm::divideCeilSigned(leaf.bytes, kArenaAlignment) * kArenaAlignment;
      partsOfResult_[leaf.value] = {parts_.size()};
      parts_.push_back({bytes, 0, 0, leaf.offset - group.begin});
      groupOfPart_.push_back(number);
    }
  }
  for (auto [number, step] : llvm::enumerate(steps_)) {
    for (Value input : step->getOperands())
      for (const size_t part : partsOf(input))
        parts_[part].last = static_cast<int64_t>(number);
    for (Value result : step->getResults())
      for (const size_t part : partsOf(result))
        parts_[part].first = parts_[part].last = static_cast<int64_t>(number);
  }
}

/// The parts that `value` is made of, in order; none if it is not in the arena.
SmallVector<size_t> Lifetimes::partsOf(Value value) const {
  SmallVector<size_t> parts;
  for (const Slice& leaf : leavesOf(value))
    if (const auto found = partsOfResult_.find(leaf.value); found != partsOfResult_.end())
      parts.append(found->second);
  return parts;
}

void Lifetimes::reuseDyingOperands(ModuleOp module) {
  DenseMap<StringAttr, ir::KernelOp> kernels;
  for (auto kernel : module.getOps<ir::KernelOp>())
    kernels[kernel.getSymNameAttr()] = kernel;
  for (auto [step, op] : llvm::enumerate(steps_)) {
    auto launch = dyn_cast<ir::LaunchOp>(op);
    if (!launch || launch->getNumResults() != 1 || !partsOfResult_.contains(launch.getResult(0)))
      continue;
    ir::KernelOp kernel = kernels.lookup(launch.getKernelAttr().getAttr());
    for (auto [index, input] : llvm::enumerate(launch.getInputs())) {
      const SmallVector<size_t> operand = partsOf(input);
      const bool dies = llvm::all_of(
          operand, [&, now = static_cast<int64_t>(step)](size_t part) { return parts_[part].last == now; });
      if (!operand.empty() && dies && isReadOnce(launch, operand) &&
          mayOverwrite(kernel, static_cast<unsigned>(index)) && takeOver(operand, launch.getResult(0)))
        break;
    }
  }
}

bool Lifetimes::isReadOnce(ir::LaunchOp launch, ArrayRef<size_t> operand) const {
  return llvm::count_if(launch.getInputs(), [&](Value input) {
           return llvm::any_of(partsOf(input),
                               [&](size_t part) { return llvm::is_contained(operand, part); });
         }) == 1;
}

bool Lifetimes::isAlone(ArrayRef<size_t> some) const {
  return some.size() == 1 && groups_.all()[groupOfPart_[some[0]]].leaves.size() == 1;
}

/// From here on, `result` lies where `operand` lies; of two that are among others, neither can move.
bool Lifetimes::takeOver(ArrayRef<size_t> operand, Value result) {
  const size_t own = partsOfResult_[result][0]; // nothing was done to it yet
  if (isAlone(own)) {
    for (const size_t part : operand)
      parts_[part].last = parts_[own].last;
    parts_[own].bytes = 0;
    partsOfResult_[result].assign(operand.begin(), operand.end());
    return true;
  }
  if (!isAlone(operand))
    return false;
  parts_[own].first = parts_[operand[0]].first;
  parts_[operand[0]].bytes = 0;
  for (auto& [value, some] : partsOfResult_)
    if (some[0] == operand[0])
      some[0] = own;
  return true;
}

SmallVector<ArenaBuffer> Lifetimes::buffers() const {
  SmallVector<ArenaBuffer> buffers(groups_.all().size());
  for (auto [part, group] : llvm::zip(parts_, groupOfPart_))
    if (part.bytes > 0)
      buffers[group].parts.push_back(part);
  return buffers;
}

int64_t Lifetimes::offsetOf(Value result, ArrayRef<ArenaBuffer> packed) const {
  const SmallVector<size_t> own = partsOf(result);
  return own.empty() ? -1 : packed[groupOfPart_[own[0]]].offset + parts_[own[0]].offset;
}

} // namespace sinter::passes
