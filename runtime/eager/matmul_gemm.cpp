// Matrix products: the way to OpenBLAS, and loops for what it does not take.
#include "matmul_gemm.h"

#include "matmul_blas.h"
#include "wrapping.h"

#include <algorithm>
#include <limits>
#include <type_traits>

namespace sinter::eager {
namespace {

template <class T>
void loops(int64_t m, int64_t n, int64_t k, Matrix<T> a, Matrix<T> b, T* c, int64_t c_row_stride) {
  using U = wrapping_t<T>;
  for (int64_t i = 0; i < m; ++i) {
    T* row = c + i * c_row_stride;
    for (int64_t p = 0; p < k; ++p) {
      const U factor = static_cast<U>(a.data[i * a.row_stride + p * a.column_stride]);
      const T* from = b.data + p * b.row_stride;
      if (b.column_stride == 1)
        for (int64_t j = 0; j < n; ++j)
          row[j] = static_cast<T>(static_cast<U>(row[j]) + factor * static_cast<U>(from[j]));
      else
        for (int64_t j = 0; j < n; ++j)
          row[j] =
              static_cast<T>(static_cast<U>(row[j]) + factor * static_cast<U>(from[j * b.column_stride]));
    }
  }
}

bool fits_int(int64_t value) {
  return value <= std::numeric_limits<int>::max();
}

// How CBLAS is told of a matrix; invalid if neither its rows nor its columns are contiguous.
struct BlasMatrix {
  bool valid;
  int transpose;
  int leading;

  template <class T>
  BlasMatrix(Matrix<T> matrix, int64_t rows, int64_t columns) {
    const bool by_rows =
        (matrix.column_stride == 1 || columns == 1) && (matrix.row_stride >= columns || rows == 1);
    const bool by_columns =
        (matrix.row_stride == 1 || rows == 1) && (matrix.column_stride >= rows || columns == 1);
    const int64_t stride =
        by_rows ? (rows == 1 ? columns : matrix.row_stride) : (columns == 1 ? rows : matrix.column_stride);
    valid = (by_rows || by_columns) && fits_int(stride);
    transpose = by_rows ? 111 : 112;
    leading = valid ? static_cast<int>(stride) : 0;
  }
};

template <class T>
bool call_blas(int64_t m, int64_t n, int64_t k, Matrix<T> a, Matrix<T> b, T* c, int64_t c_row_stride,
               bool accumulate) {
  constexpr int row_major = 101;
  const BlasMatrix left(a, m, k), right(b, k, n);
  if (!left.valid || !right.valid || !fits_int(m) || !fits_int(n) || !fits_int(k) || !fits_int(c_row_stride))
    return false;
  auto call = [&](auto function) {
    if (!function)
      return false;
    function(row_major, left.transpose, right.transpose, static_cast<int>(m), static_cast<int>(n),
             static_cast<int>(k), T{1}, a.data, left.leading, b.data, right.leading, accumulate ? T{1} : T{0},
             c, static_cast<int>(c_row_stride));
    return true;
  };
  if constexpr (std::is_same_v<T, float>)
    return call(blas().sgemm);
  else
    return call(blas().dgemm);
}

} // namespace

template <class T>
void gemm(int64_t m, int64_t n, int64_t k, Matrix<T> a, Matrix<T> b, T* c, int64_t c_row_stride,
          bool accumulate) {
  if (m == 0 || n == 0)
    return;
  if constexpr (std::is_floating_point_v<T>) {
    // Below this the call costs more than the product.
    constexpr double worth_calling = 256;
    if (k > 0 && static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k) > worth_calling &&
        call_blas(m, n, k, a, b, c, c_row_stride, accumulate))
      return;
  }
  if (!accumulate)
    for (int64_t i = 0; i < m; ++i)
      std::fill_n(c + i * c_row_stride, n, T{});
  loops(m, n, k, a, b, c, c_row_stride);
}

template void gemm(int64_t, int64_t, int64_t, Matrix<float>, Matrix<float>, float*, int64_t, bool);
template void gemm(int64_t, int64_t, int64_t, Matrix<double>, Matrix<double>, double*, int64_t, bool);
template void gemm(int64_t, int64_t, int64_t, Matrix<int8_t>, Matrix<int8_t>, int8_t*, int64_t, bool);
template void gemm(int64_t, int64_t, int64_t, Matrix<uint8_t>, Matrix<uint8_t>, uint8_t*, int64_t, bool);
template void gemm(int64_t, int64_t, int64_t, Matrix<int32_t>, Matrix<int32_t>, int32_t*, int64_t, bool);
template void gemm(int64_t, int64_t, int64_t, Matrix<int64_t>, Matrix<int64_t>, int64_t*, int64_t, bool);

} // namespace sinter::eager
