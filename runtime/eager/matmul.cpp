// Batched matrix products of strided views.
#include "sinter/runtime/eager/matmul.h"

#include "matmul_gemm.h"
#include "sinter/runtime/eager/movement.h"
#include "sinter/runtime/error.h"
#include "sinter/runtime/storage.h"

#include <algorithm>

namespace sinter::eager {
namespace {

// Rows and columns of the last two dimensions, swapped if the operand is stored transposed.
struct Extents {
  int64_t rows, columns, row_stride, column_stride;

  Extents(const View& view, bool transposed) {
    const int row = view.rank() - (transposed ? 1 : 2), column = view.rank() - (transposed ? 2 : 1);
    rows = view.shape[row];
    columns = view.shape[column];
    row_stride = view.strides[row];
    column_stride = view.strides[column];
  }
};

// Strides that OpenBLAS takes are worth a copy.
struct Operand {
  View view;
  std::shared_ptr<Storage> owned;

  explicit Operand(const View& given) : view(given) {
    const int64_t row = given.strides[given.rank() - 2], column = given.strides[given.rank() - 1];
    const bool contiguous = (column == 1 && row >= given.shape[given.rank() - 1]) ||
                            (row == 1 && column >= given.shape[given.rank() - 2]) || given.is_dense();
    if (contiguous || !is_floating(given.dtype))
      return;
    owned = Storage::allocate(given.bytes());
    view = View::dense(owned->data(), given.dtype, given.shape);
    copy(given, view);
  }
};

View without_matrix(const View& view) {
  const Shape& shape = view.shape;
  const auto rank = static_cast<std::size_t>(view.rank() - 2);
  return {view.data, view.dtype, Shape(shape.dims().first(rank)), Shape(view.strides.dims().first(rank))};
}

template <class T>
void multiply(const View& lhs, const View& rhs, const View& result, bool transpose_lhs, bool transpose_rhs) {
  const Extents left(lhs, transpose_lhs), right(rhs, transpose_rhs);
  const int64_t result_row = result.strides[result.rank() - 2];
  auto product = [&](int64_t lhs_offset, int64_t rhs_offset, int64_t result_offset) {
    gemm<T>(left.rows, right.columns, left.columns,
            {lhs.as<const T>() + lhs_offset, left.row_stride, left.column_stride},
            {rhs.as<const T>() + rhs_offset, right.row_stride, right.column_stride},
            result.as<T>() + result_offset, result_row);
  };
  // One matrix on the right: the batches of a dense left side are just more rows.
  if (rhs.rank() == 2 && !transpose_lhs && lhs.is_dense() && lhs.rank() == result.rank() && left.columns > 0)
    return gemm<T>(lhs.elements() / left.columns, right.columns, left.columns,
                   {lhs.as<const T>(), left.columns, 1},
                   {rhs.as<const T>(), right.row_stride, right.column_stride}, result.as<T>(), right.columns);
  const View batches = without_matrix(result);
  const Shape lhs_strides = broadcast_to(without_matrix(lhs), batches.shape).strides;
  const Shape rhs_strides = broadcast_to(without_matrix(rhs), batches.shape).strides;
  for_each_offset<3>(batches.shape, {lhs_strides, rhs_strides, batches.strides},
                     [&](const auto& at) { product(at[0], at[1], at[2]); });
}

} // namespace

void matmul(const View& lhs, const View& rhs, const View& result, bool transpose_lhs, bool transpose_rhs) {
  if (lhs.rank() < 2 || rhs.rank() < 2 || result.rank() < 2)
    throw Error("matmul: " + to_string(lhs) + " times " + to_string(rhs) +
                ": operands need at least two dimensions");
  const Extents left(lhs, transpose_lhs), right(rhs, transpose_rhs), out(result, false);
  if (left.columns != right.rows || out.rows != left.rows || out.columns != right.columns ||
      lhs.dtype != rhs.dtype || lhs.dtype != result.dtype ||
      result.rank() != std::max(lhs.rank(), rhs.rank()))
    throw Error("matmul: " + to_string(lhs) + " times " + to_string(rhs) + " does not give " +
                to_string(result));
  if (result.elements() == 0)
    return;
  if (!result.is_dense()) {
    auto storage = Storage::allocate(result.bytes());
    const View dense = View::dense(storage->data(), result.dtype, result.shape);
    matmul(lhs, rhs, dense, transpose_lhs, transpose_rhs);
    return copy(dense, result);
  }
  const View target = View::dense(result.data, result.dtype, result.shape);
  const Operand a(lhs), b(rhs);
  visit_dtype(lhs.dtype, "matmul", [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_same_v<T, bool>)
      throw_unsupported_dtype(DType::boolean, "matmul");
    else
      multiply<T>(a.view, b.view, target, transpose_lhs, transpose_rhs);
  });
}

} // namespace sinter::eager
