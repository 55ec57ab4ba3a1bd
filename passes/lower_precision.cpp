// f32 becomes f16 or bf16 in memory, for kernels that compute in f32 and have instructions for sums of
// products of those.
//
// Whether a value is low, stored in 16 bits, follows from what makes it, in the manner of mixed precision as
// PyTorch's autocast has it, but for a whole program:
//  - contractions take low factors and give low results;
//  - what moves elements or computes them one by one gives what it is given: low, if no operand as large as
//    the result is f32. A constant fits in with either, unless its numbers are out of the range of 16 bits;
//  - reductions and scattered sums, and operations that NeedsPrecision, give f32. Norms compute in f32,
//    what they give is as low as what they take;
//  - a low value that is combined with a small one of f32, such as a mean, is low again, unless all that
//    read it compute in f32.
// Parameters and results of functions stay what they are, and so does what goes in and out of branches and
// loops.
//
// Conversions are operations that fusion takes into kernels. There a number is rounded only where it is
// stored (kUnrounded), and each operation has its own conversion to f32, so that no kernel stores one.
#include "ir/control_flow.h"
#include "passes/constants.h"
#include "passes/fusion_region.h"
#include "passes/pipeline.h"

#include "llvm/ADT/SetVector.h"

#include <algorithm>
#include <cmath>

using namespace mlir;

namespace sinter::passes {
namespace {

using ir::FusionClass;

constexpr int64_t kMostLookedAt = 4096;   // elements of a constant whose range is looked at
constexpr double kWorstRounding = 0x1p-8; // of a number in the range of f16 and bf16
constexpr double kLost = 0x1p-12;         // of the largest number of a constant

bool isF32(Value value) {
  return ir::tensorType(value).getElementType().isF32();
}

/// What becomes of an operation.
enum class Lowering : uint8_t {
  none, ///< its operands and results are as they were
  low,  ///< it computes on 16 bits
  wide, ///< it computes in f32, and rounds its results
};

class Block16 {
public:
  Block16(Block& block, FloatType low, IRRewriter& rewriter)
      : block_(block), low_(low), rewriter_(rewriter) {}

  void run() {
    splitConversions();
    SmallVector<Operation*> operations;
    for (Operation& op : block_)
      if (!isa<ir::ConstantOp>(op))
        operations.push_back(&op);
    for (Operation* op : operations) {
      const Lowering wanted = decide(op);
      if (wanted == Lowering::low && lower(op))
        continue;
      widenOperands(op);
      if (wanted != Lowering::none)
        roundResults(op);
    }
  }

private:
  void splitConversions();
  bool isLow(Value value) const { return lowered_.contains(value); }
  /// A number that was f32 before this pass.
  bool counts(Value value) const { return isLow(value) || isF32(value); }
  bool isNeutral(Value value) const { return isF32(value) && isConstant(value); }

  Lowering decide(Operation* op) const;
  Lowering decidePointwise(Operation* op) const;
  bool holdsConstants(Operation* op) const;
  bool lower(Operation* op);
  void widenOperands(Operation* op);
  void roundResults(Operation* op);
  Value lowOf(Value value);
  Value cast(Value value, Type element, bool unrounded = false);

  Block& block_;
  FloatType low_;
  IRRewriter& rewriter_;
  llvm::SmallPtrSet<Value, 32> lowered_;
  DenseMap<Value, Value> rounded_; ///< the low form of values of f32
};

/// Operations that go on in f32 whatever they read.
bool computesInF32(Operation* op) {
  switch (fusionClassOf(op)) {
  case FusionClass::reduction:
  case FusionClass::normalization:
  case FusionClass::scatter:
  case FusionClass::opaque:
    return true;
  default:
    return op->hasTrait<ir::NeedsPrecision>();
  }
}

/// Bodies of branches and loops come here again as programs of their own, when equal conversions have become
/// one.
void Block16::splitConversions() {
  for (auto conversion : llvm::make_early_inc_range(block_.getOps<ir::CastOp>())) {
    if (!ir::isHalf(conversion.getInput().getType().getElementType()) || conversion->hasOneUse())
      continue;
    llvm::SetVector<Operation*> users;
    users.insert_range(conversion->getUsers());
    for (Operation* user : ArrayRef(users.getArrayRef()).drop_front(users.empty() ? 0 : 1)) {
      rewriter_.setInsertionPoint(user);
      user->replaceUsesOfWith(conversion, rewriter_.clone(*conversion)->getResult(0));
    }
  }
}

Lowering Block16::decide(Operation* op) const {
  if (op->hasTrait<OpTrait::IsTerminator>() || op->hasTrait<ir::NeedsPrecision>() ||
      llvm::none_of(op->getResults(), isF32))
    return Lowering::none;
  switch (fusionClassOf(op)) {
  case FusionClass::contraction:
    return Lowering::low;
  case FusionClass::normalization:
    return isLow(op->getOperand(0)) ? Lowering::wide : Lowering::none;
  case FusionClass::movement:
  case FusionClass::alias:
  case FusionClass::window: {
    const auto fits = [&](Value value) { return !isF32(value) || isNeutral(value); };
    return llvm::all_of(op->getOperands(), fits) &&
                   llvm::any_of(op->getOperands(), [&](Value value) { return counts(value); })
               ? Lowering::low
               : Lowering::none;
  }
  case FusionClass::pointwise:
    return op->getNumResults() == 1 ? decidePointwise(op) : Lowering::none;
  default:
    return Lowering::none;
  }
}

Lowering Block16::decidePointwise(Operation* op) const {
  // A conversion says what it gives.
  if (isa<ir::CastOp>(op))
    return Lowering::none;
  const int64_t elements = ir::tensorType(op->getResult(0)).getNumElements();
  bool hasLow = false, hasSmall = false;
  for (Value operand : op->getOperands()) {
    hasLow |= isLow(operand);
    if (!isF32(operand) || isNeutral(operand))
      continue;
    if (ir::tensorType(operand).getNumElements() >= elements)
      return Lowering::none;
    hasSmall = true;
  }
  if (!hasLow)
    return Lowering::none;
  if (!hasSmall && holdsConstants(op))
    return Lowering::low;
  return llvm::all_of(op->getUsers(), computesInF32) ? Lowering::none : Lowering::wide;
}

/// `number` as `to` holds it.
double held(float number, FloatType to) {
  APFloat rounded(number);
  bool lost = false;
  rounded.convert(to.getFloatSemantics(), APFloat::rmNearestTiesToEven, &lost);
  rounded.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
  return rounded.convertToDouble();
}

/// True if no constant that `op` reads is too large or too small for 16 bits.
bool Block16::holdsConstants(Operation* op) const {
  return llvm::all_of(op->getOperands(), [&](Value operand) {
    if (!isNeutral(operand) ||
        (ir::tensorType(operand).getNumElements() > kMostLookedAt && !splatOf(operand)))
      return true;
    const auto data = ir::constantData(operand);
    const ArrayRef numbers(data->view.as<float>(), static_cast<size_t>(data->view.elements()));
    double largest = 0;
    for (const float number : numbers)
      if (std::isfinite(number))
        largest = std::max<double>(largest, std::abs(number));
    // Beside large ones, small ones may be lost.
    return llvm::all_of(numbers, [&](float number) {
      return !std::isfinite(number) || std::abs(held(number, low_) - number) <=
                                           std::max(kWorstRounding * std::abs(number), kLost * largest);
    });
  });
}

/// Has `op` compute on low operands; false where it does not take them, and nothing is changed.
bool Block16::lower(Operation* op) {
  const SmallVector<Value> operands(op->getOperands());
  const SmallVector<Type> types(op->getResultTypes());
  for (OpOperand& operand : op->getOpOperands())
    if (isF32(operand.get()))
      operand.set(lowOf(operand.get()));
  for (Value result : op->getResults())
    if (isF32(result)) {
      result.setType(ir::tensorType(result).clone(low_));
      lowered_.insert(result);
    }
  // Some are of f32 only.
  const ScopedDiagnosticHandler quiet(op->getContext(), [](Diagnostic&) { return success(); });
  if (succeeded(op->getName().verifyInvariants(op)))
    return true;
  op->setOperands(operands);
  for (auto [result, type] : llvm::zip(op->getResults(), types)) {
    lowered_.erase(result);
    result.setType(type);
  }
  return false;
}

/// Conversions from here on are the user's own: shared ones would be stored.
void Block16::widenOperands(Operation* op) {
  // As it is, a low value converts to anything.
  if (auto conversion = dyn_cast<ir::CastOp>(op); conversion && !conversion.getTo().isF32())
    return;
  DenseMap<Value, Value> wide;
  rewriter_.setInsertionPoint(op);
  for (OpOperand& operand : op->getOpOperands()) {
    if (!isLow(operand.get()))
      continue;
    Value& converted = wide[operand.get()];
    if (!converted)
      converted = cast(operand.get(), rewriter_.getF32Type());
    operand.set(converted);
  }
}

void Block16::roundResults(Operation* op) {
  for (Value result : op->getResults())
    if (isF32(result)) {
      rewriter_.setInsertionPointAfter(op);
      const Value low = cast(result, low_, /*unrounded=*/true);
      result.replaceAllUsesExcept(low, low.getDefiningOp());
      lowered_.insert(low);
    }
}

Value Block16::lowOf(Value value) {
  Value& low = rounded_[value];
  if (low)
    return low;
  rewriter_.setInsertionPointAfterValue(value);
  low = cast(value, low_, /*unrounded=*/true);
  lowered_.insert(low);
  return low;
}

Value Block16::cast(Value value, Type element, bool unrounded) {
  auto op =
      ir::CastOp::create(rewriter_, value.getLoc(), ir::tensorType(value).clone(element), value, element);
  if (unrounded)
    op->setAttr(ir::kUnrounded, rewriter_.getUnitAttr());
  return foldNow(rewriter_, op);
}

struct LowerPrecision : ModulePass<LowerPrecision> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerPrecision)
  LowerPrecision() = default;
  explicit LowerPrecision(Precision to) { precision = kPrecisionNames[static_cast<size_t>(to)].str(); }
  LowerPrecision(const LowerPrecision& other) : ModulePass<LowerPrecision>(other) {}

  StringRef getArgument() const final { return "sinter-lower-precision"; }
  StringRef getDescription() const final { return "store what contractions give and take in 16 bits"; }
  Option<std::string> precision{*this, "precision", llvm::cl::desc("f32, tf32, f16 or bf16"),
                                llvm::cl::init("f16")};

  void runOnOperation() override {
    MLIRContext* context = &getContext();
    const auto wanted = precisionNamed(precision);
    if (!wanted) {
      getOperation()->emitError("there is no precision '") << precision.getValue() << "'";
      return signalPassFailure();
    }
    if (*wanted == Precision::tf32)
      getOperation()->setAttr(ir::kTf32, UnitAttr::get(context));
    if (*wanted != Precision::f16 && *wanted != Precision::bf16)
      return;
    const FloatType low =
        *wanted == Precision::f16 ? FloatType(Float16Type::get(context)) : BFloat16Type::get(context);
    IRRewriter rewriter(context);
    SmallVector<Block*> blocks;
    getOperation().walk([&](Block* block) {
      if (!isa<ModuleOp>(block->getParentOp()))
        blocks.push_back(block);
    });
    for (Block* block : blocks)
      Block16(*block, low, rewriter).run();
  }
};

} // namespace

std::optional<Precision> precisionNamed(StringRef name) {
  const auto* found = llvm::find(kPrecisionNames, name);
  if (found == kPrecisionNames.end())
    return std::nullopt;
  return static_cast<Precision>(found - kPrecisionNames.begin());
}

std::unique_ptr<Pass> createLowerPrecisionPass(Precision precision) {
  return std::make_unique<LowerPrecision>(precision);
}

} // namespace sinter::passes
