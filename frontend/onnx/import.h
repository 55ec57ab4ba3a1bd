// From a checked model to the sinter dialect, at given input shapes.
#pragma once

#include "frontend/onnx/graph.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "sinter/runtime/executable.h"

#include <span>

namespace sinter::onnx_import {

/// `graph` as a module with one func.func @main, whose argument and result attributes `sinter.name` are the
/// names of the model's inputs and outputs. `inputs` gives the inputs' types in the model's order. Constant
/// subgraphs are evaluated as they are met, so that every type is static. The dialects sinter and func must
/// be loaded in `context`. Weights are shared with `graph`, which must outlive the module. Throws Error
/// naming the node.
mlir::OwningOpRef<mlir::ModuleOp> import_graph(mlir::MLIRContext& context, const ModelGraph& graph,
                                               std::span<const rt::TensorSpec> inputs);

} // namespace sinter::onnx_import
