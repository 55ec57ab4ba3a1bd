// Operators that give the same elements another shape.
#include "frontend/onnx/node_context.h"
#include "frontend/onnx/operators.h"

#include <algorithm>

namespace sinter::onnx_import {
namespace {

// 0 copies the input's extent (unless allowzero), one -1 is what remains.
void import_reshape(NodeContext& node) {
  const Value value = node.input(0);
  const Dims from = dims_of(value);
  Dims to = node.constant_integers(1, "the shape");
  const bool allow_zero = node.integer("allowzero", 0) != 0;
  const std::string asked = to_text(to);
  int64_t known = 1;
  std::optional<std::size_t> wildcard;
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (to[i] == 0 && !allow_zero) {
      if (i >= from.size())
        throw Error("shape " + asked + " copies dimension " + std::to_string(i) + ", which " + to_text(from) +
                    " does not have");
      to[i] = from[i];
    }
    if (to[i] == -1) {
      if (wildcard)
        throw Error("shape " + asked + " has more than one -1");
      wildcard = i;
    } else if (to[i] < 0 || __builtin_mul_overflow(known, to[i], &known)) {
      throw Error("shape " + asked + " has a bad extent");
    }
  }
  if (wildcard) {
    const int64_t elements = product(from);
    if (known == 0 || elements % known != 0)
      throw Error("cannot reshape " + to_text(from) + " to " + asked);
    to[*wildcard] = elements / known;
  }
  node.output(node.reshape(value, to));
}

void import_flatten(NodeContext& node) {
  const Value value = node.input(0);
  const Dims dims = dims_of(value);
  const auto rank = static_cast<int64_t>(dims.size());
  const int64_t given = node.integer("axis", 1);
  const int64_t axis = given == rank ? rank : NodeContext::normalize_axis(given, rank);
  const llvm::ArrayRef<int64_t> all = dims;
  node.output(node.reshape(value, {product(all.take_front(static_cast<std::size_t>(axis))),
                                   product(all.drop_front(static_cast<std::size_t>(axis)))}));
}

void import_squeeze(NodeContext& node) {
  const Value value = node.input(0);
  const Dims dims = dims_of(value);
  const auto given = node.integers_from("axes", 1, "the axes");
  Dims axes, result;
  if (given)
    axes = NodeContext::normalize_axes(*given, static_cast<int64_t>(dims.size()));
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const bool named = given && std::find(axes.begin(), axes.end(), static_cast<int64_t>(i)) != axes.end();
    if (named && dims[i] != 1)
      throw Error("cannot squeeze dimension " + std::to_string(i) + " of " + to_text(dims));
    if (!named && (given || dims[i] != 1))
      result.push_back(dims[i]);
  }
  node.output(node.reshape(value, result));
}

void import_unsqueeze(NodeContext& node) {
  const Value value = node.input(0);
  const Dims dims = dims_of(value);
  const auto given = node.integers_from("axes", 1, "the axes");
  if (!given)
    throw Error("the axes are missing");
  const std::size_t rank = dims.size() + given->size();
  if (rank > static_cast<std::size_t>(kMaxRank))
    throw Error("the result would have " + std::to_string(rank) + " dimensions; at most " +
                std::to_string(kMaxRank) + " are supported");
  const Dims axes = NodeContext::normalize_axes(*given, static_cast<int64_t>(rank));
  Dims result;
  for (std::size_t i = 0, from = 0; i < rank; ++i) {
    const bool added = std::find(axes.begin(), axes.end(), static_cast<int64_t>(i)) != axes.end();
    result.push_back(added ? 1 : dims[from++]);
  }
  node.output(node.reshape(value, result));
}

void import_transpose(NodeContext& node) {
  const Value value = node.input(0);
  const int64_t rank = rank_of(value);
  Dims permutation;
  for (int64_t i = rank; i-- > 0;)
    permutation.push_back(i);
  permutation = node.integers("perm").value_or(permutation);
  const Dims sorted = static_cast<int64_t>(permutation.size()) == rank
                          ? NodeContext::normalize_axes(permutation, rank)
                          : Dims();
  if (static_cast<int64_t>(sorted.size()) != rank)
    throw Error("perm " + to_text(permutation) + " is not a permutation of " + std::to_string(rank) +
                " dimensions");
  for (int64_t& axis : permutation)
    axis = NodeContext::normalize_axis(axis, rank);
  node.output(node.transpose(value, permutation));
}

void import_expand(NodeContext& node) {
  const Value value = node.input(0);
  const Dims shape = node.constant_integers(1, "the shape");
  for (int64_t dim : shape)
    if (dim < 0)
      throw Error("shape " + to_text(shape) + " has a negative extent");
  const auto result = ir::broadcastShapes(dims_of(value), shape);
  if (failed(result))
    throw Error("cannot expand " + to_text(dims_of(value)) + " to " + to_text(shape));
  node.output(node.broadcast_to(value, *result));
}

// [before, after] -> [before, 1, after] -> [before, count, after]
Value repeat(NodeContext& node, Value value, std::size_t axis, int64_t count) {
  Dims dims = dims_of(value);
  const llvm::ArrayRef<int64_t> all = dims;
  const int64_t before = product(all.take_front(axis)), after = product(all.drop_front(axis));
  const Value apart = node.reshape(value, {before, 1, after});
  const Value repeated = node.broadcast_to(apart, {before, count, after});
  if (__builtin_mul_overflow(dims[axis], count, &dims[axis]))
    throw Error("the result is too large");
  return node.reshape(repeated, dims);
}

void import_tile(NodeContext& node) {
  Value value = node.input(0);
  const Dims counts = node.constant_integers(1, "the repeats");
  if (static_cast<int64_t>(counts.size()) != rank_of(value))
    throw Error(std::to_string(counts.size()) + " repeats given for " + std::to_string(rank_of(value)) +
                " dimensions");
  for (std::size_t axis = 0; axis < counts.size(); ++axis) {
    if (counts[axis] < 0)
      throw Error("repeats " + to_text(counts) + " have a negative entry");
    if (counts[axis] != 1)
      value = repeat(node, value, axis, counts[axis]);
  }
  node.output(value);
}

} // namespace

void add_shapes(OperatorTable& table) {
  table.add("Reshape", import_reshape);
  table.add("Flatten", import_flatten);
  table.add("Squeeze", import_squeeze);
  table.add("Unsqueeze", import_unsqueeze);
  table.add("Transpose", import_transpose);
  table.add("Expand", import_expand, 8);
  table.add("Tile", import_tile);
}

} // namespace sinter::onnx_import
