// Concatenations that need no kernel: their operands are written where they lie in the result.
//
// It takes that an operand's elements lie together in the result, that a kernel computes it, and that it is
// wanted at no other place. Operands of which that is not true are copied to their places, neighbours
// together: a concatenation of them alone, which stays a kernel.
#include "passes/fusion_region.h"
#include "passes/memory_groups.h"

#include "passes/constants.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace sinter::passes {
namespace {

// Launching a kernel takes as long as copying this much.
constexpr int64_t kBytesPerLaunch = 4096;

int64_t bytesOf(Value value) {
  return ir::storedBytes(ir::tensorType(value));
}

/// The operation that alone uses `concat`, if it is pointwise and what else it reads are numbers.
Operation* pointwiseAfter(ir::ConcatOp concat) {
  Value result = concat.getResult();
  if (!result.hasOneUse())
    return nullptr;
  Operation* user = *result.user_begin();
  const bool isUnary =
      fusionClassOf(user) == ir::FusionClass::pointwise && user->getNumResults() == 1 &&
      llvm::all_of(user->getOperands(), [&](Value operand) {
        return operand == result || (isConstant(operand) && ir::tensorType(operand).getNumElements() == 1);
      });
  return isUnary && user->getResult(0).getType() == result.getType() ? user : nullptr;
}

/// f(concat(x, ...)) -> concat(f(x), ...), each f joining the kernel of its x.
ir::ConcatOp moveBefore(ir::ConcatOp concat, Operation* pointwise) {
  OpBuilder builder(pointwise);
  for (Value operand : pointwise->getOperands())
    if (auto number = operand.getDefiningOp<ir::ConstantOp>())
      number->moveBefore(&pointwise->getBlock()->front());
  SmallVector<Value> parts;
  for (Value input : concat.getInputs()) {
    IRMapping mapping;
    mapping.map(concat.getResult(), input);
    builder.setInsertionPointAfterValue(input);
    Operation* part = builder.clone(*pointwise, mapping);
    part->getResult(0).setType(input.getType());
    parts.push_back(part->getResult(0));
  }
  builder.setInsertionPoint(pointwise);
  auto moved = ir::ConcatOp::create(builder, concat.getLoc(), concat.getType(), parts, concat.getAxis());
  pointwise->getResult(0).replaceAllUsesWith(moved.getResult());
  pointwise->erase();
  concat.erase();
  return moved;
}

struct PlaceConcats : FunctionPass<PlaceConcats> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PlaceConcats)
  StringRef getArgument() const final { return "sinter-place-concats"; }
  StringRef getDescription() const final { return "write operands of concatenations into their results"; }

  void runOnOperation() override {
    if (getOperation().isExternal())
      return;
    MemoryGroups groups;
    SmallVector<ir::ConcatOp> concats(getOperation().getBody().front().getOps<ir::ConcatOp>());
    for (ir::ConcatOp concat : concats)
      place(concat, groups);
  }

private:
  static SmallVector<bool> placedOperands(ir::ConcatOp concat, MemoryGroups groups) {
    return groups.add(concat);
  }

  static void place(ir::ConcatOp concat, MemoryGroups& groups) {
    SmallVector<bool> isPlaced = placedOperands(concat, groups);
    const auto areComputedForIt = [](ir::ConcatOp op) {
      return llvm::all_of(op.getInputs(), [](Value input) {
        return input.hasOneUse() && !input.getDefiningOp<ir::ReshapeOp>();
      });
    };
    while (Operation* after = pointwiseAfter(concat)) {
      if (!llvm::all_of(isPlaced, [](bool placed) { return placed; }) || !areComputedForIt(concat))
        break;
      concat = moveBefore(concat, after);
      isPlaced = placedOperands(concat, groups);
    }
    if (pays(concat, isPlaced)) {
      concat = copyOthers(concat, isPlaced);
      concat.setInPlace(true);
      groups.add(concat);
    }
  }

  /// A kernel reads and writes all; in place, so do the copies of the operands not placed.
  static bool pays(ir::ConcatOp concat, ArrayRef<bool> isPlaced) {
    if (isReadOnceInPlace(concat.getResult()))
      return false;
    int64_t placed = 0, copies = 0;
    for (auto [i, input] : llvm::enumerate(concat.getInputs())) {
      if (isPlaced[i])
        placed += bytesOf(input);
      else if (i == 0 || isPlaced[i - 1])
        ++copies;
    }
    return placed > 0 && (copies < 2 || placed > (copies - 1) * kBytesPerLaunch);
  }

  /// Nobody needs `result` itself: the kernel that computes what follows reads the operands just as well.
  static bool isReadOnceInPlace(Value result) {
    return result.hasOneUse() && fusionClassOf(*result.user_begin()) == ir::FusionClass::pointwise &&
           samePositions(ir::tensorType(result.user_begin()->getResult(0)), ir::tensorType(result));
  }

  static ir::ConcatOp copyOthers(ir::ConcatOp concat, ArrayRef<bool> isPlaced) {
    OpBuilder builder(concat);
    SmallVector<Value> parts;
    for (size_t i = 0; i < isPlaced.size(); ++i) {
      SmallVector<Value> run;
      for (; i < isPlaced.size() && !isPlaced[i]; ++i)
        run.push_back(concat.getInputs()[i]);
      if (!run.empty())
        parts.push_back(copied(builder, concat, run));
      if (i < isPlaced.size())
        parts.push_back(concat.getInputs()[i]);
    }
    concat.getInputsMutable().assign(parts);
    return concat;
  }

  static Value copied(OpBuilder& builder, ir::ConcatOp concat, ArrayRef<Value> run) {
    const RankedTensorType type = ir::tensorType(concat.getResult());
    const auto axis = static_cast<size_t>(concat.getAxis());
    SmallVector<int64_t> shape(type.getShape());
    shape[axis] = 0;
    for (Value value : run)
      shape[axis] += ir::tensorType(value).getDimSize(static_cast<unsigned>(axis));
    return ir::ConcatOp::create(builder, concat.getLoc(),
                                RankedTensorType::get(shape, type.getElementType(), type.getEncoding()), run,
                                concat.getAxis());
  }
};

} // namespace

std::unique_ptr<Pass> createPlaceConcatsPass() {
  return std::make_unique<PlaceConcats>();
}

} // namespace sinter::passes
