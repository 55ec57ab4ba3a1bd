// Reading an ONNX file so that its weights are copied once, straight into aligned storage.
#pragma once

#include "sinter/runtime/storage.h"

#include <memory>
#include <string>
#include <vector>

namespace onnx {
class ModelProto;
class TensorProto;
} // namespace onnx

namespace sinter::onnx_import {

/// A model file in memory. In `proto`, the raw_data of every tensor at top level (initialisers and the tensor
/// attributes of nodes) is only a mark that `raw_data` resolves; other tensors are as protobuf reads them.
struct ModelFile {
  std::unique_ptr<onnx::ModelProto> proto;
  std::vector<std::shared_ptr<Storage>> blobs;
  std::string folder; ///< where external data may lie

  ModelFile();
  ModelFile(ModelFile&&) noexcept;
  ModelFile& operator=(ModelFile&&) noexcept;
  ~ModelFile();

  /// The bytes of a top-level tensor's raw_data.
  const std::shared_ptr<Storage>& raw_data(const onnx::TensorProto& tensor) const;
};

/// Throws Error if the file cannot be read or is not the serialisation of an ONNX model.
ModelFile read_model_file(const std::string& path);

} // namespace sinter::onnx_import
