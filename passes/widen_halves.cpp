// f16 and bf16 become f32 inside functions, for kernels that have no arithmetic on them.
//
// Parameters and results of functions keep their types, and a conversion to 16 bits that the program asks for
// rounds all the same. Otherwise what was rounded after every operation is not any more.
#include "passes/constants.h"

using namespace mlir;

namespace sinter::passes {
namespace {

bool isHalf(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && ir::isHalf(tensor.getElementType());
}

Type widened(Type type) {
  return isHalf(type) ? cast<RankedTensorType>(type).clone(Float32Type::get(type.getContext())) : type;
}

struct WidenHalves : FunctionPass<WidenHalves> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(WidenHalves)
  StringRef getArgument() const final { return "sinter-widen-halves"; }
  StringRef getDescription() const final { return "compute in f32 what is written in f16 and bf16"; }

  void runOnOperation() override {
    if (getOperation().isExternal())
      return;
    IRRewriter rewriter(&getContext());
    Block& body = getOperation().getBody().front();
    const SmallVector<Type> results(body.getTerminator()->getOperandTypes());
    getOperation().walk<WalkOrder::PreOrder>([&](Operation* op) {
      for (Region& region : op->getRegions())
        for (Block& block : region)
          widen(block, /*isInterface=*/&block == &body, rewriter);
    });
    Operation* end = body.getTerminator();
    for (auto [operand, type] : llvm::zip(end->getOpOperands(), results))
      if (operand.get().getType() != type) {
        rewriter.setInsertionPoint(end);
        operand.set(narrowed(operand.get(), cast<RankedTensorType>(type), rewriter));
      }
  }

  static void widen(Block& block, bool isInterface, IRRewriter& rewriter) {
    SmallVector<Operation*> operations(llvm::make_pointer_range(block.without_terminator()));
    for (BlockArgument argument : block.getArguments())
      if (!isInterface)
        argument.setType(widened(argument.getType()));
      else if (isHalf(argument.getType()))
        widenUses(argument, rewriter);
    for (Operation* op : operations)
      for (Value result : op->getResults())
        if (isa<ir::ConstantOp, ir::CastOp>(op) && isHalf(result.getType()))
          widenUses(result, rewriter);
        else
          result.setType(widened(result.getType()));
  }

  static void widenUses(Value value, IRRewriter& rewriter) {
    rewriter.setInsertionPointAfterValue(value);
    auto conversion =
        ir::CastOp::create(rewriter, value.getLoc(), widened(value.getType()), value, rewriter.getF32Type());
    value.replaceAllUsesExcept(conversion.getResult(), conversion);
  }

  // What was converted for nothing but to be given back is not.
  static Value narrowed(Value value, RankedTensorType type, IRRewriter& rewriter) {
    auto conversion = value.getDefiningOp<ir::CastOp>();
    if (conversion && conversion.getInput().getType() == type)
      return conversion.getInput();
    return ir::CastOp::create(rewriter, value.getLoc(), type, value, type.getElementType());
  }
};

} // namespace

std::unique_ptr<Pass> createWidenHalvesPass() {
  return std::make_unique<WidenHalves>();
}

} // namespace sinter::passes
