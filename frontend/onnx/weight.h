// Tensors stored in a model: initialisers and constants.
#pragma once

#include "frontend/onnx/model_file.h"
#include "sinter/runtime/view.h"

namespace sinter::onnx_import {

/// A dense tensor.
struct Weight {
  std::shared_ptr<Storage> storage;
  DType dtype = DType::f32;
  Shape shape;

  View view() const { return View::dense(storage->data(), dtype, shape); }
};

/// The element type ONNX gives the number `data_type`. Throws Error for those Sinter does not compute with.
DType dtype_of_onnx(int64_t data_type);

/// The elements of a top-level tensor of `file`, checked against its dimensions; external data is read.
/// Throws Error.
Weight read_weight(const ModelFile& file, const onnx::TensorProto& tensor);

} // namespace sinter::onnx_import
