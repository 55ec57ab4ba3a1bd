// Operations that move or rename elements. On concrete tensors, most only make a new view.
#include "sinter/ops.h"

#include "tensor/arguments.h"
#include "trace/apply.h"

#include <algorithm>
#include <array>
#include <optional>

namespace sinter {

using trace::apply;
using trace::apply_or_alias;
using trace::make_concrete;
using trace::Node;
using trace::node_of;
using trace::wrap_axes;
using trace::wrap_axis;

namespace {

Tensor share(const Tensor& x, const Shape& shape, const Shape& strides, int64_t elements_on = 0) {
  const Node& node = node_of(x);
  const int64_t bytes = elements_on * static_cast<int64_t>(size_of(node.dtype));
  return make_concrete(node.storage, node.dtype, shape, strides,
                       node.byte_offset + static_cast<uint64_t>(bytes));
}

// Strides under which a strided tensor reads as `shape` in row-major order, if there are any. Both shapes are
// cut into the shortest groups of dimensions of equal size; within a group the old dimensions must be evenly
// spaced.
std::optional<Shape> strides_of_reshaped(const View& x, const Shape& shape) {
  Shape strides = shape.row_major_strides();
  if (x.is_dense())
    return strides;
  int from = 0, to = 0;
  while (from < x.rank() && to < shape.rank()) {
    int64_t old_size = x.shape[from], new_size = shape[to];
    const int first_from = from++, first_to = to++;
    while (old_size != new_size)
      if (old_size < new_size)
        old_size *= x.shape[from++];
      else
        new_size *= shape[to++];
    std::optional<int64_t> step; // of the innermost dimension of the group
    int64_t reach = 0;           // the spacing the next one out must have
    for (int d = from - 1; d >= first_from; --d) {
      if (x.shape[d] == 1)
        continue;
      if (step && x.strides[d] != reach)
        return std::nullopt;
      step = step.value_or(x.strides[d]);
      reach = x.strides[d] * x.shape[d];
    }
    int64_t stride = step.value_or(1);
    for (int d = to - 1; d >= first_to; --d) {
      strides[d] = stride;
      stride *= shape[d];
    }
  }
  return strides;
}

} // namespace

Tensor reshape(const Tensor& x, const Shape& shape, SourceLocation where) {
  const Shape target = trace::resolve_extents(where, x, shape);
  const auto view = [&](const Shape& result) {
    if (const auto strides = strides_of_reshaped(node_of(x).view(), result))
      return share(x, result, *strides);
    return share(x.contiguous(where), result, result.row_major_strides());
  };
  return apply_or_alias<ir::ReshapeOp>(view, where, x, target);
}

Tensor flatten(const Tensor& x, int first, int last, SourceLocation where) {
  if (x.rank() == 0)
    return reshape(x, {1}, where);
  const int begin = wrap_axis(where, "flatten", first, x.rank()),
            end = wrap_axis(where, "flatten", last, x.rank());
  if (begin > end)
    trace::fail(where, "flatten",
                "dimensions from " + std::to_string(first) + " to " + std::to_string(last) + " of " +
                    to_string(x.shape()));
  Shape shape;
  for (int d = 0; d < x.rank(); ++d)
    if (d > begin && d <= end)
      shape[shape.rank() - 1] *= x.shape()[d];
    else
      shape.push_back(x.shape()[d]);
  return reshape(x, shape, where);
}

Tensor unsqueeze(const Tensor& x, int axis, SourceLocation where) {
  const int at = wrap_axis(where, "unsqueeze", axis, x.rank() + 1);
  const Shape shape = trace::locate(where, "unsqueeze", [&] {
    Shape longer;
    for (int d = 0; d <= x.rank(); ++d)
      longer.push_back(d == at ? 1 : x.shape()[d < at ? d : d - 1]);
    return longer;
  });
  return reshape(x, shape, where);
}

Tensor squeeze(const Tensor& x, const Axes& axes, SourceLocation where) {
  const Shape dropped = wrap_axes(where, "squeeze", axes, x.rank());
  Shape shape;
  for (int d = 0; d < x.rank(); ++d) {
    if (std::find(dropped.begin(), dropped.end(), d) == dropped.end())
      shape.push_back(x.shape()[d]);
    else if (x.shape()[d] != 1)
      trace::fail(where, "squeeze",
                  "dimension " + std::to_string(d) + " of " + to_string(x.shape()) + " is not 1");
  }
  return reshape(x, shape, where);
}

Tensor permute(const Tensor& x, const Shape& permutation, SourceLocation where) {
  Shape wrapped;
  for (int64_t axis : permutation)
    wrapped.push_back(wrap_axis(where, "permute", axis, x.rank()));
  const auto view = [&](const Shape& result) {
    Shape strides = result;
    for (int d = 0; d < result.rank(); ++d)
      strides[d] = node_of(x).strides[static_cast<int>(wrapped[d])];
    return share(x, result, strides);
  };
  return apply_or_alias<ir::TransposeOp>(view, where, x, wrapped);
}

Tensor transpose(const Tensor& x, int a, int b, SourceLocation where) {
  const int i = wrap_axis(where, "transpose", a, x.rank()), j = wrap_axis(where, "transpose", b, x.rank());
  Shape permutation;
  for (int d = 0; d < x.rank(); ++d)
    permutation.push_back(d == i ? j : d == j ? i : d);
  return permute(x, permutation, where);
}

Tensor slice(const Tensor& x, int axis, int64_t start, int64_t stop, int64_t step, SourceLocation where) {
  const int at = wrap_axis(where, "slice", axis, x.rank());
  if (step == 0)
    trace::fail(where, "slice", "a step of 0");
  const int64_t extent = x.shape()[at];
  // Positions that a loop in this direction may start from or stop at.
  const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? extent : extent - 1;
  const auto clipped = [&](int64_t position) {
    return std::clamp(position < 0 ? position + extent : position, low, high);
  };
  const int64_t first = clipped(start), past = stop == kToEnd ? (step > 0 ? high : low) : clipped(stop);
  const int64_t span = step > 0 ? past - first : first - past;
  const uint64_t stride = step > 0 ? static_cast<uint64_t>(step) : -static_cast<uint64_t>(step);
  Shape starts = Shape::filled(x.rank(), 0), sizes = x.shape(), steps = Shape::filled(x.rank(), 1);
  sizes[at] = span <= 0 ? 0 : static_cast<int64_t>((static_cast<uint64_t>(span) - 1) / stride) + 1;
  starts[at] = sizes[at] == 0 ? 0 : first;
  steps[at] = sizes[at] <= 1 ? 1 : step;
  const auto view = [&](const Shape& result) {
    Shape strides = node_of(x).strides;
    const int64_t offset = starts[at] * strides[at];
    strides[at] *= steps[at];
    return share(x, result, strides, offset);
  };
  return apply_or_alias<ir::SliceOp>(view, where, x, starts, sizes, steps);
}

Tensor broadcast_to(const Tensor& x, const Shape& shape, SourceLocation where) {
  const auto view = [&](const Shape& result) {
    return share(x, result, sinter::broadcast_to(node_of(x).view(), result).strides);
  };
  return apply_or_alias<ir::BroadcastToOp>(view, where, x, shape);
}

Tensor concat(std::span<const Tensor> parts, int axis, SourceLocation where) {
  if (parts.empty())
    trace::fail(where, "concat", "there is nothing to concatenate");
  return apply<ir::ConcatOp>(where, parts, int64_t{wrap_axis(where, "concat", axis, parts[0].rank())});
}
Tensor concat(std::initializer_list<Tensor> parts, int axis, SourceLocation where) {
  return concat(std::span(parts.begin(), parts.size()), axis, where);
}

Tensor pad(const Tensor& x, const Shape& low, const Shape& high, double value, PadMode mode,
           SourceLocation where) {
  return apply<ir::PadOp>(where, x, low, high, static_cast<ir::PadMode>(mode), value);
}
static_assert(static_cast<int>(ir::PadMode::reflect) == static_cast<int>(PadMode::reflect) &&
              static_cast<int>(ir::PadMode::edge) == static_cast<int>(PadMode::edge));

namespace {

void check_known_indices(std::string_view operation, const Tensor& x, const Tensor& indices, int64_t axis,
                         const SourceLocation& where) {
  const int64_t extent = x.shape()[static_cast<int>(axis)];
  trace::check_known(x, indices, [&](int64_t index) {
    if (index < -extent || index >= extent)
      trace::fail(where, operation,
                  "index " + std::to_string(index) + " is out of range for axis " + std::to_string(axis) +
                      " of " + to_string(View{nullptr, x.dtype(), x.shape(), {}}));
  });
}

} // namespace

Tensor gather(const Tensor& x, const Tensor& indices, int axis, SourceLocation where) {
  const int64_t along = wrap_axis(where, "gather", axis, x.rank());
  check_known_indices("gather", x, indices, along, where);
  return apply<ir::GatherOp>(where, x, indices, along);
}

Tensor scatter_add(const Tensor& x, const Tensor& indices, const Tensor& updates, int axis,
                   SourceLocation where) {
  const int64_t along = wrap_axis(where, "scatter_add", axis, x.rank());
  check_known_indices("scatter_add", x, indices, along, where);
  return apply<ir::ScatterAddOp>(where, x, indices, updates, along);
}

Tensor resize(const Tensor& x, const Shape& sizes, const ResizeOptions& options, SourceLocation where) {
  if (sizes.rank() != x.rank())
    trace::fail(where, "resize",
                "sizes " + to_string(sizes) + " for a tensor of shape " + to_string(x.shape()));
  std::array<double, kMaxRank> scales{};
  for (int d = 0; d < x.rank(); ++d) {
    if (x.shape()[d] == 0)
      trace::fail(where, "resize", "there is nothing to resize in shape " + to_string(x.shape()));
    scales[static_cast<std::size_t>(d)] = static_cast<double>(sizes[d]) / static_cast<double>(x.shape()[d]);
  }
  return apply<ir::ResizeOp>(
      where, x, sizes, llvm::ArrayRef(scales.data(), static_cast<std::size_t>(x.rank())),
      static_cast<ir::ResizeMode>(options.mode), static_cast<ir::ResizeCoordinates>(options.coordinates),
      static_cast<ir::ResizeRounding>(options.rounding));
}
static_assert(static_cast<int>(ir::ResizeMode::linear) == static_cast<int>(ResizeMode::linear));
static_assert(static_cast<int>(ir::ResizeCoordinates::asymmetric) ==
              static_cast<int>(ResizeCoordinates::asymmetric));
static_assert(static_cast<int>(ir::ResizeRounding::ceil) == static_cast<int>(ResizeRounding::ceil));

Tensor Tensor::reshape(const Shape& shape, SourceLocation where) const {
  return sinter::reshape(*this, shape, where);
}
Tensor Tensor::transpose(int a, int b, SourceLocation where) const {
  return sinter::transpose(*this, a, b, where);
}
Tensor Tensor::permute(const Shape& permutation, SourceLocation where) const {
  return sinter::permute(*this, permutation, where);
}

} // namespace sinter
