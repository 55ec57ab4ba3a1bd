// Operators whose results follow from shapes alone, and conversions.
#include "frontend/onnx/node_context.h"
#include "frontend/onnx/operators.h"

#include "frontend/onnx/weight.h"

#include <algorithm>
#include <cmath>

namespace sinter::onnx_import {
namespace {

constexpr int64_t kMaxRange = int64_t{1} << 28;

void import_shape(NodeContext& node) {
  const Dims dims = dims_of(node.input(0));
  const auto rank = static_cast<int64_t>(dims.size());
  auto clamp = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank); };
  const int64_t start = clamp(node.integer("start", 0)),
                end = std::max(start, clamp(node.integer("end", rank)));
  node.output(node.integers_constant(
      llvm::ArrayRef(dims).slice(static_cast<std::size_t>(start), static_cast<std::size_t>(end - start))));
}

void import_size(NodeContext& node) {
  node.output(node.integer_constant(product(dims_of(node.input(0)))));
}

// The dtype of the result is that of the one-element tensor `value`; f32 zeros without one.
void import_constant_of_shape(NodeContext& node) {
  const Dims shape = node.constant_integers(0, "the shape");
  for (int64_t dim : shape)
    if (dim < 0)
      throw Error("the shape has a negative extent: " + to_text(shape));
  if (!node.has("value"))
    return node.output(node.splat(0, node.builder().getF32Type(), shape));
  const Weight element = node.tensor("value");
  if (element.shape.elements() != 1)
    throw Error("attribute value has " + std::to_string(element.shape.elements()) +
                " elements instead of one");
  node.output(node.splat(element.view(), shape));
}

// start, start + delta, ... below limit, computed in the type of the result as ONNX says.
template <class T>
Value range(NodeContext& node, T start, T limit, T delta) {
  // In 128 bits no integer can overflow.
  using Wide = std::conditional_t<std::is_floating_point_v<T>, T, __int128>;
  const Wide span = static_cast<Wide>(limit) - start;
  if (delta == 0)
    throw Error("the range has no end: delta is 0");
  Wide count = span / delta;
  if constexpr (std::is_floating_point_v<T>)
    count = std::ceil(count);
  else
    count += (span % delta != 0 && (span < 0) == (delta < 0)) ? 1 : 0;
  if (!(count <= static_cast<Wide>(kMaxRange)))
    throw Error("the range has no end or too many elements");
  const int64_t elements = count > 0 ? static_cast<int64_t>(count) : 0;
  Weight values{Storage::allocate(static_cast<std::size_t>(elements) * sizeof(T)), dtype_of<T>, {elements}};
  for (int64_t i = 0; i < elements; ++i)
    reinterpret_cast<T*>(values.storage->data())[i] = static_cast<T>(start + static_cast<Wide>(i) * delta);
  return node.constant(values);
}

void import_range(NodeContext& node) {
  const Type element = element_of(node.input(0));
  visit_numeric(ir::dtypeOf(element), "Range", [&]<class T>(T) {
    auto number = [&](int i, const char* role) {
      if constexpr (std::is_floating_point_v<T>)
        return static_cast<T>(node.constant_number(i, role));
      else
        return static_cast<T>(node.constant_integer(i, role));
    };
    node.output(range<T>(node, number(0, "start"), number(1, "limit"), number(2, "delta")));
  });
}

void import_identity(NodeContext& node) {
  node.output(node.input(0));
}

Type element_type(NodeContext& node, int64_t data_type) {
  return ir::elementTypeOf(node.builder().getContext(), dtype_of_onnx(data_type));
}

void import_cast(NodeContext& node) {
  node.output(node.cast(node.input(0), element_type(node, node.required_integer("to"))));
}

void import_cast_like(NodeContext& node) {
  node.output(node.cast(node.input(0), element_of(node.input(1))));
}

// Dropout does nothing at inference. Its mask, if asked for, keeps everything.
void import_dropout(NodeContext& node) {
  if (node.has_input(2) && node.constant_integer(2, "training_mode") != 0)
    throw Error("training mode is not supported");
  node.output(node.input(0));
  if (node.output_used(1)) {
    const Type mask = node.opset() >= 10 ? Type(node.builder().getI1Type()) : element_of(node.input(0));
    node.output(1, node.splat(1, mask, dims_of(node.input(0))));
  }
}

} // namespace

void add_constants(OperatorTable& table) {
  table.add("Shape", import_shape);
  table.add("Size", import_size);
  table.add("ConstantOfShape", import_constant_of_shape, 9);
  table.add("Range", import_range, 11);
  table.add("Identity", import_identity);
  table.add("Cast", import_cast);
  table.add("CastLike", import_cast_like, 15);
  table.add("Dropout", import_dropout);
}

} // namespace sinter::onnx_import
