// Tensors stored in a model: initialisers and constants.
#include "frontend/onnx/weight.h"

#include "frontend/onnx/external_data.h"
#include "sinter/runtime/error.h"

#include "onnx.pb.h"

#include <cstring>
#include <limits>

namespace sinter::onnx_import {
namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 40;

// The elements of one of the typed fields, which store small types as wider ones.
template <class T, class Values>
std::shared_ptr<Storage> convert(const Values& values, int64_t elements) {
  if (values.size() != elements)
    throw Error("it has " + std::to_string(values.size()) + " elements where its dimensions say " +
                std::to_string(elements));
  auto storage = Storage::allocate(static_cast<std::size_t>(elements) * sizeof(T));
  T* out = reinterpret_cast<T*>(storage->data());
  for (const auto value : values)
    *out++ = static_cast<T>(value);
  return storage;
}

std::shared_ptr<Storage> read_typed(const onnx::TensorProto& tensor, DType dtype, int64_t elements) {
  switch (dtype) {
  case DType::f32:
    return convert<float>(tensor.float_data(), elements);
  case DType::f64:
    return convert<double>(tensor.double_data(), elements);
  case DType::i64:
    return convert<int64_t>(tensor.int64_data(), elements);
  case DType::i32:
    return convert<int32_t>(tensor.int32_data(), elements);
  case DType::i8:
    return convert<int8_t>(tensor.int32_data(), elements);
  case DType::u8:
    return convert<uint8_t>(tensor.int32_data(), elements);
  case DType::boolean:
    return convert<bool>(tensor.int32_data(), elements);
  default:
    throw_unsupported_dtype(dtype, "a tensor of a model");
  }
}

std::shared_ptr<Storage> read_bytes(const ModelFile& file, const onnx::TensorProto& tensor, uint64_t bytes) {
  if (tensor.data_location() == onnx::TensorProto::EXTERNAL)
    return read_external_data(file.folder, tensor, bytes);
  auto storage = file.raw_data(tensor);
  if (storage->bytes() != bytes)
    throw Error("it has " + std::to_string(storage->bytes()) + " bytes of data where its dimensions say " +
                std::to_string(bytes));
  return storage;
}

} // namespace

DType dtype_of_onnx(int64_t data_type) {
  switch (data_type) {
  case onnx::TensorProto::FLOAT:
    return DType::f32;
  case onnx::TensorProto::DOUBLE:
    return DType::f64;
  case onnx::TensorProto::INT64:
    return DType::i64;
  case onnx::TensorProto::INT32:
    return DType::i32;
  case onnx::TensorProto::INT8:
    return DType::i8;
  case onnx::TensorProto::UINT8:
    return DType::u8;
  case onnx::TensorProto::BOOL:
    return DType::boolean;
  }
  static constexpr const char* kNames[] = {
      "undefined", "float",   "uint8",  "int8",   "uint16", "int16",     "int32",      "int64",   "string",
      "bool",      "float16", "double", "uint32", "uint64", "complex64", "complex128", "bfloat16"};
  const bool known = data_type >= 0 && data_type < static_cast<int64_t>(std::size(kNames));
  throw Error("element type " + (known ? std::string(kNames[data_type]) : std::to_string(data_type)) +
              " is not supported");
}

Weight read_weight(const ModelFile& file, const onnx::TensorProto& tensor) {
  if (tensor.has_segment())
    throw Error("tensors in segments are not supported");
  Weight weight;
  weight.dtype = dtype_of_onnx(tensor.data_type());
  weight.shape =
      Shape(std::span<const int64_t>(tensor.dims().data(), static_cast<std::size_t>(tensor.dims_size())));
  const int64_t bytes = checked_bytes(weight.shape.dims(), size_of(weight.dtype));
  if (bytes > kMaxBytes)
    throw Error("it is too large: " + to_string(weight.shape));
  const bool raw = tensor.has_raw_data() || tensor.data_location() == onnx::TensorProto::EXTERNAL;
  weight.storage = raw ? read_bytes(file, tensor, static_cast<uint64_t>(bytes))
                       : read_typed(tensor, weight.dtype, weight.shape.elements());
  if (raw && weight.dtype == DType::boolean) // a bool other than 0 or 1 is undefined behaviour waiting
    for (std::size_t i = 0; i < weight.storage->bytes(); ++i)
      weight.storage->data()[i] = std::byte{weight.storage->data()[i] != std::byte{0}};
  return weight;
}

} // namespace sinter::onnx_import
