// An ONNX model as a file, and its weights as another one beside it.
#pragma once

#include "frontend/onnx/export/graph_writer.h"

#include "mlir/IR/BuiltinOps.h"

#include <map>

namespace sinter::onnx_export {

struct WriteOptions {
  int64_t opset = 17;
  /// Weights go into PATH.data. They do, too, if the model would have more than `most_bytes` else.
  bool external_data = false;
  /// protobuf reads no more than 2 GiB; some of it is for what is no weight.
  int64_t most_bytes = (int64_t{1} << 31) - (int64_t{1} << 25);
  std::string name = "main"; ///< of the graph
  std::vector<std::pair<std::string, std::string>> metadata;
};

/// Writes @main of `module`, as tracing or importing left it, to `path`. The module is consumed. Throws Error
/// without naming the file, except where that cannot be written.
void write_model(mlir::ModuleOp module, const std::string& path, const WriteOptions& options);

} // namespace sinter::onnx_export
