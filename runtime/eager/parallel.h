// Large eager kernels share their work between the threads of the current pool.
#pragma once

#include "sinter/runtime/thread_pool.h"
#include "sinter/runtime/view.h"

#include <algorithm>

namespace sinter::eager {

/// Calls `f(begin, end)` for parts that make up [0, count), of `elements` elements each; on several threads
/// at once where there is enough to do. Throws what the first part to fail throws.
template <class F>
void for_parts(int64_t count, int64_t elements, const F& f) {
  constexpr int64_t kElementsPerPart = 1 << 16; // tens of microseconds
  const int64_t grain = std::max<int64_t>(1, kElementsPerPart / std::max<int64_t>(1, elements));
  if (count <= grain)
    return f(int64_t{0}, count);
  rt::current_thread_pool().try_parallel_for(count, grain,
                                             [&](int64_t begin, int64_t end, int) { f(begin, end); });
}

/// Where in memory, in elements from the first, `position` lies in the row-major order of the first `dims`
/// dimensions of `view`: where a part begins.
inline int64_t offset_of(const View& view, int dims, int64_t position) {
  int64_t offset = 0;
  for (int d = dims - 1; d >= 0; --d) {
    offset += position % view.shape[d] * view.strides[d];
    position /= view.shape[d];
  }
  return offset;
}

} // namespace sinter::eager
