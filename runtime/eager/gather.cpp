// Reading and adding to slices at data-dependent positions.
#include "sinter/runtime/eager/gather.h"

#include "sinter/runtime/eager/elementwise.h"
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

int64_t index_at(const char* op, const View& indices, int64_t offset) {
  if (indices.dtype == DType::i32)
    return indices.as<const int32_t>()[offset];
  if (indices.dtype == DType::i64)
    return indices.as<const int64_t>()[offset];
  throw Error(op + (": indices are " + std::string(name_of(indices.dtype))) + "; i32 or i64 is needed");
}

Shape outer(const Shape& dims, int count) {
  return Shape(dims.dims().first(static_cast<std::size_t>(count)));
}

// Calls visit(slice of `whole`, slice of `picked`) for every index and position before the axis: what an
// index moves are the dimensions after it. `whole` has `axis`, `picked` the dimensions of `indices` in its
// place.
template <class Visit>
void for_each_slice(const char* op, const View& whole, const View& indices, const View& picked, int axis,
                    Visit&& visit) {
  const int64_t extent = whole.shape[axis];
  const View inner = without_leading(whole, axis + 1),
             picked_inner = without_leading(picked, axis + indices.rank());
  const Shape positions(
      picked.shape.dims().subspan(static_cast<std::size_t>(axis), static_cast<std::size_t>(indices.rank())));
  const Shape steps(picked.strides.dims().subspan(static_cast<std::size_t>(axis),
                                                  static_cast<std::size_t>(indices.rank())));
  for_each_offset<2>(positions, {indices.strides, steps}, [&](const auto& at) {
    int64_t index = index_at(op, indices, at[0]);
    if (index < -extent || index >= extent)
      throw Error(op + (": index " + std::to_string(index)) + " is out of range for axis " +
                  std::to_string(axis) + " of " + to_string(whole));
    index += index < 0 ? extent : 0;
    const int64_t from = index * whole.strides[axis], to = at[1];
    for_each_offset<2>(
        outer(whole.shape, axis), {outer(whole.strides, axis), outer(picked.strides, axis)},
        [&](const auto& lead) { visit(moved(inner, from + lead[0]), moved(picked_inner, to + lead[1])); });
  });
}

} // namespace

void gather(const View& input, const View& indices, const View& result, int axis) {
  for_each_slice("gather", input, indices, result, axis,
                 [](const View& from, const View& to) { copy(from, to); });
}

void scatter_add(const View& input, const View& indices, const View& updates, const View& result, int axis) {
  copy(input, result);
  for_each_slice("scatter_add", result, indices, updates, axis,
                 [](const View& to, const View& from) { add(to, from, to); });
}

} // namespace sinter::eager
