// A model in memory, checked: every name defined once and before its use, every operator known.
#pragma once

#include "frontend/model/source/program_source.h"
#include "frontend/onnx/weight.h"

#include <functional>
#include <string>
#include <vector>

namespace onnx {
class NodeProto;
}

namespace sinter::onnx_import {

class NodeContext;

/// An operator applied. Input and output names are those of `proto`; "" is an input that is not given.
struct GraphNode {
  const onnx::NodeProto* proto = nullptr;
  std::string label;           ///< the node's name, or "Conv#12" where it has none
  const char* format = "node"; ///< what the model's format calls it
  /// Imports it: reads its inputs and attributes, sets its outputs.
  std::function<void(NodeContext&)> import = {};
};

/// Its inputs are without those that are initialisers; its weights are initialisers and Constant nodes.
struct ModelGraph : model::ProgramSource {
  ModelFile file;               ///< keeps what the nodes point to
  int64_t opset = 0;            ///< 0: the operators are not ONNX's
  std::vector<GraphNode> nodes; ///< those that the outputs need, operands first

  /// Constant subgraphs are evaluated as they are met, so that every type is static. Errors name the node.
  llvm::SmallVector<mlir::Value> append(mlir::OpBuilder& builder, model::NamedValues given,
                                        model::ElementsOf elements) const override;
  std::vector<std::string> parameters() const override;
  std::map<std::string, std::string> metadata() const override;
  std::string name() const override;
};

/// Checks `file`. Throws Error with one line that names the node or value at fault.
ModelGraph build_graph(ModelFile file);

/// "node 'conv1' (Conv)"
std::string describe(const GraphNode& node);

} // namespace sinter::onnx_import
