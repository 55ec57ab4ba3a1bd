// Transpose, slice, concat, pad and their kin, expressed as copies between strided views.
#include "sinter/runtime/eager/movement.h"

#include "sinter/runtime/error.h"
#include "sinter/runtime/half.h"
#include "sinter/runtime/storage.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace sinter::eager {
namespace {

View moved(View view, int64_t elements) {
  view.data = static_cast<std::byte*>(view.data) + elements * static_cast<int64_t>(size_of(view.dtype));
  return view;
}

// `count` positions of dimension `dim` from `start` on, `step` apart.
View window(View view, int dim, int64_t start, int64_t count, int64_t step = 1) {
  if (count > 0)
    view = moved(view, start * view.strides[dim]);
  view.shape[dim] = count;
  if (count > 1) // else the step may be any number
    view.strides[dim] *= step;
  return view;
}

// The bytes of `value` as an element of `dtype`.
std::array<std::byte, 8> element_bytes(DType dtype, double value) {
  std::array<std::byte, 8> bytes{};
  auto store = [&](auto element) { std::memcpy(bytes.data(), &element, sizeof(element)); };
  if (dtype == DType::f16)
    store(rt::f16_bits(rt::to_odd_float(value)));
  else if (dtype == DType::bf16)
    store(rt::bf16_bits(rt::to_odd_float(value)));
  else if (dtype == DType::boolean)
    store(value != 0);
  else
    visit_dtype(dtype, "fill", [&](auto zero) { store(static_cast<decltype(zero)>(value)); });
  return bytes;
}

// Fills what lies beyond [first, first + count) of dimension `dim` from the elements inside.
void extend(const View& result, int dim, int64_t first, int64_t count, PadMode mode) {
  auto source_of = [&](int64_t position) {
    const int64_t last = first + count - 1;
    if (mode == PadMode::edge)
      return std::clamp(position, first, last);
    return position < first ? 2 * first - position : 2 * last - position;
  };
  for (int64_t i = 0; i < result.shape[dim]; ++i)
    if (i < first || i >= first + count)
      copy(window(result, dim, source_of(i), 1), window(result, dim, i, 1));
}

// What is cropped on one side may still be mirrored into the other: the whole input is extended first.
void pad_then_crop(const View& input, const View& result, const Shape& low, PadMode mode, double value) {
  Shape begin = low, starts = low, extended = input.shape;
  for (int d = 0; d < input.rank(); ++d) {
    begin[d] = std::max<int64_t>(low[d], 0);
    starts[d] = std::max<int64_t>(-low[d], 0);
    extended[d] += begin[d] + std::max<int64_t>(result.shape[d] - input.shape[d] - low[d], 0);
  }
  auto storage = Storage::allocate(static_cast<std::size_t>(extended.elements()) * size_of(input.dtype));
  const View whole = View::dense(storage->data(), input.dtype, extended);
  pad(input, whole, begin, mode, value);
  slice(whole, result, starts, Shape::filled(input.rank(), 1));
}

} // namespace

void fill(const View& target, double value) {
  auto bytes = element_bytes(target.dtype, value);
  copy(broadcast_to(View{bytes.data(), target.dtype, {}, {}}, target.shape), target);
}

void reshape(const View& input, const View& result) {
  if (input.elements() != result.elements())
    throw Error("reshape: " + to_string(input) + " has another number of elements than " + to_string(result));
  if (input.is_dense())
    return copy(View::dense(input.data, input.dtype, result.shape), result);
  if (result.is_dense())
    return copy(input, View::dense(result.data, result.dtype, input.shape));
  auto storage = Storage::allocate(input.bytes());
  copy(input, View::dense(storage->data(), input.dtype, input.shape));
  copy(View::dense(storage->data(), input.dtype, result.shape), result);
}

void transpose(const View& input, const View& result, const Shape& permutation) {
  View turned = input;
  for (int d = 0; d < input.rank(); ++d) {
    turned.shape[d] = input.shape[static_cast<int>(permutation[d])];
    turned.strides[d] = input.strides[static_cast<int>(permutation[d])];
  }
  copy(turned, result);
}

void slice(const View& input, const View& result, const Shape& starts, const Shape& steps) {
  if (result.elements() == 0)
    return;
  View part = input;
  for (int d = 0; d < input.rank(); ++d)
    part = window(part, d, starts[d], result.shape[d], steps[d]);
  copy(part, result);
}

void concat(std::span<const View> inputs, const View& result, int axis) {
  int64_t start = 0;
  for (const View& input : inputs) {
    copy(input, window(result, axis, start, input.shape[axis]));
    start += input.shape[axis];
  }
}

void broadcast(const View& input, const View& result) {
  copy(broadcast_to(input, result.shape), result);
}

void pad(const View& input, const View& result, const Shape& low, PadMode mode, double value) {
  if (result.elements() == 0)
    return;
  if (mode == PadMode::constant)
    fill(result, value);
  // The part of the input that is visible, and where it lies in the result.
  View from = input, to = result;
  bool visible = true;
  bool cropped = false;
  for (int d = 0; d < input.rank(); ++d) {
    const int64_t first = std::max<int64_t>(low[d], 0);
    const int64_t last = std::min(result.shape[d], input.shape[d] + low[d]);
    visible = visible && last > first;
    cropped = cropped || low[d] < 0 || input.shape[d] + low[d] > result.shape[d];
    from = window(from, d, first - low[d], std::max<int64_t>(last - first, 0));
    to = window(to, d, first, std::max<int64_t>(last - first, 0));
  }
  if (mode == PadMode::constant) {
    if (visible)
      copy(from, to);
    return;
  }
  if (cropped)
    return pad_then_crop(input, result, low, mode, value);
  copy(from, to);
  // Dimension by dimension: what a later one mirrors has been filled by the earlier ones.
  View grown = to;
  for (int d = 0; d < input.rank(); ++d) {
    grown = moved(grown, -low[d] * grown.strides[d]);
    grown.shape[d] = result.shape[d];
    extend(grown, d, low[d], input.shape[d], mode);
  }
}

} // namespace sinter::eager
