// Arguments as users write them, in the form operations take.
#include "tensor/arguments.h"

#include "trace/errors.h"
#include "trace/node.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace sinter::trace {
namespace {

bool representable(double number, DType dtype) {
  if (is_floating(dtype))
    return true;
  return visit_dtype(dtype, "number", [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_same_v<T, bool>)
      return number == 0 || number == 1;
    else // past the maximum, which may not be a double itself
      return number == std::trunc(number) && number >= static_cast<double>(std::numeric_limits<T>::min()) &&
             number < 2.0 * static_cast<double>(std::numeric_limits<T>::max() / 2 + 1);
  });
}

std::string number_text(double number) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.9g", number);
  return text;
}

} // namespace

Numbers::Numbers(const SourceLocation& where, std::string_view operation,
                 std::array<const Operand*, 2> operands) {
  DType dtype = DType::f32;
  for (std::size_t i = operands.size(); i-- > 0;) {
    given_[i] = operands[i]->tensor();
    if (given_[i])
      dtype = given_[i]->dtype();
  }
  operation.remove_prefix(std::string_view("sinter.").size());
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (given_[i])
      continue;
    const double number = operands[i]->number();
    if (!representable(number, dtype))
      fail(where, operation,
           "the number " + number_text(number) + " is not a value of type " + std::string(name_of(dtype)) +
               "; cast() the tensor first");
    made_[i] = Tensor::full({}, number, dtype, where);
    made_[i]->node()->literal = true;
  }
}

int wrap_axis(const SourceLocation& where, std::string_view operation, int64_t axis, int rank) {
  if (axis < -rank || axis >= rank)
    fail(where, operation, "axis " + std::to_string(axis) + " of a tensor of rank " + std::to_string(rank));
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

Shape wrap_axes(const SourceLocation& where, std::string_view operation, const Axes& axes, int rank) {
  Shape wrapped;
  for (int64_t axis : axes.list())
    wrapped.push_back(wrap_axis(where, operation, axis, rank));
  std::sort(wrapped.begin(), wrapped.end());
  if (std::adjacent_find(wrapped.begin(), wrapped.end()) != wrapped.end())
    fail(where, operation, "axes " + to_string(axes.list()) + " name a dimension twice");
  return wrapped;
}

Shape per_dimension(const Shape& list, int dimensions, int64_t standard) {
  if (list.rank() > 1)
    return list;
  return Shape::filled(std::clamp(dimensions, 0, kMaxRank), list.rank() == 1 ? list[0] : standard);
}

Shape resolve_extents(const SourceLocation& where, const Tensor& x, const Shape& shape) {
  Shape known = shape;
  int open = -1;
  for (int d = 0; d < shape.rank(); ++d) {
    if (shape[d] >= 0)
      continue;
    if (shape[d] < -1 || open >= 0)
      fail(where, "reshape",
           "shape " + to_string(shape) + " has extents below 0; one may be -1: what remains");
    open = d;
    known[d] = 1;
  }
  const auto mismatch = [&] {
    fail(where, "reshape", "cannot view " + to_string(x.shape()) + " as " + to_string(shape));
  };
  locate(where, "reshape", [&] { return checked_bytes(known.dims(), 1); });
  const int64_t rest = known.elements();
  if (open >= 0) {
    if (rest == 0 || x.elements() % rest != 0)
      mismatch();
    known[open] = x.elements() / rest;
  } else if (rest != x.elements())
    mismatch();
  return known;
}

void check_known(const Tensor& x, const Tensor& indices, llvm::function_ref<void(int64_t)> check) {
  const Node& node = node_of(x);
  if (!node.may_record() || !trace_for(node) || indices.is_traced() || indices.device() != Device::cpu ||
      (indices.dtype() != DType::i32 && indices.dtype() != DType::i64))
    return;
  const View view = node_of(indices).view();
  for_each_offset<1>(view.shape, {view.strides}, [&](const std::array<int64_t, 1>& at) {
    check(view.dtype == DType::i32 ? view.as<int32_t>()[at[0]] : view.as<int64_t>()[at[0]]);
  });
}

} // namespace sinter::trace
