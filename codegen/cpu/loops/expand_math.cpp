// Functions the processor has no instruction for: polynomials on f32 vectors, calls of the C library on f64.
#include "codegen/cpu/loops/lowering.h"
#include "codegen/cpu/loops/vector_math.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;

namespace sinter::codegen::cpu {
namespace {

// The C library's name for a function that is no instruction; empty for those that are.
StringRef libraryName(Operation* op) {
  if (!isa_and_nonnull<math::MathDialect>(op->getDialect()))
    return "";
  return llvm::StringSwitch<StringRef>(op->getName().stripDialect())
      .Case("exp", "exp")
      .Case("log", "log")
      .Case("sin", "sin")
      .Case("cos", "cos")
      .Case("powf", "pow")
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

// f16 and bf16 are computed in f32, whose functions are exact enough to be rounded once more.
void promoteHalves(Operation* op) {
  Type type = op->getResult(0).getType();
  if (getElementTypeOrSelf(type).getIntOrFloatBitWidth() != 16)
    return;
  OpBuilder builder(op);
  Type wide = builder.getF32Type();
  if (auto vector = dyn_cast<VectorType>(type))
    wide = vector.clone(wide);
  for (OpOperand& operand : op->getOpOperands())
    operand.set(arith::ExtFOp::create(builder, op->getLoc(), wide, operand.get()));
  op->getResult(0).setType(wide);
  builder.setInsertionPointAfter(op);
  auto narrow = arith::TruncFOp::create(builder, op->getLoc(), type, op->getResult(0));
  op->getResult(0).replaceAllUsesExcept(narrow, narrow);
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

bool becomesPolynomial(Operation* op) {
  return !libraryName(op).empty() && getElementTypeOrSelf(op->getResult(0).getType()).isF32();
}

void expandMath(ModuleOp module, const Target& target) {
  auto eachFunction = [&](auto&& replace) {
    module.walk([&](Operation* op) {
      if (!libraryName(op).empty())
        replace(op);
    });
  };
  eachFunction([](Operation* op) { promoteHalves(op); });
  eachFunction([&](Operation* op) { replaceByPolynomial(op, module, target); });
  eachFunction([&](Operation* op) { callLibrary(module, op); });
  module.walk([&](Operation* op) { relax(op, target); });
}

} // namespace sinter::codegen::cpu
