// Weights that lie in files beside the model.
#pragma once

#include "sinter/runtime/storage.h"

#include <memory>
#include <string>

namespace onnx {
class TensorProto;
}

namespace sinter::onnx_import {

/// Reads the `bytes` bytes that `tensor` names in a file under `folder`. The model is not trusted: absolute
/// paths, ".." and symbolic links that lead out of `folder`, and anything that is not a regular file, throw
/// Error.
std::shared_ptr<Storage> read_external_data(const std::string& folder, const onnx::TensorProto& tensor,
                                            uint64_t bytes);

} // namespace sinter::onnx_import
