// emitExponential: the loops' own exponential, for micro-kernels.
#include "codegen/cpu/emit.h"
#include "codegen/cpu/loops/lowering.h"
#include "ir/element_arithmetic.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace sinter::codegen::cpu {

std::unique_ptr<llvm::Module> emitExponential(MLIRContext& dialects, int64_t width, StringRef name,
                                              const Target& target, llvm::LLVMContext& context) {
  loadCodeDialects(dialects);
  OpBuilder builder(&dialects);
  const Location loc = UnknownLoc::get(&dialects);
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  builder.setInsertionPointToEnd(module->getBody());
  Type type = builder.getF32Type();
  if (width > 1)
    type = VectorType::get({width}, type);
  auto function = LLVM::LLVMFuncOp::create(builder, loc, name, LLVM::LLVMFunctionType::get(type, {type}),
                                           LLVM::Linkage::Internal);
  function.setAlwaysInline(true);
  builder.setInsertionPointToStart(function.addEntryBlock(builder));
  Value power = ir::ElementArithmetic(builder, loc).expOfNegative(function.getArgument(0));
  LLVM::ReturnOp::create(builder, loc, power);
  return lowerToLlvm(*module, target, context);
}

} // namespace sinter::codegen::cpu
