// Elements as plain bits: what kernels that only move data are written for.
#pragma once

#include "sinter/runtime/dtype.h"

#include <cstdint>

namespace sinter::eager {

/// An element of sizeof(T) bytes, whatever its type is: the attribute lets it alias all of them.
template <class T>
struct Bits {
  T __attribute__((may_alias)) value;
};

/// Calls `f(Bits{})` with bits of the size of `dtype`.
template <class F>
void visit_bits(DType dtype, F&& f) {
  switch (size_of(dtype)) {
  case 1:
    return f(Bits<uint8_t>{});
  case 2:
    return f(Bits<uint16_t>{});
  case 4:
    return f(Bits<uint32_t>{});
  default:
    return f(Bits<uint64_t>{});
  }
}

} // namespace sinter::eager
