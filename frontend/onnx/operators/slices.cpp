// Cutting tensors up and putting them together.
#include "frontend/onnx/node_context.h"
#include "frontend/onnx/operators.h"

#include <algorithm>

namespace sinter::onnx_import {
namespace {

// What a range [start, end) with a step selects of `extent` elements, by ONNX's rules of clamping.
struct Selection {
  int64_t start, size;
};
Selection select(int64_t start, int64_t end, int64_t step, int64_t extent) {
  if (start < 0)
    start += extent;
  if (end < 0)
    end += extent;
  if (step > 0) {
    start = std::clamp<int64_t>(start, 0, extent);
    end = std::clamp<int64_t>(end, 0, extent);
    return {start, end > start ? (end - start - 1) / step + 1 : 0};
  }
  if (extent == 0)
    return {0, 0};
  start = std::clamp<int64_t>(start, 0, extent - 1);
  end = std::clamp<int64_t>(end, -1, extent - 1);
  // -(step + 1) + 1 would overflow for the smallest step there is; extents are far from it.
  return {start, start > end ? (start - end - 1) / -std::max(step, -extent) + 1 : 0};
}

void import_slice(NodeContext& node) {
  Value value = node.input(0);
  const int64_t rank = rank_of(value);
  const auto starts = node.integers_from("starts", 1, "the starts"),
             ends = node.integers_from("ends", 2, "the ends");
  if (!starts || !ends || starts->size() != ends->size())
    throw Error("starts and ends are missing or differ in number");
  Dims axes;
  for (std::size_t i = 0; i < starts->size(); ++i)
    axes.push_back(static_cast<int64_t>(i));
  axes = node.integers_from("axes", 3, "the axes").value_or(axes);
  Dims steps(starts->size(), 1);
  if (node.has_input(4))
    steps = node.constant_integers(4, "the steps");
  if (axes.size() != starts->size() || steps.size() != starts->size())
    throw Error("starts, axes and steps differ in number");
  NodeContext::normalize_axes(axes, rank); // no axis twice

  Dims from(static_cast<std::size_t>(rank), 0), sizes = dims_of(value), by(static_cast<std::size_t>(rank), 1);
  const Dims whole = sizes;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<std::size_t>(NodeContext::normalize_axis(axes[i], rank));
    if (steps[i] == 0)
      throw Error("a step is 0");
    const Selection selection = select((*starts)[i], (*ends)[i], steps[i], whole[axis]);
    sizes[axis] = selection.size;
    from[axis] = selection.size > 0 ? selection.start : 0;
    by[axis] = selection.size > 1 ? steps[i] : 1;
  }
  const bool everything =
      sizes == whole && std::all_of(by.begin(), by.end(), [](int64_t step) { return step == 1; });
  node.output(everything ? value : node.make<ir::SliceOp>(value, from, sizes, by));
}

// Equal pieces; with num_outputs the last may be smaller.
Dims equal_pieces(NodeContext& node, int64_t extent) {
  const int64_t count = node.integer("num_outputs", node.output_count());
  if (count < 1 || count != node.output_count())
    throw Error("it has " + std::to_string(node.output_count()) + " outputs but num_outputs is " +
                std::to_string(count));
  if (!node.has("num_outputs") && extent % count != 0)
    throw Error("cannot split " + std::to_string(extent) + " elements into " + std::to_string(count) +
                " equal pieces");
  const int64_t piece = (extent + count - 1) / count;
  Dims pieces;
  for (int64_t i = 0; i < count; ++i)
    pieces.push_back(std::clamp<int64_t>(extent - i * piece, 0, piece));
  return pieces;
}

void import_split(NodeContext& node) {
  const Value value = node.input(0);
  const int64_t axis = NodeContext::normalize_axis(node.integer("axis", 0), rank_of(value));
  const int64_t extent = dims_of(value)[static_cast<std::size_t>(axis)];
  const auto given = node.integers_from("split", 1, "the split");
  const Dims pieces = given ? *given : equal_pieces(node, extent);
  if (static_cast<int64_t>(pieces.size()) != node.output_count())
    throw Error("split " + to_text(pieces) + " does not match " + std::to_string(node.output_count()) +
                " outputs");
  int64_t start = 0;
  for (int i = 0; i < node.output_count(); ++i) {
    const int64_t piece = pieces[static_cast<std::size_t>(i)];
    if (piece < 0 || piece > extent - start)
      throw Error("split " + to_text(pieces) + " does not add up to " + std::to_string(extent));
    if (node.output_used(i))
      node.output(i, node.slice(value, axis, start, piece));
    start += piece;
  }
  if (start != extent)
    throw Error("split " + to_text(pieces) + " does not add up to " + std::to_string(extent));
}

void import_concat(NodeContext& node) {
  llvm::SmallVector<Value> parts;
  for (int i = 0; i < node.input_count(); ++i)
    parts.push_back(node.input(i));
  if (parts.empty())
    throw Error("it has no inputs");
  const int64_t axis = NodeContext::normalize_axis(node.required_integer("axis"), rank_of(parts.front()));
  node.output(parts.size() == 1 ? parts.front() : node.make<ir::ConcatOp>(parts, axis));
}

void import_gather(NodeContext& node) {
  const Value value = node.input(0);
  const int64_t axis = NodeContext::normalize_axis(node.integer("axis", 0), rank_of(value));
  node.output(node.make<ir::GatherOp>(value, node.input(1), axis));
}

// Slices of the first dimension, added where the indices say: the only form of it that is an operation here.
void import_scatter_nd(NodeContext& node) {
  const Value indices = node.input(1);
  Dims where = dims_of(indices);
  const std::string reduction = node.text("reduction", "none");
  if (reduction != "add")
    throw Error("reduction '" + reduction + "' is not supported");
  if (where.empty() || where.back() != 1)
    throw Error("indices of shape " + to_text(where) + " are not supported: their last extent must be 1");
  where.pop_back();
  // Where that dimension has just been added, it was never there.
  auto added = indices.getDefiningOp<ir::ReshapeOp>();
  const Value positions =
      added && dims_of(added.getInput()) == where ? Value(added.getInput()) : node.reshape(indices, where);
  node.output(node.make<ir::ScatterAddOp>(node.input(0), positions, node.input(2), int64_t{0}));
}

// 1 where the index is the position along the new axis, else 0, chosen from `values` [off, on].
void import_one_hot(NodeContext& node) {
  Value indices = node.input(0);
  const Value values = node.input(2);
  const double number = node.constant_number(1, "the depth"); // of any type of number
  constexpr int64_t kMaxDepth = int64_t{1} << 28;
  if (!(number >= 1 && number <= static_cast<double>(kMaxDepth)))
    throw Error("depth " + std::to_string(number) + " is out of range");
  const auto depth = static_cast<int64_t>(number);
  if (dims_of(values) != Dims{2})
    throw Error("values has shape " + to_text(dims_of(values)) + " instead of [2]");
  indices = node.cast(indices, node.builder().getI64Type());
  const int64_t rank = rank_of(indices) + 1,
                axis = NodeContext::normalize_axis(node.integer("axis", -1), rank);
  Dims with_axis = dims_of(indices);
  with_axis.insert(with_axis.begin() + axis, 1);
  const Value zero = node.scalar_like(0, indices);
  const Value wrapped = node.make<ir::AddOp>(indices, node.scalar_like(static_cast<double>(depth), indices));
  indices = node.make<ir::SelectOp>(node.make<ir::LessOp>(indices, zero), wrapped, indices);
  Dims positions, positions_shape(static_cast<std::size_t>(rank), 1);
  for (int64_t i = 0; i < depth; ++i)
    positions.push_back(i);
  positions_shape[static_cast<std::size_t>(axis)] = depth;
  const Value hot = node.make<ir::EqualOp>(node.reshape(indices, with_axis),
                                           node.reshape(node.integers_constant(positions), positions_shape));
  const Value off = node.reshape(node.slice(values, 0, 0, 1), {}),
              on = node.reshape(node.slice(values, 0, 1, 1), {});
  node.output(node.make<ir::SelectOp>(hot, on, off));
}

// The upper or lower triangle of every matrix, from the k-th diagonal on; the rest is 0.
void import_trilu(NodeContext& node) {
  const Value value = node.input(0);
  const Dims dims = dims_of(value);
  if (dims.size() < 2)
    throw Error("the input has shape " + to_text(dims) + "; it needs at least two dimensions");
  const bool upper = node.integer("upper", 1) != 0;
  const int64_t rows = dims[dims.size() - 2], columns = dims.back();
  constexpr int64_t kMost = int64_t{1} << 28;
  const int64_t k = std::clamp(node.has_input(1) ? node.constant_integer(1, "k") : 0, -kMost, kMost);
  if (rows > kMost || columns > kMost || rows * columns > kMost)
    throw Error("matrices of shape " + to_text(dims) + " are too large");
  Weight mask{Storage::allocate(static_cast<std::size_t>(rows * columns)), DType::boolean, {rows, columns}};
  for (int64_t i = 0; i < rows * columns; ++i) {
    const int64_t diagonal = i % columns - i / columns;
    reinterpret_cast<bool*>(mask.storage->data())[i] = upper ? diagonal >= k : diagonal <= k;
  }
  node.output(node.make<ir::SelectOp>(node.constant(mask), value, node.scalar_like(0, value)));
}

} // namespace

void add_slices(OperatorTable& table) {
  table.add("Slice", import_slice);
  table.add("Split", import_split);
  table.add("Concat", import_concat);
  table.add("Gather", import_gather);
  table.add("ScatterND", import_scatter_nd, 16);
  table.add("Trilu", import_trilu, 14);
  table.add("OneHot", import_one_hot, 9);
}

} // namespace sinter::onnx_import
