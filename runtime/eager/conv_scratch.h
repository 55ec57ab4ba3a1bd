// The memory convolutions unroll windows into.
#pragma once

#include "sinter/runtime/storage.h"

#include <algorithm>

namespace sinter::eager {

/// Columns are made in pieces of about this size, which stay in the second-level cache or near it.
inline constexpr int64_t kColumnBytes = int64_t{1} << 20;

/// Memory for `elements`, kept by the calling thread: fresh pages cost more than the unrolling itself.
template <class T>
T* column_scratch(int64_t elements) {
  thread_local std::shared_ptr<Storage> kept;
  const std::size_t bytes = static_cast<std::size_t>(elements) * sizeof(T);
  if (!kept || kept->bytes() < bytes)
    kept = Storage::allocate(bytes);
  return reinterpret_cast<T*>(kept->data());
}

/// How many of `rows` rows of `row_elements` elements make a piece.
template <class T>
int64_t rows_in_piece(int64_t rows, int64_t row_elements) {
  const int64_t bytes = std::max<int64_t>(row_elements * static_cast<int64_t>(sizeof(T)), 1);
  return std::clamp<int64_t>(kColumnBytes / bytes, 1, std::max<int64_t>(rows, 1));
}

} // namespace sinter::eager
