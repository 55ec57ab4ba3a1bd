// Computes again what would have to be kept, until a program does with the memory it may have.
//
// As in Jain et al., Checkmate (2020), what is kept and what is computed again is decided on the program as
// it will run; but greedily: at the step that needs most, the tensor that waits there for a later step and
// frees most bytes for the time it takes to compute it again is computed again, just before that step.
#include "ir/control_flow.h"
#include "passes/fusion_region.h"
#include "passes/lifetimes.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

#include <numeric>

using namespace mlir;

namespace sinter::passes {
namespace {

// What one core does in a second: what counts is which of two kernels takes longer.
constexpr double kFlops = 80e9, kBytes = 8e9, kLaunch = 2e-6;
// Of a tensor that is computed again, so much may be kept as its operands.
constexpr int64_t kKeptPart = 8;
constexpr size_t kMostRecomputed = 24;
constexpr size_t kMostGrowth = 6;

/// What to compute again for a tensor, and what that is worth.
struct Candidate {
  Value value;
  size_t use = 0;                        ///< the first step that reads it after the one that needs most
  llvm::SetVector<Operation*> recompute; ///< launches and reshapes
  int64_t gain = 0;
  double seconds = 0;
};

class Program {
public:
  explicit Program(func::FuncOp function) : function_(function) {
    for (auto kernel : function->getParentOfType<ModuleOp>().getOps<ir::KernelOp>())
      for (Operation& op : kernel.getBody().front())
        if (auto fusion = dyn_cast<ir::FusionOpInterface>(op))
          flops_[kernel.getSymNameAttr()] += fusion.getFlops();
  }

  LogicalResult analyze() {
    FailureOr<Lifetimes> found = Lifetimes::of(function_);
    if (failed(found))
      return failure();
    lifetimes_ = std::move(*found);
    number_.clear();
    for (auto [number, step] : llvm::enumerate(lifetimes_.steps()))
      number_[step] = number;
    needed_.assign(lifetimes_.steps().size() + 1, 0);
    for (const ArenaBuffer& buffer : lifetimes_.buffers())
      for (const ArenaPart& part : buffer.parts) {
        needed_[static_cast<size_t>(part.first)] += part.bytes;
        needed_[static_cast<size_t>(part.last) + 1] -= part.bytes;
      }
    std::partial_sum(needed_.begin(), needed_.end(), needed_.begin());
    peak_ = static_cast<size_t>(std::max_element(needed_.begin(), needed_.end()) - needed_.begin());
    return success();
  }

  int64_t peakBytes() const { return needed_[peak_]; }
  /// The bytes that are needed most, and at how many steps: what every change must lessen, or changes would
  /// follow each other without end.
  std::pair<int64_t, int64_t> pressure() const { return {peakBytes(), llvm::count(needed_, peakBytes())}; }
  Operation* peakStep() const { return lifetimes_.steps()[peak_]; }
  size_t steps() const { return lifetimes_.steps().size(); }
  int64_t packedBytes() const {
    SmallVector<ArenaBuffer> buffers = lifetimes_.buffers();
    return packArena(buffers);
  }

  /// What could be computed again after the step that needs most, the best first.
  std::vector<Candidate> candidates() const {
    std::vector<Candidate> found;
    for (size_t i = 0; i < peak_; ++i)
      if (auto launch = dyn_cast<ir::LaunchOp>(lifetimes_.steps()[i]))
        if (launch->getNumResults() == 1 && lifetimes_.isAlone(launch.getResult(0)))
          if (Candidate candidate = candidateOf(launch.getResult(0)); candidate.gain > 0)
            found.push_back(std::move(candidate));
    // Equal ones in the order of the program, so that the same program always becomes the same.
    llvm::sort(found, [](const Candidate& a, const Candidate& b) {
      const double left = static_cast<double>(a.gain) / a.seconds,
                   right = static_cast<double>(b.gain) / b.seconds;
      return left != right ? left > right : a.value.getDefiningOp()->isBeforeInBlock(b.value.getDefiningOp());
    });
    return found;
  }

  /// A change of the program that can be taken back.
  struct Change {
    SmallVector<Operation*> made;
    SmallVector<std::pair<OpOperand*, Value>> replaced;

    void undo() {
      for (auto [operand, value] : replaced)
        operand->set(value);
      for (Operation* op : llvm::reverse(made))
        op->erase();
    }
  };

  Change apply(const Candidate& candidate) const {
    Change change;
    Operation* before = lifetimes_.steps()[candidate.use];
    SmallVector<Operation*> ordered(candidate.recompute.begin(), candidate.recompute.end());
    llvm::sort(ordered, [](Operation* a, Operation* b) { return a->isBeforeInBlock(b); });
    OpBuilder builder(before);
    IRMapping mapping;
    for (Operation* op : ordered)
      change.made.push_back(builder.clone(*op, mapping));
    replaceLater(candidate.value, mapping.lookup(candidate.value), candidate.use, builder, change);
    return change;
  }

  /// What was computed before it was needed at all, and now is computed later.
  void eraseUnread() {
    for (Operation& op : llvm::make_early_inc_range(llvm::reverse(function_.getBody().front())))
      if (isOpTriviallyDead(&op))
        op.erase();
  }

private:
  static int64_t bytesOf(Value value) { return ir::storedBytes(ir::tensorType(value)); }

  /// Calls `visit` with the number of every step that reads `value`, also by way of reshapes.
  void forEachRead(Value value, llvm::function_ref<void(size_t)> visit) const {
    for (Operation* user : value.getUsers()) {
      if (const auto step = number_.find(user); step != number_.end())
        visit(step->second);
      else if (isa<ir::ReshapeOp>(user))
        forEachRead(user->getResult(0), visit);
    }
  }

  Candidate candidateOf(Value value) const {
    Candidate candidate;
    size_t next = steps();
    bool isRead = false;
    forEachRead(value, [&](size_t step) {
      isRead |= step == peak_;
      if (step > peak_)
        next = std::min(next, step);
    });
    if (isRead || next == steps())
      return candidate;
    candidate.value = value;
    candidate.use = next;
    candidate.gain = bytesOf(value);
    if (!addProducer(value, candidate))
      candidate.gain = 0;
    return candidate;
  }

  /// Adds what computes `value` again; false if that is too much, or nothing that can be.
  bool addProducer(Value value, Candidate& candidate) const {
    Operation* op = value.getDefiningOp();
    if (candidate.recompute.contains(op))
      return true;
    if (!isa<ir::LaunchOp, ir::ReshapeOp>(op) || candidate.recompute.size() >= kMostRecomputed)
      return false;
    candidate.recompute.insert(op);
    if (auto launch = dyn_cast<ir::LaunchOp>(op)) {
      const double flops = flops_.lookup(launch.getKernelAttr().getAttr());
      candidate.seconds += kLaunch + std::max(flops / kFlops, ir::operandAndResultBytes(launch) / kBytes);
    }
    return llvm::all_of(op->getOperands(), [&](Value operand) { return addOperand(operand, candidate); });
  }

  /// An operand is there at the step that needs most, is kept until then because it is small, or is computed
  /// again as well.
  bool addOperand(Value operand, Candidate& candidate) const {
    if (isThere(operand))
      return true;
    Value root = aliasRoot(operand);
    if (bytesOf(root) <= bytesOf(candidate.value) / kKeptPart) {
      candidate.gain -= bytesOf(root);
      return true;
    }
    return addProducer(operand, candidate);
  }

  /// True for what takes no more memory where most is needed if it is read later.
  bool isThere(Value value) const {
    for (const Slice& leaf : leavesOf(value)) {
      Operation* op = leaf.value.getDefiningOp();
      if (!number_.contains(op) || !lifetimes_.isInArena(leaf.value))
        continue; // an input, a constant or an output
      bool isKept = false;
      forEachRead(leaf.value, [&](size_t step) { isKept |= step >= peak_; });
      if (!isKept)
        return false;
    }
    return true;
  }

  /// Has the steps from `first` on that read `value` read `again`.
  void replaceLater(Value value, Value again, size_t first, OpBuilder& builder, Change& change) const {
    SmallVector<OpOperand*> uses;
    for (OpOperand& use : value.getUses())
      uses.push_back(&use);
    for (OpOperand* use : uses) {
      Operation* user = use->getOwner();
      if (const auto step = number_.find(user); step != number_.end()) {
        if (step->second >= first) {
          change.replaced.push_back({use, value});
          use->set(again);
        }
      } else if (isa<ir::ReshapeOp>(user) && !llvm::is_contained(change.made, user)) {
        bool isLater = false;
        forEachRead(user->getResult(0), [&](size_t step) { isLater |= step >= first; });
        if (!isLater)
          continue;
        IRMapping mapping;
        mapping.map(value, again);
        change.made.push_back(builder.clone(*user, mapping));
        replaceLater(user->getResult(0), change.made.back()->getResult(0), first, builder, change);
      }
    }
  }

  func::FuncOp function_;
  DenseMap<StringAttr, double> flops_;
  Lifetimes lifetimes_;
  DenseMap<Operation*, size_t> number_;
  std::vector<int64_t> needed_; // bytes, by step
  size_t peak_ = 0;
};

struct LimitMemory : ModulePass<LimitMemory> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LimitMemory)
  LimitMemory() = default;
  explicit LimitMemory(int64_t bytes) { this->bytes = bytes; }
  LimitMemory(const LimitMemory& other) : ModulePass<LimitMemory>(other) {}

  StringRef getArgument() const final { return "sinter-limit-memory"; }
  StringRef getDescription() const final {
    return "compute again what would have to be kept, until memory suffices";
  }
  Option<int64_t> bytes{*this, "bytes", llvm::cl::desc("what the arena may take"), llvm::cl::init(0)};

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal() && failed(limit(function)))
        return signalPassFailure();
  }

private:
  // The arena may be larger than what is alive at once: then less must be.
  LogicalResult limit(func::FuncOp function) const {
    Program program(function);
    if (failed(program.analyze()))
      return failure();
    const size_t before = program.steps();
    int64_t packed = 0;
    for (int64_t target = bytes;;) {
      while (program.peakBytes() > target)
        if (program.steps() > kMostGrowth * before || failed(improve(program)))
          return program.peakStep()->emitError("memory_limit is ")
                 << bytes.getValue() << " bytes, but " << std::max(program.peakBytes(), packed)
                 << " are needed here, with all computed again that can be";
      packed = program.packedBytes();
      if (packed <= bytes)
        return success();
      target = std::min(target, program.peakBytes()) - (packed - bytes);
    }
  }

  /// One tensor less to keep where most is needed.
  static LogicalResult improve(Program& program) {
    const auto before = program.pressure();
    for (const Candidate& candidate : program.candidates()) {
      Program::Change change = program.apply(candidate);
      if (failed(program.analyze()))
        return failure();
      if (program.pressure() < before) {
        program.eraseUnread();
        return program.analyze();
      }
      change.undo();
      if (failed(program.analyze()))
        return failure();
    }
    return failure();
  }
};

} // namespace

std::unique_ptr<Pass> createLimitMemoryPass(int64_t bytes) {
  return std::make_unique<LimitMemory>(bytes);
}

} // namespace sinter::passes
