// Programs run as ahead-of-time libraries, on this processor or on an emulated one.
#pragma once

#include "comparison.h"

#include "mlir/IR/BuiltinOps.h"

#include <span>
#include <string>
#include <vector>

namespace sinter::differential {

/// Compiles `module` (consumed) into a shared library for `target` ("native", "aarch64", ...), and runs that
/// on `inputs`. Results go to `results`. Throws Error, and std::runtime_error where the library fails.
void runAsLibrary(mlir::ModuleOp module, const std::string& target, std::span<const View> inputs,
                  std::span<const Buffer> results);

} // namespace sinter::differential
