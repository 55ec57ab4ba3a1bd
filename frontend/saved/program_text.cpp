// Programs as text: printing, and parsing what strangers may have written.
#include "frontend/saved/program_text.h"

#include "frontend/saved/program_check.h"
#include "sinter/error.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;

namespace sinter::saved {
namespace {

constexpr StringLiteral kTextName = "program"; // in locations of errors

// Keeps the first error of a context, as one line, from being printed.
class FirstError {
public:
  explicit FirstError(MLIRContext& context)
      : handler_(&context, [this](Diagnostic& diagnostic) {
          if (diagnostic.getSeverity() == DiagnosticSeverity::Error && text_.empty())
            text_ = in_line(diagnostic);
          return success();
        }) {}

  [[noreturn]] void fail(const std::string& otherwise) const {
    throw Error("its program is not well-formed: " + (text_.empty() ? otherwise : text_));
  }

private:
  static std::string in_line(const Diagnostic& diagnostic) {
    const auto place = dyn_cast<FileLineColLoc>(diagnostic.getLocation());
    const std::string line =
        place && place.getFilename() == kTextName ? "line " + std::to_string(place.getLine()) + ": " : "";
    return line + diagnostic.str();
  }

  ScopedDiagnosticHandler handler_;
  std::string text_;
};

OwningOpRef<ModuleOp> parse(const std::string& text, MLIRContext& context, const FirstError& errors) {
  // Verified later: verifiers may take for granted what check_operations looks at.
  const ParserConfig config(&context, /*verifyAfterParse=*/false);
  Block block;
  if (failed(parseSourceString(text, &block, config, kTextName)))
    errors.fail("it cannot be parsed");
  if (!llvm::hasSingleElement(block) || !isa<ModuleOp>(block.front()))
    throw Error("its program is not well-formed: it is not one module");
  auto module = cast<ModuleOp>(block.front());
  module->remove();
  return module;
}

} // namespace

std::string print_program(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  // Everything where it is used: aliases could make a short text stand for a deep one.
  module->print(stream, OpPrintingFlags().enableDebugInfo().useLocalScope());
  return text;
}

OwningOpRef<ModuleOp> parse_program(const std::string& text, MLIRContext& context) {
  check_text(text);
  const FirstError errors(context);
  OwningOpRef<ModuleOp> module = parse(text, context, errors);
  check_operations(*module);
  if (failed(verify(*module)))
    errors.fail("it cannot be verified");
  check_structure(*module);
  return module;
}

OwningOpRef<ModuleOp> parse_known_program(const std::string& text, MLIRContext& context) {
  const FirstError errors(context);
  return parse(text, context, errors);
}

} // namespace sinter::saved
