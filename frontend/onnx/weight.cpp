// Tensors stored in a model: initialisers and constants.
#include "frontend/onnx/weight.h"

#include "frontend/data/file_identity.h"
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
  case DType::f16:
  case DType::bf16: // their bits
    return convert<uint16_t>(tensor.int32_data(), elements);
  }
  throw_unsupported_dtype(dtype, "a tensor of a model");
}

const ModelFile::Blob& checked_blob(const ModelFile& file, const onnx::TensorProto& tensor, uint64_t bytes) {
  const ModelFile::Blob& blob = file.raw_data(tensor);
  if (blob.bytes != bytes)
    throw Error("it has " + std::to_string(blob.bytes) + " bytes of data where its dimensions say " +
                std::to_string(bytes));
  return blob;
}

std::shared_ptr<Storage> read_bytes(const ModelFile& file, const onnx::TensorProto& tensor, uint64_t bytes) {
  if (tensor.data_location() == onnx::TensorProto::EXTERNAL)
    return read_external_data(file.folder, tensor, bytes);
  return read_blob(*file.source, checked_blob(file, tensor, bytes));
}

bool is_raw(const onnx::TensorProto& tensor) {
  return tensor.has_raw_data() || tensor.data_location() == onnx::TensorProto::EXTERNAL;
}

// `tensor` without its elements.
Weight header_of(const onnx::TensorProto& tensor) {
  if (tensor.has_segment())
    throw Error("tensors in segments are not supported");
  Weight weight;
  weight.dtype = dtype_of_onnx(tensor.data_type());
  weight.shape =
      Shape(std::span<const int64_t>(tensor.dims().data(), static_cast<std::size_t>(tensor.dims_size())));
  if (checked_bytes(weight.shape.dims(), size_of(weight.dtype)) > kMaxBytes)
    throw Error("it is too large: " + to_string(weight.shape));
  return weight;
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
  case onnx::TensorProto::FLOAT16:
    return DType::f16;
  case onnx::TensorProto::BFLOAT16:
    return DType::bf16;
  }
  static constexpr const char* kNames[] = {
      "undefined", "float",   "uint8",  "int8",   "uint16", "int16",     "int32",      "int64",   "string",
      "bool",      "float16", "double", "uint32", "uint64", "complex64", "complex128", "bfloat16"};
  const bool known = data_type >= 0 && data_type < static_cast<int64_t>(std::size(kNames));
  throw Error("element type " + (known ? std::string(kNames[data_type]) : std::to_string(data_type)) +
              " is not supported");
}

Weight read_weight(const ModelFile& file, const onnx::TensorProto& tensor) {
  Weight weight = header_of(tensor);
  const auto bytes = static_cast<uint64_t>(checked_bytes(weight.shape.dims(), size_of(weight.dtype)));
  const bool raw = is_raw(tensor);
  weight.storage =
      raw ? read_bytes(file, tensor, bytes) : read_typed(tensor, weight.dtype, weight.shape.elements());
  if (raw && weight.dtype == DType::boolean) // a bool other than 0 or 1 is undefined behaviour waiting
    for (std::size_t i = 0; i < weight.storage->bytes(); ++i)
      weight.storage->data()[i] = std::byte{weight.storage->data()[i] != std::byte{0}};
  return weight;
}

StoredWeight find_weight(const ModelFile& file, const onnx::TensorProto& tensor) {
  if (!is_raw(tensor) || tensor.data_location() == onnx::TensorProto::EXTERNAL ||
      tensor.data_type() == onnx::TensorProto::BOOL)
    return StoredWeight(read_weight(file, tensor));
  const Weight header = header_of(tensor);
  const auto bytes = static_cast<uint64_t>(checked_bytes(header.shape.dims(), size_of(header.dtype)));
  const ModelFile::Blob& blob = checked_blob(file, tensor, bytes);
  if (blob.storage)
    return StoredWeight({blob.storage, header.dtype, header.shape});
  return StoredWeight(
      header.dtype, header.shape, [source = file.source, blob] { return read_blob(*source, blob); },
      [identity = file.identity, blob] {
        return identity->text() + " from " + std::to_string(blob.position);
      });
}

} // namespace sinter::onnx_import
