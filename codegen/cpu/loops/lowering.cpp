// Dialect conversion with only what kernels need, in two steps: structured loops to branches, then all the
// rest.
#include "codegen/cpu/loops/lowering.h"

#include "sinter/runtime/error.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Target/LLVMIR/LLVMTranslationInterface.h"
#include "mlir/Transforms/DialectConversion.h"

using namespace mlir;

namespace sinter::codegen::cpu {
namespace {

LogicalResult lowerLoops(ModuleOp module) {
  MLIRContext* context = module.getContext();
  RewritePatternSet patterns(context);
  populateSCFToControlFlowConversionPatterns(patterns);
  ConversionTarget target(*context);
  target.addIllegalDialect<scf::SCFDialect>();
  target.markUnknownOpDynamicallyLegal([](Operation*) { return true; });
  return applyPartialConversion(module, target, std::move(patterns));
}

LogicalResult lowerOperations(ModuleOp module) {
  MLIRContext* context = module.getContext();
  LLVMTypeConverter types(context);
  RewritePatternSet patterns(context);
  arith::populateCeilFloorDivExpandOpsPatterns(patterns);
  arith::populateArithToLLVMConversionPatterns(types, patterns);
  populateMathToLLVMConversionPatterns(types, patterns);
  populateVectorToLLVMConversionPatterns(types, patterns);
  cf::populateControlFlowToLLVMConversionPatterns(types, patterns);
  ub::populateUBToLLVMConversionPatterns(types, patterns);
  LLVMConversionTarget target(*context);
  target.addLegalOp<ModuleOp>();
  return applyFullConversion(module, target, std::move(patterns));
}

} // namespace

void loadCodeDialects(MLIRContext& context) {
  context.getOrLoadDialect<arith::ArithDialect>();
  context.getOrLoadDialect<cf::ControlFlowDialect>();
  context.getOrLoadDialect<LLVM::LLVMDialect>();
  context.getOrLoadDialect<math::MathDialect>();
  context.getOrLoadDialect<scf::SCFDialect>();
  context.getOrLoadDialect<ub::UBDialect>();
  context.getOrLoadDialect<vector::VectorDialect>();
  auto* llvmDialect = context.getLoadedDialect<LLVM::LLVMDialect>();
  if (!llvmDialect->getRegisteredInterface<LLVMTranslationDialectInterface>()) {
    registerBuiltinDialectTranslation(context);
    registerLLVMDialectTranslation(context);
  }
}

std::unique_ptr<llvm::Module> lowerToLlvm(ModuleOp module, const Target& target, llvm::LLVMContext& context) {
  std::string problem;
  ScopedDiagnosticHandler handler(module.getContext(), [&](Diagnostic& diagnostic) {
    if (problem.empty() && diagnostic.getSeverity() == DiagnosticSeverity::Error)
      problem = diagnostic.str();
    return success();
  });
  auto check = [&](bool good, const char* stage) {
    if (!good)
      throw Error(std::string("a kernel cannot be lowered (") + stage + "): " + problem, ErrorKind::internal);
  };
  expandMath(module, target);
  check(succeeded(lowerLoops(module)), "loops");
  check(succeeded(lowerOperations(module)), "operations");
  std::unique_ptr<llvm::Module> result = translateModuleToLLVMIR(module, context, "kernel");
  check(result != nullptr, "translation");
  return result;
}

} // namespace sinter::codegen::cpu
