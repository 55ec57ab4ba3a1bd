// Chooses the layouts tensors have in memory.
//
// Contractions compute in the layouts of a policy: channels-blocked for micro-kernels, channels-last for
// tensor cores. The operations between them follow: whatever can compute in the arrangement its main input
// has, does so. A value that is needed row-major as well is converted back once.
//
// The pass walks the program once. For every value that lies so arranged it remembers the row-major value
// that later operations still name; those that want the arranged one take it, and conversions nobody wants
// are dead in the end.
#include "passes/constants.h"
#include "passes/layout_policy.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace sinter::passes {
namespace {

constexpr int64_t kMostBlock = 64; // no machine has vectors of more lanes

struct AssignLayout : FunctionPass<AssignLayout> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(AssignLayout)
  AssignLayout() = default;
  AssignLayout(int64_t block, bool propagate, bool channelsLast) {
    this->block = block;
    this->propagate = propagate;
    this->channelsLast = channelsLast;
  }
  AssignLayout(const AssignLayout& other) : FunctionPass<AssignLayout>(other) {}

  StringRef getArgument() const final { return "sinter-assign-layout"; }
  StringRef getDescription() const final { return "layouts for contractions and what lies between them"; }
  Option<int64_t> block{*this, "block", llvm::cl::desc("channels in a block"), llvm::cl::init(8)};
  Option<bool> propagate{*this, "propagate", llvm::cl::desc("let other operations follow"),
                         llvm::cl::init(true)};
  Option<bool> channelsLast{*this, "channels-last", llvm::cl::desc("for tensor cores; no blocks"),
                            llvm::cl::init(false)};

  void runOnOperation() override;

private:
  void assign(Operation* op);
  void assignContraction(Operation* op, const ContractionLayout& layout);
  void assignPointwise(Operation* op);
  void assignReduction(ir::ReductionOpInterface op);
  void assignBlockwise(Operation* op);

  ir::LayoutAttr arrangement(Value value) const { return policy->between(ir::tensorType(value)); }
  bool isArranged(Value value) const { return arrangedValues.contains(value); }
  Value converted(Value value, ir::LayoutAttr layout, Operation* user);
  Value arrangedOperand(Value value, Operation* user);
  Value operandIn(ir::LayoutAttr layout, Value value, Operation* user) {
    return layout == arrangement(value) ? arrangedOperand(value, user) : converted(value, layout, user);
  }
  void setResultLayout(Operation* op, ir::LayoutAttr layout);

  std::unique_ptr<LayoutPolicy> policy;
  DenseMap<Value, Value> arrangedValues; // row-major value -> the arranged value it was converted from
  DenseMap<Value, Value> conversions;    // row-major value -> its conversion to the arrangement
  DenseMap<std::pair<Value, Attribute>, Value> packed; // constant and layout -> the constant so stored
};

RankedTensorType withLayout(Value value, Attribute layout) {
  const RankedTensorType type = ir::tensorType(value);
  return RankedTensorType::get(type.getShape(), type.getElementType(), layout);
}

/// `value` under `layout`, converted before `user`. Constants are converted now, except where operations are
/// to run alone: an operation that knows nothing of the program around it does not know that its filter never
/// changes.
Value AssignLayout::converted(Value value, ir::LayoutAttr layout, Operation* user) {
  if (Value before = packed.lookup({value, layout}))
    return before;
  IRRewriter rewriter(user);
  Value source = arrangedValues.lookup(value);
  auto convert = ir::ConvertLayoutOp::create(rewriter, value.getLoc(), withLayout(value, layout),
                                             source ? source : value);
  if (!propagate)
    return convert;
  Value result = foldNow(rewriter, convert, /*bounded=*/false);
  if (isConstant(result))
    packed[{value, layout}] = result;
  return result;
}

Value AssignLayout::arrangedOperand(Value value, Operation* user) {
  if (!arrangement(value))
    return value;
  if (Value blocked = arrangedValues.lookup(value))
    return blocked;
  if (!propagate)
    return converted(value, arrangement(value), user);
  Value& conversion = conversions[value];
  if (!conversion)
    conversion = converted(value, arrangement(value), user);
  return conversion;
}

/// Stores the result of `op` under `layout`; everybody else goes on with a conversion back to row-major.
void AssignLayout::setResultLayout(Operation* op, ir::LayoutAttr layout) {
  Value result = op->getResult(0);
  if (!layout) {
    if (propagate)
      arrangedValues[result] = result;
    return;
  }
  const RankedTensorType rowMajor = ir::tensorType(result);
  result.setType(withLayout(result, layout));
  OpBuilder builder(op->getContext());
  builder.setInsertionPointAfter(op);
  auto back = ir::ConvertLayoutOp::create(builder, op->getLoc(), rowMajor, result);
  result.replaceAllUsesExcept(back, back);
  if (propagate && layout == arrangement(result))
    arrangedValues[back] = result;
}

void AssignLayout::assignContraction(Operation* op, const ContractionLayout& layout) {
  Value input = op->getOperand(0);
  if (layout.lhs) {
    // Few channels are read as they come: blocks would mostly be padding, and a conversion is a pass over
    // memory.
    const bool fewChannels =
        ir::tensorType(input).getRank() > 1 && ir::tensorType(input).getDimSize(1) < policy->block();
    if (!layout.lhsMayBeRowMajor || isArranged(input) || !fewChannels)
      op->setOperand(0, operandIn(layout.lhs, input, op));
  }
  if (layout.rhs)
    op->setOperand(1, operandIn(layout.rhs, op->getOperand(1), op));
  if (layout.result || !arrangement(op->getResult(0)))
    setResultLayout(op, layout.result);
}

/// Operands of the result's shape must lie as the result does; others broadcast and are read as they are,
/// unless their arranged form is at hand or a row-major read would jump from channel to channel.
void AssignLayout::assignPointwise(Operation* op) {
  const RankedTensorType type = ir::tensorType(op->getResult(0));
  const auto full = [&](Value value) { return ir::tensorType(value).getShape() == type.getShape(); };
  if (type.getRank() < 3 ||
      llvm::none_of(op->getOperands(), [&](Value v) { return full(v) && isArranged(v); }))
    return;
  for (OpOperand& operand : op->getOpOperands()) {
    Value value = operand.get();
    const RankedTensorType own = ir::tensorType(value);
    if (own.getRank() != type.getRank() || splatOf(value))
      continue;
    const bool jumps =
        own.getDimSize(1) > 1 && llvm::any_of(own.getShape().drop_front(2), [](int64_t d) { return d > 1; });
    if (full(value) || isArranged(value) || jumps)
      operand.set(arrangedOperand(value, op));
  }
  setResultLayout(op, arrangement(op->getResult(0)));
}

/// Blocks: a reduction over spatial dimensions keeps its channels blocked. Without keep_dims it is computed
/// with them, and reshaped.
void AssignLayout::assignReduction(ir::ReductionOpInterface op) {
  if (policy->isOrder()) {
    op->setOperand(0, arrangedOperand(op->getOperand(0), op));
    if (op.getKeepDims())
      setResultLayout(op, arrangement(op->getResult(0)));
    return;
  }
  const ArrayRef<int64_t> axes = op.getAxes();
  if (axes.empty() || axes[0] < 2)
    return;
  if (op.getKeepDims())
    return assignBlockwise(op);
  const RankedTensorType type = ir::tensorType(op->getResult(0));
  SmallVector<int64_t> shape(ir::tensorType(op->getOperand(0)).getShape());
  for (int64_t axis : axes)
    shape[static_cast<size_t>(axis)] = 1;
  OpBuilder builder(op->getContext());
  builder.setInsertionPointAfter(op);
  auto reshape = ir::ReshapeOp::create(builder, op->getLoc(), type, op->getResult(0), type.getShape());
  op->getResult(0).replaceAllUsesExcept(reshape, reshape);
  op.setKeepDims(true);
  op->getResult(0).setType(type.clone(shape));
  assignBlockwise(op);
}

/// Runs `op`, which computes the same on arranged tensors, so if most of its operands are arranged already.
void AssignLayout::assignBlockwise(Operation* op) {
  const auto arranged = llvm::count_if(op->getOperands(), [&](Value operand) { return isArranged(operand); });
  const auto either = llvm::count_if(op->getOperands(), [&](Value operand) {
    return !isArranged(operand) && !arrangement(operand); // lies as is wanted by itself
  });
  if (arranged == 0 || 2 * (arranged + either) < op->getNumOperands())
    return;
  for (OpOperand& operand : op->getOpOperands())
    operand.set(arrangedOperand(operand.get(), op));
  setResultLayout(op, arrangement(op->getResult(0)));
}

void AssignLayout::assign(Operation* op) {
  if (auto layout = policy->of(op))
    return assignContraction(op, *layout);
  if (!propagate || op->getNumOperands() == 0 || op->getNumResults() != 1)
    return;
  if (auto blockwise = dyn_cast<ir::LayoutOpInterface>(op);
      blockwise && blockwise.runsBlocked(policy->block()))
    return assignBlockwise(op);
  if (isa<ir::PointwiseOpInterface>(op))
    return assignPointwise(op);
  if (auto reduction = dyn_cast<ir::ReductionOpInterface>(op); reduction && isArranged(op->getOperand(0)))
    assignReduction(reduction);
}

void AssignLayout::runOnOperation() {
  if (block < 1 || block > kMostBlock) {
    emitError(getOperation().getLoc())
        << "layouts have blocks of 1 to " << kMostBlock << " channels, not of " << block.getValue();
    return signalPassFailure();
  }
  if (getOperation().isExternal())
    return;
  policy = channelsLast ? channelsLastLayouts() : blockedLayouts(block);
  arrangedValues.clear();
  conversions.clear();
  packed.clear();
  try {
    for (Operation& op : llvm::make_early_inc_range(getOperation().getBody().front()))
      assign(&op);
  } catch (const Error& error) {
    getOperation().emitError() << "layouts cannot be assigned: " << error.what();
    return signalPassFailure();
  }
  for (Operation& op : llvm::make_early_inc_range(llvm::reverse(getOperation().getBody().front())))
    if (isOpTriviallyDead(&op))
      op.erase();
}

} // namespace

std::unique_ptr<Pass> createAssignLayoutPass(int64_t block, bool propagate, bool channelsLast) {
  return std::make_unique<AssignLayout>(block, propagate, channelsLast);
}

} // namespace sinter::passes
