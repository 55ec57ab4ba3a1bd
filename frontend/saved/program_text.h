// Programs as text: what a saved function is written and read as.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include "llvm/ADT/StringRef.h"

#include <string>

namespace sinter::saved {

/// The attribute of a constant whose elements are a tensor of the file, of that name. In the text it holds
/// zeros in their place.
inline constexpr llvm::StringLiteral kWeight = "sinter.weight";
/// The attribute of arguments and results.
inline constexpr llvm::StringLiteral kName = "sinter.name";

/// `module` in text that does not depend on anything beside it.
std::string print_program(mlir::ModuleOp module);

/// Reads what print_program wrote, or somebody else: only what tracing makes is let through, one @main over
/// row-major tensors of static shapes, verified. `text` is untrusted. Throws Error of one line.
mlir::OwningOpRef<mlir::ModuleOp> parse_program(const std::string& text, mlir::MLIRContext& context);

/// Reads a text that parse_program let through before.
mlir::OwningOpRef<mlir::ModuleOp> parse_known_program(const std::string& text, mlir::MLIRContext& context);

} // namespace sinter::saved
