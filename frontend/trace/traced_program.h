// The program of a compiled function, for who does something else with it than compile it.
#pragma once

#include "sinter/compiled_function.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <span>

namespace sinter::detail {

struct TracedProgram {
  /// Calls `use` with the module that `function` records for inputs of these dtypes and shapes: @main as
  /// traced. It is gone afterwards. Errors name `where`, except those of `use`.
  static void use(const CompiledFunction& function, std::span<const Tensor> inputs,
                  const SourceLocation& where, llvm::function_ref<void(mlir::ModuleOp)> use);
};

} // namespace sinter::detail
