// Reading slices at data-dependent positions.
#include "sinter/runtime/eager/gather.h"

#include "sinter/runtime/eager/movement.h"
#include "sinter/runtime/error.h"

namespace sinter::eager {
namespace {

View without_leading(View view, int dims) {
  view.shape = Shape(view.shape.dims().subspan(static_cast<std::size_t>(dims)));
  view.strides = Shape(view.strides.dims().subspan(static_cast<std::size_t>(dims)));
  return view;
}

View moved(View view, int64_t elements) {
  view.data = static_cast<std::byte*>(view.data) + elements * static_cast<int64_t>(size_of(view.dtype));
  return view;
}

int64_t index_at(const View& indices, int64_t offset) {
  if (indices.dtype == DType::i32)
    return indices.as<const int32_t>()[offset];
  if (indices.dtype == DType::i64)
    return indices.as<const int64_t>()[offset];
  throw Error("gather: indices are " + std::string(name_of(indices.dtype)) + "; i32 or i64 is needed");
}

Shape outer(const Shape& dims, int count) {
  return Shape(dims.dims().first(static_cast<std::size_t>(count)));
}

} // namespace

void gather(const View& input, const View& indices, const View& result, int axis) {
  const int64_t extent = input.shape[axis];
  // What one index moves: the dimensions after the axis.
  const View source = without_leading(input, axis + 1),
             target = without_leading(result, axis + indices.rank());
  const Shape positions(
      result.shape.dims().subspan(static_cast<std::size_t>(axis), static_cast<std::size_t>(indices.rank())));
  const Shape steps(result.strides.dims().subspan(static_cast<std::size_t>(axis),
                                                  static_cast<std::size_t>(indices.rank())));
  for_each_offset<2>(positions, {indices.strides, steps}, [&](const auto& at) {
    int64_t index = index_at(indices, at[0]);
    if (index < -extent || index >= extent)
      throw Error("gather: index " + std::to_string(index) + " is out of range for axis " +
                  std::to_string(axis) + " of " + to_string(input));
    index += index < 0 ? extent : 0;
    const int64_t from = index * input.strides[axis], to = at[1];
    for_each_offset<2>(
        outer(input.shape, axis), {outer(input.strides, axis), outer(result.strides, axis)},
        [&](const auto& lead) { copy(moved(source, from + lead[0]), moved(target, to + lead[1])); });
  });
}

} // namespace sinter::eager
