// A strided window on somebody else's memory: what every kernel reads and writes.
#pragma once

#include "sinter/runtime/dtype.h"
#include "sinter/runtime/shape.h"

#include <cstddef>

namespace sinter {

/// A typed, strided, non-owning view. Strides are in elements and may be zero or negative.
/// Kernels treat the views they are given as inputs as read-only.
///
/// Who checks that views fit together: whoever calls a kernel. Eager kernels run where an operation's shape
/// inference and verifier (in ir/) have accepted the shapes, axes, geometry and element types; the tests
/// check theirs. What a header of runtime/eager/ says throws Error is checked there too: elementwise
/// operations, reductions, normalisations, matrix products, copy, reshape and conversions of layout. The
/// others (convolutions, pools, resize, gather, and movements from the starts, steps, axes and permutations
/// they are told) access memory out of bounds if they are given what does not fit.
struct View {
  void* data = nullptr;
  DType dtype = DType::f32;
  Shape shape;
  Shape strides;

  /// A dense row-major view.
  static View dense(void* data, DType dtype, const Shape& shape) {
    return {data, dtype, shape, shape.row_major_strides()};
  }

  int rank() const { return shape.rank(); }
  int64_t elements() const { return shape.elements(); }
  std::size_t bytes() const { return static_cast<std::size_t>(elements()) * size_of(dtype); }

  /// The first element. The caller vouches for the type.
  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }

  /// True if the elements lie in row-major order without gaps (dimensions of extent 1 have any stride).
  bool is_dense() const;
};

/// "f32[1, 3, 224, 224]"
std::string to_string(const View& view);

/// Calls `visit(offsets)` for every position of `shape` in row-major order, where offsets[i] is the element
/// offset of that position under strides[i]. The slow, always-right way to walk several strided views.
template <std::size_t N, class F>
void for_each_offset(const Shape& shape, const std::array<Shape, N>& strides, F&& visit) {
  if (shape.elements() == 0)
    return;
  const int rank = shape.rank();
  Shape index = Shape::filled(rank, 0);
  std::array<int64_t, N> offsets{};
  while (true) {
    visit(offsets);
    int d = rank - 1;
    for (; d >= 0; --d) {
      for (std::size_t i = 0; i < N; ++i)
        offsets[i] += strides[i][d];
      if (++index[d] < shape[d])
        break;
      for (std::size_t i = 0; i < N; ++i)
        offsets[i] -= strides[i][d] * shape[d];
      index[d] = 0;
    }
    if (d < 0)
      return;
  }
}

/// `view` seen as `shape` by repeating dimensions of extent 1 (stride 0), aligned at the last dimension
/// (NumPy broadcasting). The shapes must be compatible.
View broadcast_to(const View& view, const Shape& shape);

} // namespace sinter
