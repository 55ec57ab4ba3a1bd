// Reading an ONNX file so that its weights stay there until they are asked for.
#pragma once

#include "sinter/runtime/storage.h"

#include <memory>
#include <string>
#include <vector>

namespace onnx {
class ModelProto;
class TensorProto;
} // namespace onnx

namespace sinter::data {
class ByteSource;
class FileIdentity;
} // namespace sinter::data

namespace sinter::onnx_import {

/// A model file in memory, all but the large weights. In `proto`, the raw_data of every tensor at top level
/// (initialisers and the tensor attributes of nodes) is only a mark that `raw_data` resolves; other tensors
/// are as protobuf reads them.
struct ModelFile {
  std::unique_ptr<onnx::ModelProto> proto;
  /// The raw_data of a tensor: in memory, or a place in the file.
  struct Blob {
    uint64_t position = 0, bytes = 0;
    std::shared_ptr<Storage> storage; ///< null: in the file
  };
  std::vector<Blob> blobs;
  std::shared_ptr<const data::ByteSource> source;
  std::shared_ptr<const data::FileIdentity> identity;
  std::string folder; ///< where external data may lie

  ModelFile();
  ModelFile(ModelFile&&) noexcept;
  ModelFile& operator=(ModelFile&&) noexcept;
  ~ModelFile();

  /// Where a top-level tensor's raw_data is.
  const Blob& raw_data(const onnx::TensorProto& tensor) const;
};

/// The bytes of `blob`. Throws Error if they must be read and the file has changed.
std::shared_ptr<Storage> read_blob(const data::ByteSource& source, const ModelFile::Blob& blob);

/// Throws Error if the file cannot be read or is not the serialisation of an ONNX model.
ModelFile read_model_file(const std::string& path);

} // namespace sinter::onnx_import
