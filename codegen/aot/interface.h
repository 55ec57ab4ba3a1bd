// The C interface of one model: its functions, and the header that declares them.
#pragma once

#include "codegen/aot/tables.h"

#include "llvm/IR/Module.h"

#include <string>
#include <vector>

namespace sinter::codegen::aot {

/// The names that others see: NAME_create and so on. `forLoader`: also the one that sinter::aot::Model looks
/// for, of which there can be one in a program.
std::vector<std::string> exportedNames(const std::string& name, bool forLoader);

/// Adds the tables of a model and its functions, which hand over to those of the runtime, to `module`.
void emitInterface(llvm::Module& module, const LibraryContents& contents, ModelTables& tables,
                   bool forLoader);

/// The text of NAME.h.
std::string headerText(const LibraryContents& contents, const WeightsPlace& place, const std::string& target);

} // namespace sinter::codegen::aot
