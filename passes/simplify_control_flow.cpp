// Branches and loops that do less: what a body does not use does not go in, what nobody reads does not come
// out.
#include "passes/constants.h"

#include "ir/control_flow.h"

#include "llvm/ADT/BitVector.h"

using namespace mlir;

namespace sinter::passes {
namespace {

void eraseArguments(Operation* op, unsigned number) {
  for (Region& body : op->getRegions())
    body.front().eraseArgument(number);
}

bool isUsed(Operation* op, unsigned number) {
  return llvm::any_of(op->getRegions(), [&](Region& body) { return !body.getArgument(number).use_empty(); });
}

/// A constant of the program around becomes one of the bodies.
void repeatInside(Operation* op, unsigned number, ir::ConstantOp constant) {
  for (Region& body : op->getRegions()) {
    OpBuilder builder = OpBuilder::atBlockBegin(&body.front());
    body.getArgument(number).replaceAllUsesWith(builder.clone(*constant)->getResult(0));
  }
}

/// Drops those of `operands` that no body uses, or, with `mayRepeat`, that are constants; `first` is the
/// number of the first one's argument.
bool dropOperands(Operation* op, MutableOperandRange operands, unsigned first, bool mayRepeat) {
  bool changed = false;
  for (unsigned i = operands.size(); i-- > 0;) {
    auto constant = operands[i].get().getDefiningOp<ir::ConstantOp>();
    if (mayRepeat && constant && isUsed(op, first + i))
      repeatInside(op, first + i, constant);
    if (isUsed(op, first + i))
      continue;
    operands.erase(i);
    eraseArguments(op, first + i);
    changed = true;
  }
  return changed;
}

struct DropOperands : RewritePattern {
  explicit DropOperands(MLIRContext* context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
  LogicalResult matchAndRewrite(Operation* op, PatternRewriter& rewriter) const override {
    if (!ir::isControlFlow(op))
      return failure();
    bool changed = false;
    rewriter.startOpModification(op);
    if (auto cond = dyn_cast<ir::CondOp>(op)) {
      changed = dropOperands(op, cond.getInputsMutable(), 0, true);
    } else if (auto loop = dyn_cast<ir::WhileOp>(op)) {
      changed = dropOperands(op, loop.getInvariantsMutable(), static_cast<unsigned>(loop.getCarries().size()),
                             true);
    } else {
      auto scan = cast<ir::ScanOp>(op);
      const auto carries = static_cast<unsigned>(scan.getCarries().size());
      changed = dropOperands(op, scan.getInvariantsMutable(),
                             carries + static_cast<unsigned>(scan.getSequences().size()), true);
      changed |= dropOperands(op, scan.getSequencesMutable(), carries, false);
    }
    changed ? rewriter.finalizeOpModification(op) : rewriter.cancelOpModification(op);
    return success(changed);
  }
};

/// What a body yields in the places of `kept`.
void keepYielded(Region& body, const BitVector& kept) {
  Operation* yield = body.front().getTerminator();
  SmallVector<Value> values;
  for (const unsigned i : kept.set_bits())
    values.push_back(yield->getOperand(i));
  yield->setOperands(values);
}

void replaceKept(Operation* op, Operation* by, const BitVector& kept, PatternRewriter& rewriter) {
  unsigned next = 0;
  for (const unsigned i : kept.set_bits())
    rewriter.replaceAllUsesWith(op->getResult(i), by->getResult(next++));
  rewriter.eraseOp(op);
}

std::unique_ptr<Region> taken(Region& body) {
  auto region = std::make_unique<Region>();
  region->takeBody(body);
  return region;
}

BitVector readResults(Operation* op) {
  BitVector read(op->getNumResults());
  for (OpResult result : op->getResults())
    if (!result.use_empty())
      read.set(result.getResultNumber());
  return read;
}

struct DropBranchResults : OpRewritePattern<ir::CondOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ir::CondOp op, PatternRewriter& rewriter) const override {
    const BitVector kept = readResults(op);
    if (kept.all() || kept.none())
      return failure();
    for (Region& body : op->getRegions())
      keepYielded(body, kept);
    Operation* less = ir::createCond(rewriter, op.getLoc(), op.getPredicate(), op.getInputs(),
                                     taken(op.getThenBody()), taken(op.getElseBody()));
    replaceKept(op, less, kept, rewriter);
    return success();
  }
};

/// Adds to `live`, values a body yields, the carries that those are computed from in further rounds.
void addCarries(Region& body, unsigned carries, BitVector& live) {
  Operation* yield = body.front().getTerminator();
  for (bool changed = true; changed;) {
    llvm::DenseSet<Value> needed;
    for (const unsigned i : live.set_bits())
      needed.insert(yield->getOperand(i));
    for (Operation& op : llvm::reverse(body.front().without_terminator()))
      if (llvm::any_of(op.getResults(), [&](Value result) { return needed.contains(result); }))
        needed.insert_range(op.getOperands());
    changed = false;
    for (unsigned i = 0; i < carries; ++i)
      if (!live[i] && needed.contains(body.getArgument(i))) {
        live.set(i);
        changed = true;
      }
  }
}

SmallVector<Value> kept(ValueRange values, const BitVector& which) {
  SmallVector<Value> result;
  for (auto [i, value] : llvm::enumerate(values))
    if (which[static_cast<unsigned>(i)])
      result.push_back(value);
  return result;
}

/// Erases the arguments of carries that are not live; what still computes with them is dead.
void eraseCarries(PatternRewriter& rewriter, Region& body, unsigned carries, const BitVector& live) {
  for (Operation& op : llvm::make_early_inc_range(llvm::reverse(body.front())))
    if (isOpTriviallyDead(&op))
      rewriter.eraseOp(&op);
  for (unsigned i = carries; i-- > 0;)
    if (!live[i])
      body.front().eraseArgument(i);
}

struct DropScanResults : OpRewritePattern<ir::ScanOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ir::ScanOp op, PatternRewriter& rewriter) const override {
    const auto carries = static_cast<unsigned>(op.getCarries().size());
    BitVector live = readResults(op);
    addCarries(op.getBody(), carries, live);
    if (live.all() || live.none())
      return failure();
    keepYielded(op.getBody(), live);
    eraseCarries(rewriter, op.getBody(), carries, live);
    Operation* less = ir::createScan(rewriter, op.getLoc(), kept(op.getCarries(), live), op.getSequences(),
                                     op.getInvariants(), static_cast<int64_t>(op.getSteps()), op.getReverse(),
                                     taken(op.getBody()));
    replaceKept(op, less, live, rewriter);
    return success();
  }
};

/// The first carry that every round leaves as it is, or none.
std::optional<unsigned> unchangedCarry(Region& body, size_t carries) {
  for (unsigned i = 0; i < carries; ++i)
    if (ir::yielded(body)[i] == body.getArgument(i))
      return i;
  return std::nullopt;
}

/// Makes the carry an invariant of the bodies: its argument the last.
void makeInvariant(Operation* op, unsigned carry) {
  for (Region& body : op->getRegions()) {
    Block& block = body.front();
    Value last = block.addArgument(block.getArgument(carry).getType(), op->getLoc());
    block.getArgument(carry).replaceAllUsesWith(last);
    block.eraseArgument(carry);
  }
}

BitVector allBut(Operation* op, unsigned number) {
  BitVector kept(op->getNumResults(), true);
  kept.reset(number);
  return kept;
}

struct UnchangedCarryOfScan : OpRewritePattern<ir::ScanOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ir::ScanOp op, PatternRewriter& rewriter) const override {
    const auto carry = unchangedCarry(op.getBody(), op.getCarries().size());
    if (!carry)
      return failure();
    const BitVector others = allBut(op, *carry);
    Value value = op.getCarries()[*carry];
    keepYielded(op.getBody(), others);
    makeInvariant(op, *carry);
    SmallVector<Value> invariants(op.getInvariants());
    invariants.push_back(value);
    Operation* less =
        ir::createScan(rewriter, op.getLoc(), kept(op.getCarries(), others), op.getSequences(), invariants,
                       static_cast<int64_t>(op.getSteps()), op.getReverse(), taken(op.getBody()));
    rewriter.replaceAllUsesWith(op.getResult(*carry), value);
    replaceKept(op, less, others, rewriter);
    return success();
  }
};

struct UnchangedCarryOfWhile : OpRewritePattern<ir::WhileOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ir::WhileOp op, PatternRewriter& rewriter) const override {
    const auto carry = unchangedCarry(op.getBody(), op.getCarries().size());
    if (!carry || op.getCarries().size() == 1)
      return failure();
    const BitVector others = allBut(op, *carry);
    Value value = op.getCarries()[*carry];
    keepYielded(op.getBody(), others);
    makeInvariant(op, *carry);
    SmallVector<Value> invariants(op.getInvariants());
    invariants.push_back(value);
    Operation* less = ir::createWhile(rewriter, op.getLoc(), kept(op.getCarries(), others), invariants,
                                      taken(op.getCondition()), taken(op.getBody()), op.getMaxIterations());
    rewriter.replaceAllUsesWith(op.getResult(*carry), value);
    replaceKept(op, less, others, rewriter);
    return success();
  }
};

struct KnownBranch : OpRewritePattern<ir::CondOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ir::CondOp op, PatternRewriter& rewriter) const override {
    const auto data = ir::constantData(op.getPredicate());
    if (!data)
      return failure();
    Region& body = *data->view.as<bool>() ? op.getThenBody() : op.getElseBody();
    rewriter.replaceOp(op, ir::inlineBody(rewriter, body, op.getInputs()));
    return success();
  }
};

struct SimplifyControlFlow : FunctionPass<SimplifyControlFlow> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SimplifyControlFlow)
  StringRef getArgument() const final { return "sinter-simplify-control-flow"; }
  StringRef getDescription() const final {
    return "drop what branches and loops do not need, and put constants inside";
  }

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<DropOperands, DropBranchResults, DropScanResults, UnchangedCarryOfScan,
                 UnchangedCarryOfWhile, KnownBranch>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

std::unique_ptr<Pass> createSimplifyControlFlowPass() {
  return std::make_unique<SimplifyControlFlow>();
}

} // namespace sinter::passes
