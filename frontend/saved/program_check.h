// What a program of a file may be.
#pragma once

#include "mlir/IR/BuiltinOps.h"

#include <string_view>

namespace sinter::saved {

/// Before it is parsed: nothing is nested deeper than a parser that calls itself can take, and nothing is
/// defined that is more than it looks (aliases, resources). Throws Error.
void check_text(std::string_view text);

/// Before it is verified: every operation is one that tracing makes, and every tensor of a static shape and a
/// size that can be reckoned with. Throws Error.
void check_operations(mlir::ModuleOp module);

/// After it is verified: there is one function, @main, and its inputs and outputs have names. Throws Error.
void check_structure(mlir::ModuleOp module);

} // namespace sinter::saved
