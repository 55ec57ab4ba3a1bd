// The matrix product under the eager matmul and convolutions.
#pragma once

#include <cstdint>

namespace sinter::eager {

/// A matrix with any strides, in elements.
template <class T>
struct Matrix {
  const T* data;
  int64_t row_stride;
  int64_t column_stride;
};

/// c[m, n] = a[m, k] * b[k, n], or += with `accumulate`. Rows of c are contiguous and `c_row_stride` apart.
/// f32 and f64 go to OpenBLAS where it is installed; everything else, and strides it cannot take, to loops.
template <class T>
void gemm(int64_t m, int64_t n, int64_t k, Matrix<T> a, Matrix<T> b, T* c, int64_t c_row_stride,
          bool accumulate = false);

} // namespace sinter::eager
