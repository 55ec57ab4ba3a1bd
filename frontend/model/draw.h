// Drawings of fused programs.
#pragma once

#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace sinter {

/// A Graphviz graph of @main of a fused or planned module: a box for every kernel, listing its operations in
/// order, its colour by the kind of its root; edges carry shapes. Planned launches say where in the arena
/// they write. Constants are counted, not drawn. Kernels of derivatives (ir::isBackward) have a colour of
/// their own, and a legend is added that says so.
std::string draw_dot(mlir::ModuleOp module);

} // namespace sinter
