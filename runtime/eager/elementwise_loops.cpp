// The order in which strided views are walked.
#include "eager/elementwise_loops.h"

#include "parallel.h"

#include <algorithm>
#include <cstdlib>

namespace sinter::eager {
namespace {

struct Dim {
  int64_t extent = 1;
  std::array<int64_t, kMaxViews> strides{};
};

// True if one step of `outer` is a whole walk along `inner` in every view.
bool contiguous(const Dim& outer, const Dim& inner) {
  for (std::size_t v = 0; v < kMaxViews; ++v)
    if (outer.strides[v] != inner.strides[v] * inner.extent)
      return false;
  return true;
}

std::size_t at(int i) {
  return static_cast<std::size_t>(i);
}

} // namespace

LoopNest plan_loops(std::span<const View> views) {
  std::array<Dim, kMaxRank> dims;
  int count = 0;
  const Shape& shape = views[0].shape;
  for (int d = 0; d < shape.rank(); ++d) {
    if (shape[d] == 1)
      continue;
    Dim dim{shape[d], {}};
    for (std::size_t v = 0; v < views.size(); ++v)
      dim.strides[v] = views[v].strides[d];
    int place = count++;
    for (; place > 0 && std::abs(dims[at(place - 1)].strides[0]) < std::abs(dim.strides[0]); --place)
      dims[at(place)] = dims[at(place - 1)];
    dims[at(place)] = dim;
  }
  int merged = 0;
  for (int d = 1; d < count; ++d) {
    Dim& outer = dims[at(merged)];
    const Dim& inner = dims[at(d)];
    if (contiguous(outer, inner))
      outer = {outer.extent * inner.extent, inner.strides};
    else
      dims[at(++merged)] = inner;
  }
  LoopNest nest;
  for (int d = 0; d < std::min(count, merged + 1); ++d) {
    const Dim& dim = dims[at(d)];
    nest.extents.push_back(dim.extent);
    for (std::size_t v = 0; v < kMaxViews; ++v)
      nest.strides[v].push_back(dim.strides[v]);
  }
  return nest;
}

void for_each_row(std::string_view name, std::initializer_list<View> views, RowFn row, const void* context) {
  const View& result = *views.begin();
  std::array<View, kMaxViews> all;
  std::array<int64_t, kMaxViews> bytes{}, inner{};
  std::size_t count = 0;
  for (const View& view : views) {
    if (view.rank() > result.rank())
      throw Error(std::string(name) + ": an operand " + to_string(view) + " does not broadcast to " +
                  to_string(result));
    bytes[count] = static_cast<int64_t>(size_of(view.dtype));
    all[count++] = broadcast_to(view, result.shape);
  }
  if (result.elements() == 0)
    return;
  LoopNest nest = plan_loops({all.data(), count});
  int64_t n = 1;
  const int last = nest.extents.rank() - 1;
  if (last >= 0) {
    n = nest.extents[last];
    nest.extents[last] = 1;
    for (std::size_t v = 0; v < count; ++v)
      inner[v] = nest.strides[v][last];
  }
  // A part of the outermost dimension, which is the row itself where there is no other.
  const bool single = last <= 0;
  auto walk = [&](int64_t begin, int64_t end) {
    Shape extents = nest.extents;
    if (!single)
      extents[0] = end - begin;
    for_each_offset(extents, nest.strides, [&](const std::array<int64_t, kMaxViews>& offsets) {
      std::array<void*, kMaxViews> data{};
      for (std::size_t v = 0; v < count; ++v) {
        const int64_t start = begin * (single ? inner[v] : nest.strides[v][0]);
        data[v] = all[v].as<char>() + (offsets[v] + start) * bytes[v];
      }
      row(context, single ? end - begin : n, data.data(), inner.data());
    });
  };
  const int64_t parts = single ? n : nest.extents[0];
  for_parts(parts, result.elements() / parts, walk);
}

void require_same_dtype(std::string_view name, std::initializer_list<View> views) {
  for (const View& view : views)
    if (view.dtype != views.begin()->dtype)
      throw Error(std::string(name) + ": element types differ: " + to_string(*views.begin()) + " and " +
                  to_string(view));
}

void require_dtype(std::string_view name, const View& view, DType dtype) {
  if (view.dtype != dtype)
    throw Error(std::string(name) + ": " + std::string(name_of(dtype)) + " elements expected, got " +
                to_string(view));
}

} // namespace sinter::eager
