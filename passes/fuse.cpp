// Decides which operations make one kernel.
//
// A kernel has at most one root. First every root takes the pointwise operations after it (they are computed
// while the element is in a register), then roots that read elements one by one take what comes before them,
// and what is left gathers into kernels without a root. A kernel has one result, and nothing is computed
// twice.
#include "ir/control_flow.h"
#include "passes/contraction_layout.h"
#include "passes/fusion_region.h"

#include "passes/constants.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace sinter::passes {
namespace {

using ir::FusionClass;

constexpr size_t kMostOperations = 48; // keeps a kernel's registers and compile time in bounds
constexpr size_t kMostTentative = 12;
// A pooling window may recompute what it reads this often; beyond, storing it once is cheaper.
constexpr double kMostRecomputation = 2.5;

/// Operations that become one kernel.
struct Group {
  Operation* root = nullptr; ///< the operation that sets the structure, or null
  Operation* last = nullptr; ///< whose result is the kernel's
  llvm::SetVector<Operation*> ops;
  /// Operations computed once for every position at which the root, or the kernel's result, is.
  llvm::SmallPtrSet<Operation*, 16> anchored;

  bool holds(Operation* op) const { return ops.contains(op); }
  RankedTensorType type() const { return ir::tensorType(last->getResult(0)); }
};

bool isPointwise(Operation* op) {
  return fusionClassOf(op) == FusionClass::pointwise && op->getNumResults() == 1;
}

bool isRoot(Operation* op) {
  auto fusion = dyn_cast<ir::FusionOpInterface>(op);
  return fusion && fusion.isRoot();
}

/// Movement that joins kernels.
bool isMovement(Operation* op) {
  return fusionClassOf(op) == FusionClass::movement && !isRoot(op);
}

/// A conversion of f16 or bf16, which reads as many bytes as it is given for each element, not as it gives.
bool isWidening(Operation* op) {
  auto conversion = dyn_cast<ir::CastOp>(op);
  return conversion && ir::isHalf(conversion.getInput().getType().getElementType());
}

bool givesHalf(Operation* op) {
  return ir::isHalf(ir::tensorType(op->getResult(0)).getElementType());
}

bool isReturned(Operation* op) {
  return llvm::any_of(op->getUsers(),
                      [](Operation* user) { return user->hasTrait<OpTrait::IsTerminator>(); });
}

double elements(Value value) {
  return static_cast<double>(ir::tensorType(value).getNumElements());
}

/// True if `op` reads the elements of operand `number` about once each.
bool readsOnce(Operation* op, unsigned number) {
  Value operand = op->getOperand(number);
  switch (fusionClassOf(op)) {
  case FusionClass::pointwise:
    return elements(op->getResult(0)) <= elements(operand);
  case FusionClass::movement:
    return elements(op->getResult(0)) <= 1.25 * elements(operand);
  case FusionClass::reduction:
    return true;
  case FusionClass::normalization:
    return number == 0;
  case FusionClass::window:
    return cast<ir::FusionOpInterface>(op).getFlops() <= kMostRecomputation * elements(operand);
  case FusionClass::scatter:
    return number != 1; // every task reads all indices
  default:
    return false;
  }
}

class Fuser {
public:
  explicit Fuser(Block& block) : block(block) {
    int64_t position = 0;
    for (Operation& op : block)
      positions[&op] = position++;
  }

  void run() {
    SmallVector<Operation*> operations;
    for (Operation& op : llvm::reverse(block))
      operations.push_back(&op);
    // From the end: where two roots meet in an addition, the later one takes it, and the earlier one's result
    // is ready.
    SmallVector<Group*> rooted;
    for (Operation* op : operations)
      if (isRoot(op))
        rooted.push_back(&open(op, op));
    for (Group* group : rooted)
      while (takesEpilogue(group->root) && extendEpilogue(*group))
        ;
    for (Group* group : rooted)
      absorbSideChains(*group);
    for (Group* group : rooted)
      if (takesPrologue(group->root))
        absorbProducers(*group);
    for (Operation* op : operations)
      if (!groupOf.lookup(op) && (isPointwise(op) || isMovement(op)))
        absorbProducers(open(op, nullptr));
  }

  void separate() {
    for (Operation& op : block)
      if (isRoot(&op) || isPointwise(&op) || isMovement(&op))
        open(&op, isRoot(&op) ? &op : nullptr);
  }

  void materialize() {
    for (auto& group : groups) {
      SmallVector<Operation*> ops(group->ops.begin(), group->ops.end());
      llvm::sort(ops, [&](Operation* a, Operation* b) { return positions[a] < positions[b]; });
      createFusion(ops, group->root);
    }
  }

private:
  Group& open(Operation* op, Operation* root) {
    groups.push_back(std::make_unique<Group>());
    Group& group = *groups.back();
    group.root = root;
    group.last = op;
    add(group, op);
    group.anchored.insert(op);
    return group;
  }

  void add(Group& group, Operation* op) {
    if (op->use_empty() || llvm::all_of(op->getUses(), [&](OpOperand& use) { return isAnchor(group, use); }))
      group.anchored.insert(op);
    group.ops.insert(op);
    groupOf[op] = &group;
  }

  /// True if `use` reads its operand at the one position its user is computed for.
  static bool isAnchor(const Group& group, OpOperand& use) {
    Operation* user = use.getOwner();
    if (!group.holds(user) || user == group.root)
      return use.get().hasOneUse();
    return isPointwise(user) && group.anchored.contains(user) &&
           samePositions(ir::tensorType(user->getResult(0)), ir::tensorType(use.get()));
  }

  /// Contractions read panels of memory, and movements that are roots several tensors.
  static bool takesPrologue(Operation* root) {
    return fusionClassOf(root) != FusionClass::contraction && fusionClassOf(root) != FusionClass::movement;
  }

  /// Sums that are spread over the result are complete when the kernel ends.
  static bool takesEpilogue(Operation* root) { return fusionClassOf(root) != FusionClass::scatter; }

  /// May `op` be computed at the positions of the kernel's result, after its root?
  bool mayFollow(const Group& group, Operation* op) const {
    return isPointwise(op) && !groupOf.lookup(op) &&
           samePositions(ir::tensorType(op->getResult(0)), group.type());
  }

  bool extendEpilogue(Group& group);
  void absorbSideChains(Group& group);
  void absorbProducers(Group& group);
  bool mayPrecede(const Group& group, Operation* op) const;
  bool allUsersInside(const Group& group, Operation* op) const {
    return llvm::all_of(op->getUsers(), [&](Operation* user) { return group.holds(user); });
  }

  Block& block;
  DenseMap<Operation*, int64_t> positions;
  std::vector<std::unique_ptr<Group>> groups;
  DenseMap<Operation*, Group*> groupOf;
};

/// Takes the pointwise operations that use the group's result, as many as it needs until one value leaves the
/// kernel again: for x * sigmoid(x), both.
bool Fuser::extendEpilogue(Group& group) {
  SmallVector<Operation*> added;
  const auto inside = [&](Operation* op) { return group.holds(op) || llvm::is_contained(added, op); };
  while (added.size() < kMostTentative && group.ops.size() + added.size() < kMostOperations) {
    Operation* next = nullptr;
    const auto earliest = [&](Operation* producer) {
      for (Operation* user : producer->getUsers())
        if (!inside(user) && (!next || positions[user] < positions[next]))
          next = user;
    };
    earliest(group.last);
    llvm::for_each(added, earliest);
    if (!next || !mayFollow(group, next))
      return false;
    added.push_back(next);
    const auto closed = [&](Operation* producer) { return llvm::all_of(producer->getUsers(), inside); };
    // The micro-kernels store elements of the type they accumulate in; those have none of 16 bits. A
    // conversion from 16 bits waits for the kernel that reads it: in between, 16 bits are stored.
    const bool storable = (!group.root || fusionClassOf(group.root) != FusionClass::contraction ||
                           ir::tensorType(next->getResult(0)) == group.type() || givesHalf(group.root)) &&
                          (!isWidening(next) || isReturned(next));
    if (!storable || !closed(group.last) || !llvm::all_of(ArrayRef(added).drop_back(), closed))
      continue;
    for (Operation* op : added)
      add(group, op);
    group.anchored.insert_range(added);
    group.last = next;
    return true;
  }
  return false;
}

/// Pointwise chains whose only use is an epilogue are computed there.
void Fuser::absorbSideChains(Group& group) {
  for (size_t i = 0; i < group.ops.size(); ++i) {
    Operation* op = group.ops[i];
    if (op == group.root)
      continue;
    for (Value operand : op->getOperands()) {
      Operation* producer = operand.getDefiningOp();
      if (producer && group.ops.size() < kMostOperations && mayFollow(group, producer) &&
          allUsersInside(group, producer) && !llvm::is_contained(producer->getUsers(), group.root))
        add(group, producer);
    }
  }
}

/// True if one place reads `op`, be it more than once: x in x * x.
bool isReadAtOnePosition(Operation* op) {
  Operation* user = *op->getUsers().begin();
  return op->hasOneUse() ||
         (isPointwise(user) && llvm::all_equal(op->getUsers()) &&
          samePositions(ir::tensorType(user->getResult(0)), ir::tensorType(op->getResult(0))));
}

/// May `op`, all of whose users are in the group, be computed where they read it?
bool Fuser::mayPrecede(const Group& group, Operation* op) const {
  if (groupOf.lookup(op) || op->getBlock() != &block || (!isPointwise(op) && !isMovement(op)))
    return false;
  const bool shared = !isReadAtOnePosition(op);
  for (OpOperand& use : op->getUses()) {
    Operation* user = use.getOwner();
    // To convert an element again costs as much as to load it again.
    if (isPointwise(op) && !isWidening(op) && !readsOnce(user, use.getOperandNumber()))
      return false;
    // Read at several positions, an element would be computed for each of them.
    if (shared && !isAnchor(group, use))
      return false;
    if (user != group.root)
      continue;
    const FusionClass root = fusionClassOf(user);
    if (isMovement(op) && root != FusionClass::reduction &&
        (!cast<ir::FusionOpInterface>(op).keepsNeighbours() || use.getOperandNumber() != 0))
      return false;
  }
  return true;
}

void Fuser::absorbProducers(Group& group) {
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 0; i < group.ops.size(); ++i)
      for (Value operand : group.ops[i]->getOperands()) {
        Operation* producer = operand.getDefiningOp();
        if (!producer || group.ops.size() >= kMostOperations || group.holds(producer) ||
            !allUsersInside(group, producer) || !mayPrecede(group, producer))
          continue;
        add(group, producer);
        changed = true;
      }
  }
}

struct Fuse : FunctionPass<Fuse> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Fuse)
  Fuse() = default;
  explicit Fuse(bool fuse) { this->fuse = fuse; }
  Fuse(const Fuse& other) : FunctionPass<Fuse>(other) {}

  StringRef getArgument() const final { return "sinter-fuse"; }
  StringRef getDescription() const final { return "gather operations into kernels"; }
  Option<bool> fuse{*this, "fuse", llvm::cl::desc("false: one operation per kernel"), llvm::cl::init(true)};

  void runOnOperation() override {
    if (getOperation().isExternal())
      return;
    Block& block = getOperation().getBody().front();
    Fuser fuser(block);
    fuse ? fuser.run() : fuser.separate();
    fuser.materialize();
    ownReturnedValues(block);
    for (Operation& op : llvm::make_early_inc_range(llvm::reverse(block)))
      if (isOpTriviallyDead(&op))
        op.erase();
    for (Operation& op : block)
      if (failed(checkCompilable(&op)))
        return signalPassFailure();
  }

  /// Outputs of a program are distinct tensors of its own: what is not computed by it is copied.
  static void ownReturnedValues(Block& block) {
    Operation* terminator = block.getTerminator();
    llvm::SmallPtrSet<Value, 4> returned;
    for (OpOperand& operand : terminator->getOpOperands()) {
      Value root = aliasRoot(operand.get());
      if (!isComputed(root) || !returned.insert(root).second)
        operand.set(createCopy(operand.get(), terminator));
    }
  }

  static bool isComputed(Value root) {
    auto concat = root.getDefiningOp<ir::ConcatOp>();
    Operation* op = root.getDefiningOp();
    return op && (isa<ir::FusionOp>(op) || ir::isControlFlow(op) || (concat && concat.getInPlace()));
  }

  static LogicalResult checkCompilable(Operation* op) {
    if (auto reshape = dyn_cast<ir::ReshapeOp>(op))
      return ir::layoutOf(reshape.getInput()) || ir::layoutOf(reshape.getResult())
                 ? op->emitOpError("of a tensor that is not row-major")
                 : success();
    if (auto fusion = dyn_cast<ir::FusionOp>(op))
      return checkRoot(fusion.getRoot());
    // What is a concatenation here is in place.
    if (isa<ir::ConstantOp, ir::ConcatOp, func::ReturnOp>(op) || ir::isControlFlow(op))
      return success();
    return op->emitOpError("cannot be compiled to a kernel");
  }

  /// A contraction without loops needs its micro-kernel, and that the layouts it takes.
  static LogicalResult checkRoot(Operation* root) {
    if (!isa_and_nonnull<ir::ContractionOpInterface>(root) || isa<ir::LoopOpInterface>(root))
      return success();
    const ir::LayoutAttr layout = ir::layoutOf(root->getResult(0));
    if (layout && hasMicroKernelLayouts(root, layout.getBlock()))
      return success();
    return root->emitOpError("has no loops, and is not in the layouts of its micro-kernel");
  }
};

} // namespace

std::unique_ptr<Pass> createFusePass(bool fuse) {
  return std::make_unique<Fuse>(fuse);
}

} // namespace sinter::passes
