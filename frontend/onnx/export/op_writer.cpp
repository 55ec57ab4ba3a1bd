// What the exporter of one operation sees: its operands, and the means to write nodes.
#include "frontend/onnx/export/op_writer.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace sinter::onnx_export {
namespace {

// Integers are clamped to what the type holds; infinities are its ends.
template <class T>
T convert(double value) {
  if constexpr (std::is_same_v<T, bool> || std::is_floating_point_v<T>) {
    return static_cast<T>(value);
  } else {
    using Limits = std::numeric_limits<T>;
    if (value >= static_cast<double>(Limits::max()))
      return Limits::max();
    return value <= static_cast<double>(Limits::lowest()) ? Limits::lowest() : static_cast<T>(value);
  }
}

} // namespace

Input OpWriter::integers(const char* role, llvm::ArrayRef<int64_t> values) {
  auto storage = Storage::allocate(values.size() * sizeof(int64_t));
  if (!values.empty())
    std::memcpy(storage->data(), values.data(), values.size() * sizeof(int64_t));
  auto* context = op_.getContext();
  const auto type =
      RankedTensorType::get({static_cast<int64_t>(values.size())}, mlir::IntegerType::get(context, 64));
  return Setting{role, type, std::move(storage)};
}

Input OpWriter::numbers(const char* role, llvm::ArrayRef<double> values, Type element,
                        llvm::ArrayRef<int64_t> shape) {
  const DType dtype = ir::dtypeOf(element);
  auto storage = Storage::allocate(values.size() * size_of(dtype));
  visit_dtype(dtype, "a constant", [&]<class T>(T) {
    T* out = reinterpret_cast<T*>(storage->data());
    for (const double value : values)
      *out++ = convert<T>(value);
  });
  return Setting{role, RankedTensorType::get(shape, element), std::move(storage)};
}

} // namespace sinter::onnx_export
