// Tensors stored in a model: initialisers and constants.
#pragma once

#include "frontend/model/source/stored_weight.h"
#include "frontend/onnx/model_file.h"

namespace sinter::onnx_import {

using model::StoredWeight;
using model::Weight;

/// The element type ONNX gives the number `data_type`. Throws Error for those Sinter does not compute with.
DType dtype_of_onnx(int64_t data_type);

/// The elements of a top-level tensor of `file`, checked against its dimensions; external data is read.
/// Throws Error.
Weight read_weight(const ModelFile& file, const onnx::TensorProto& tensor);
/// The same, checked as far as it can be without its elements; large ones are left in the file.
StoredWeight find_weight(const ModelFile& file, const onnx::TensorProto& tensor);

} // namespace sinter::onnx_import
