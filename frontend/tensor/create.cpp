// Tensors from numbers, memory and chance.
#include "sinter/runtime/eager/movement.h"
#include "trace/errors.h"
#include "trace/node.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

namespace sinter {

using trace::fail;
using trace::locate;
using trace::make_concrete;
using trace::make_empty;
using trace::node_of;

namespace {

// SplitMix64: element i of a seed's sequence, independent of all others.
uint64_t random_bits(uint64_t seed, uint64_t i) {
  uint64_t x = seed * 0x9E3779B97F4A7C15u + (i + 1) * 0xD1B54A32D192ED03u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

// In (0, 1), never an end.
double random_unit(uint64_t seed, uint64_t i) {
  return (static_cast<double>(random_bits(seed, i) >> 11) + 0.5) * 0x1p-53;
}

template <class Sample>
Tensor random_tensor(const Shape& shape, const SourceLocation& where, std::string_view name,
                     Sample&& sample) {
  return locate(where, name, [&] {
    Tensor tensor = make_empty(DType::f32, shape);
    auto* out = node_of(tensor).view().as<float>();
    for (int64_t i = 0; i < shape.elements(); ++i)
      out[i] = sample(static_cast<uint64_t>(i));
    return tensor;
  });
}

// Throws unless all elements lie in `bytes` bytes from `byte_offset` on.
void check_inside(const Storage& storage, DType dtype, const Shape& shape, const Shape& strides,
                  uint64_t byte_offset) {
  checked_bytes(shape.dims(), size_of(dtype));
  if (strides.rank() != shape.rank())
    throw Error("shape " + to_string(shape) + " with strides " + to_string(strides) + ": ranks differ");
  if (byte_offset % size_of(dtype) != 0 || reinterpret_cast<uintptr_t>(storage.data()) % size_of(dtype) != 0)
    throw Error("the elements would not be aligned to their size");
  if (shape.elements() == 0)
    return;
  int64_t low = 0, high = 0; // element offsets
  for (int d = 0; d < shape.rank(); ++d) {
    int64_t reach = 0;
    if (__builtin_mul_overflow(strides[d], shape[d] - 1, &reach) ||
        __builtin_add_overflow(reach < 0 ? low : high, reach, reach < 0 ? &low : &high))
      throw Error("strides " + to_string(strides) + " of shape " + to_string(shape) + " overflow");
  }
  const auto offset = static_cast<int64_t>(byte_offset / size_of(dtype));
  const auto capacity = static_cast<int64_t>(storage.bytes() / size_of(dtype));
  if (byte_offset > storage.bytes() || low < -offset || high >= capacity - offset)
    throw Error("shape " + to_string(shape) + " with strides " + to_string(strides) + " from byte " +
                std::to_string(byte_offset) + " on does not fit in a storage of " +
                std::to_string(storage.bytes()) + " bytes");
}

} // namespace

Tensor::Tensor() {
  static const Tensor nothing = make_empty(DType::f32, {0});
  node_ = nothing.node_;
}

Tensor::Tensor(float value) : Tensor(make_empty(DType::f32, {})) {
  *node_of(*this).view().as<float>() = value;
}

Tensor Tensor::empty(const Shape& shape, DType dtype, SourceLocation where) {
  return locate(where, "empty", [&] { return make_empty(dtype, shape); });
}

Tensor Tensor::full(const Shape& shape, double value, DType dtype, SourceLocation where) {
  return locate(where, "full", [&] {
    Tensor tensor = make_empty(dtype, shape);
    eager::fill(node_of(tensor).view(), value);
    return tensor;
  });
}

Tensor Tensor::zeros(const Shape& shape, DType dtype, SourceLocation where) {
  return locate(where, "zeros", [&] {
    Tensor tensor = make_empty(dtype, shape);
    const View view = node_of(tensor).view();
    std::memset(view.data, 0, view.bytes());
    return tensor;
  });
}

Tensor Tensor::ones(const Shape& shape, DType dtype, SourceLocation where) {
  return full(shape, 1, dtype, where);
}

template <class T>
Tensor Tensor::of(std::span<const T> values, const Shape& shape, SourceLocation where) {
  return locate(where, "of", [&] {
    const int64_t bytes = checked_bytes(shape.dims(), sizeof(T));
    if (static_cast<std::size_t>(bytes) != values.size_bytes())
      throw Error(std::to_string(values.size()) + " values for shape " + to_string(shape));
    Tensor tensor = make_empty(dtype_of<T>, shape);
    if (bytes > 0)
      std::memcpy(node_of(tensor).view().data, values.data(), values.size_bytes());
    return tensor;
  });
}

template Tensor Tensor::of<float>(std::span<const float>, const Shape&, SourceLocation);
template Tensor Tensor::of<double>(std::span<const double>, const Shape&, SourceLocation);
template Tensor Tensor::of<int32_t>(std::span<const int32_t>, const Shape&, SourceLocation);
template Tensor Tensor::of<int64_t>(std::span<const int64_t>, const Shape&, SourceLocation);
template Tensor Tensor::of<bool>(std::span<const bool>, const Shape&, SourceLocation);
template Tensor Tensor::of<int8_t>(std::span<const int8_t>, const Shape&, SourceLocation);
template Tensor Tensor::of<uint8_t>(std::span<const uint8_t>, const Shape&, SourceLocation);

Tensor Tensor::of(std::initializer_list<float> values, const Shape& shape, SourceLocation where) {
  return of(std::span<const float>(values.begin(), values.size()), shape, where);
}

Tensor Tensor::uniform(const Shape& shape, uint64_t seed, double low, double high, SourceLocation where) {
  if (!(low <= high) || !std::isfinite(high - low))
    fail(where, "uniform", "no range from " + std::to_string(low) + " to " + std::to_string(high));
  const auto first = static_cast<float>(low), past = static_cast<float>(high);
  return random_tensor(shape, where, "uniform", [=](uint64_t i) {
    const auto sample = static_cast<float>(low + (high - low) * random_unit(seed, i));
    return sample < past ? std::max(sample, first) : std::max(std::nextafter(past, first), first);
  });
}

Tensor Tensor::normal(const Shape& shape, uint64_t seed, double mean, double deviation,
                      SourceLocation where) {
  if (!(deviation >= 0))
    fail(where, "normal", "a deviation of " + std::to_string(deviation));
  return random_tensor(shape, where, "normal", [=](uint64_t i) { // Box and Muller
    const double radius = std::sqrt(-2 * std::log(random_unit(seed, 2 * i)));
    return static_cast<float>(mean + deviation * radius *
                                         std::cos(2 * std::numbers::pi * random_unit(seed, 2 * i + 1)));
  });
}

Tensor Tensor::from_storage(std::shared_ptr<Storage> storage, DType dtype, const Shape& shape,
                            const Shape& strides, uint64_t byte_offset, SourceLocation where) {
  return locate(where, "from_storage", [&] {
    if (!storage)
      throw Error("there is no storage");
    if (storage->device())
      throw Error("the storage is that of a device; use to()");
    check_inside(*storage, dtype, shape, strides, byte_offset);
    return make_concrete(std::move(storage), dtype, shape, strides, byte_offset);
  });
}

Tensor Tensor::from_storage(std::shared_ptr<Storage> storage, DType dtype, const Shape& shape,
                            SourceLocation where) {
  locate(where, "from_storage", [&] { return checked_bytes(shape.dims(), size_of(dtype)); });
  return from_storage(std::move(storage), dtype, shape, shape.row_major_strides(), 0, where);
}

} // namespace sinter
