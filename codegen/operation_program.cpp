// Programs of one operation, and those made before.
#include "codegen/operation_program.h"

#include "codegen/compile.h"
#include "codegen/lru_cache.h"
#include "ir/dialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;

namespace sinter::codegen {
namespace {

using Program = std::shared_ptr<const rt::Executable>;

OwningOpRef<ModuleOp> moduleOf(Operation& op) {
  op.getContext()->loadDialect<func::FuncDialect>();
  const Location loc = UnknownLoc::get(op.getContext());
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  OpBuilder builder(module->getBodyRegion());
  auto main = func::FuncOp::create(builder, loc, "main",
                                   builder.getFunctionType(op.getOperandTypes(), op.getResultTypes()));
  Block* body = main.addEntryBlock();
  builder.setInsertionPointToEnd(body);
  IRMapping mapping;
  Operation* copy = builder.clone(op, mapping);
  copy->setOperands(body->getArguments()); // an operand may be there twice
  func::ReturnOp::create(builder, loc, copy->getResults());
  return module;
}

LruCache<Program>& programs() {
  static auto& programs = *new LruCache<Program>; // kernels are not unloaded while the process ends
  return programs;
}

Program compileText(const std::string& text, const CompileOptions& options) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<ir::SinterDialect, func::FuncDialect>();
  const OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  if (!module)
    throw Error("an operation cannot be read back from its text", ErrorKind::internal);
  return compile(*module, options);
}

} // namespace

Program operationProgram(Operation& op, const std::string& device) {
  CompileOptions options;
  options.device = device;
  const OwningOpRef<ModuleOp> module = moduleOf(op);
  if (op.getNumRegions() > 0) // its text would hold the constants of the bodies
    return compile(*module, options);
  std::string text;
  llvm::raw_string_ostream(text) << *module;
  const std::string key = device + text;
  if (const auto found = programs().find(key))
    return *found;
  Program program = compileText(text, options);
  programs().insert(key, program);
  return program;
}

} // namespace sinter::codegen
