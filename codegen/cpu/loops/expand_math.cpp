// Functions the processor has no instruction for: polynomials on f32 vectors, calls of the C library on f64.
#include "codegen/cpu/loops/lowering.h"
#include "codegen/cpu/loops/vector_math.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;

namespace sinter::codegen::cpu {
namespace {

// Expansions use other functions, which may need an expansion themselves: tanh, log1p, log.
constexpr int kMaxRounds = 4;

// The C library's name for an operation that LLVM has no intrinsic for; empty if it has one.
StringRef libraryName(Operation* op) {
  return llvm::StringSwitch<StringRef>(op->getName().stripDialect())
      .Case("erf", "erf")
      .Case("erfc", "erfc")
      .Case("expm1", "expm1")
      .Case("log1p", "log1p")
      .Case("tan", "tan")
      .Case("tanh", "tanh")
      .Case("sinh", "sinh")
      .Case("cosh", "cosh")
      .Case("asin", "asin")
      .Case("acos", "acos")
      .Case("atan", "atan")
      .Case("asinh", "asinh")
      .Case("acosh", "acosh")
      .Case("atanh", "atanh")
      .Case("atan2", "atan2")
      .Case("cbrt", "cbrt")
      .Default("");
}

bool isApproximated(StringRef name) {
  return llvm::StringSwitch<bool>(name)
      .Cases({"math.exp", "math.log", "math.log2", "math.log1p", "math.expm1"}, true)
      .Cases({"math.tanh", "math.erf", "math.erfc", "math.sin", "math.cos"}, true)
      .Cases({"math.atan", "math.atan2", "math.asin", "math.acos", "math.cbrt"}, true)
      .Default(false);
}

bool needsExpansion(Operation* op) {
  return isa_and_nonnull<math::MathDialect>(op->getDialect()) &&
         (isApproximated(op->getName().getStringRef()) || !libraryName(op).empty());
}

// One call a lane: these are rare, and f64 is for checking rather than for speed.
void callLibrary(ModuleOp module, Operation* op) {
  Type element = getElementTypeOrSelf(op->getResult(0).getType());
  const std::string name = libraryName(op).str() + (element.isF32() ? "f" : "");
  OpBuilder builder(module.getBodyRegion());
  auto function = module.lookupSymbol<LLVM::LLVMFuncOp>(name);
  if (!function) {
    SmallVector<Type> arguments(op->getNumOperands(), element);
    builder.setInsertionPointToStart(module.getBody());
    function = LLVM::LLVMFuncOp::create(builder, op->getLoc(), name,
                                        LLVM::LLVMFunctionType::get(element, arguments));
  }
  builder.setInsertionPoint(op);
  const Location loc = op->getLoc();
  auto type = dyn_cast<VectorType>(op->getResult(0).getType());
  if (!type) {
    op->getResult(0).replaceAllUsesWith(
        LLVM::CallOp::create(builder, loc, function, op->getOperands()).getResult());
    op->erase();
    return;
  }
  Value result = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
  for (int64_t lane = 0; lane < type.getNumElements(); ++lane) {
    Value place =
        arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(static_cast<int32_t>(lane)));
    SmallVector<Value> arguments;
    for (Value operand : op->getOperands())
      arguments.push_back(LLVM::ExtractElementOp::create(builder, loc, operand, place));
    Value one = LLVM::CallOp::create(builder, loc, function, arguments).getResult();
    result = LLVM::InsertElementOp::create(builder, loc, type, result, one, place);
  }
  op->getResult(0).replaceAllUsesWith(result);
  op->erase();
}

// Products and sums may be contracted to fused multiply-adds, and the sign of a zero maximum does not matter.
void relax(Operation* op, const Target& target) {
  if (auto fma = dyn_cast<math::FmaOp>(op); fma && !target.fma) {
    // Without the instruction, a fused multiply-add would be a call of the C library for each lane.
    OpBuilder builder(op);
    Value product = arith::MulFOp::create(builder, op->getLoc(), fma.getA(), fma.getB());
    fma.getResult().replaceAllUsesWith(arith::AddFOp::create(builder, op->getLoc(), product, fma.getC()));
    op->erase();
    return;
  }
  arith::FastMathFlags more;
  if (isa<arith::AddFOp, arith::SubFOp, arith::MulFOp>(op))
    more = arith::FastMathFlags::contract;
  else if (isa<arith::MaximumFOp, arith::MinimumFOp>(op))
    more = arith::FastMathFlags::nsz;
  else
    return;
  auto fast = cast<arith::ArithFastMathInterface>(op);
  const auto known = fast.getFastMathFlagsAttr();
  const arith::FastMathFlags flags = known ? known.getValue() | more : more;
  op->setAttr(fast.getFastMathAttrName(), arith::FastMathFlagsAttr::get(op->getContext(), flags));
}

} // namespace

void expandMath(ModuleOp module, const Target& target) {
  auto pending = [&] {
    return module
        .walk([](Operation* op) {
          return needsExpansion(op) ? WalkResult::interrupt() : WalkResult::advance();
        })
        .wasInterrupted();
  };
  auto own = [&] { module.walk([](Operation* op) { replaceByPolynomial(op); }); };
  own();
  if (pending()) {
    RewritePatternSet patterns(module.getContext());
    populateMathF32ExpansionPatterns(patterns, isApproximated);
    populateMathPolynomialApproximationPatterns(patterns, isApproximated);
    const FrozenRewritePatternSet frozen(std::move(patterns));
    for (int round = 0; round < kMaxRounds && pending(); ++round) {
      walkAndApplyPatterns(module, frozen);
      own();
    }
    module.walk([&](Operation* op) {
      if (needsExpansion(op) && !libraryName(op).empty())
        callLibrary(module, op);
    });
  }
  module.walk([&](Operation* op) { relax(op, target); });
}

} // namespace sinter::codegen::cpu
