// To text and back.
#include "codegen/kernel/kernel_text.h"

#include "mlir/Parser/Parser.h"

using namespace mlir;

namespace sinter::codegen {

std::string kernelText(ir::KernelOp kernel) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  auto clone = cast<ir::KernelOp>(kernel->clone());
  clone.setSymName("kernel");
  clone->print(stream, OpPrintingFlags().useLocalScope());
  clone->erase();
  return text;
}

OwningOpRef<ModuleOp> parseKernel(const std::string& text, MLIRContext& context) {
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, ParserConfig(&context));
  if (!module)
    throw Error("a kernel's own text does not parse", ErrorKind::internal);
  return module;
}

} // namespace sinter::codegen
