// Sums and products with a column or a number, as of normalisation, that several kernels read: each computes
// them for itself.
//
// Stored once, such a tensor would be written and read for an instruction that costs nothing beside the load:
// what it is computed from is as large, and in memory anyway.
#include "passes/constants.h"
#include "passes/fusion_region.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace sinter::passes {
namespace {

// These bound what chains of such operations come to.
constexpr size_t kMostUsers = 6;
constexpr int kLongestChain = 3;
// Operands smaller than the result by this are found in the cache.
constexpr int64_t kSmall = 8;

bool isOneInstruction(Operation* op) {
  // Conversions to and from 16 bits are around what is computed in f32.
  if (auto conversion = dyn_cast<ir::CastOp>(op))
    return ir::isHalf(conversion.getInput().getType().getElementType()) || ir::isHalf(conversion.getTo());
  return isa<ir::AddOp, ir::SubOp, ir::MulOp, ir::NegOp>(op);
}

/// The one operand that is as large as the result, if the others are small.
Value largeOperand(Operation* op) {
  const RankedTensorType type = ir::tensorType(op->getResult(0));
  Value large;
  for (Value operand : op->getOperands()) {
    const RankedTensorType own = ir::tensorType(operand);
    if (splatOf(operand) || own.getNumElements() <= type.getNumElements() / kSmall)
      continue;
    if ((large && large != operand) || !samePositions(own, type))
      return {};
    large = operand;
  }
  return large;
}

/// True if `value` is in memory whatever becomes of `user`, or is repeated in turn.
bool isAtHand(Value value, Operation* user, int depth = kLongestChain) {
  Operation* op = value.getDefiningOp();
  if (!op || llvm::any_of(value.getUsers(), [&](Operation* other) { return other != user; }))
    return true;
  const Value large = depth > 1 && isOneInstruction(op) ? largeOperand(op) : Value();
  return large && isAtHand(large, op, depth - 1);
}

/// True if a kernel that holds `user` computes an operand where it reads it, once for each element.
bool computesOperand(Operation* user, Value operand) {
  switch (fusionClassOf(user)) {
  case ir::FusionClass::pointwise:
    return user->getNumResults() == 1 &&
           samePositions(ir::tensorType(user->getResult(0)), ir::tensorType(operand));
  case ir::FusionClass::movement:
    return isa<ir::ConvertLayoutOp>(user);
  case ir::FusionClass::reduction:
    return true;
  default:
    return false;
  }
}

void repeat(Operation* op) {
  const Value result = op->getResult(0);
  llvm::SetVector<Operation*> users;
  users.insert_range(result.getUsers());
  if (users.size() < 2 || users.size() > kMostUsers ||
      !llvm::all_of(users, [&](Operation* user) { return computesOperand(user, result); }))
    return;
  const Value large = largeOperand(op);
  if (!large || !isAtHand(large, op))
    return;
  for (Operation* user : users) {
    OpBuilder builder(user);
    user->replaceUsesOfWith(result, builder.clone(*op)->getResult(0));
  }
  op->erase();
}

struct RepeatCheapProducers : FunctionPass<RepeatCheapProducers> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(RepeatCheapProducers)
  StringRef getArgument() const final { return "sinter-repeat-cheap-producers"; }
  StringRef getDescription() const final {
    return "sums and products with a column, once for each kernel that reads them";
  }

  // From the end: what is repeated may itself be computed from what can be.
  void runOnOperation() override {
    if (getOperation().isExternal())
      return;
    for (Operation& op : llvm::make_early_inc_range(llvm::reverse(getOperation().getBody().front())))
      if (isOneInstruction(&op))
        repeat(&op);
  }
};

} // namespace

std::unique_ptr<Pass> createRepeatCheapProducersPass() {
  return std::make_unique<RepeatCheapProducers>();
}

} // namespace sinter::passes
