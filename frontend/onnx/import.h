// From a checked model to the sinter dialect, at given input shapes.
#pragma once

#include "frontend/onnx/graph.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "sinter/runtime/executable.h"

#include "llvm/ADT/STLFunctionalExtras.h"

#include <span>
#include <string>
#include <unordered_map>

namespace sinter::onnx_import {

/// Values of a program by the names they have in a model.
using NamedValues = std::unordered_map<std::string, mlir::Value>;
/// The elements of a weight of that name and type, which is a constant.
using ElementsOf =
    llvm::function_ref<mlir::ElementsAttr(const std::string&, const StoredWeight&, mlir::RankedTensorType)>;

/// Appends what `graph` computes where `builder` stands; returns its outputs. `given`: the inputs, and
/// weights that are to be no constants. Constant subgraphs are evaluated as they are met, so that every type
/// is static. Throws Error naming the node.
llvm::SmallVector<mlir::Value> import_nodes(mlir::OpBuilder& builder, const ModelGraph& graph,
                                            NamedValues given, ElementsOf elements);

/// `graph` as a module with one func.func @main, whose argument and result attributes `sinter.name` are the
/// names of the model's inputs and outputs, and of `parameters`: weights that are further arguments. `inputs`
/// gives the inputs' types in the model's order. The dialects sinter and func must be loaded in `context`.
/// Weights are shared with `graph`, which must outlive the module. Throws Error naming the node.
mlir::OwningOpRef<mlir::ModuleOp> import_graph(mlir::MLIRContext& context, const ModelGraph& graph,
                                               std::span<const rt::TensorSpec> inputs,
                                               std::span<const std::string> parameters = {});

} // namespace sinter::onnx_import
