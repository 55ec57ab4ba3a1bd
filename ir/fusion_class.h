// The roles operations play in fused kernels.
#pragma once

#include <cstdint>

namespace sinter::ir {

enum class FusionClass : uint8_t {
  pointwise,     ///< element in, element out; joins as prologue or epilogue
  movement,      ///< a position says which element (transpose, slice, random numbers, ...); joins as prologue
  reduction,     ///< dimensions are folded; a root
  normalization, ///< statistics of a row, then pointwise over it; a root
  window,        ///< sliding windows (pooling, resize, LRN); a root
  contraction,   ///< convolution and matrix product; a root
  scatter, ///< elements are added at positions that depend on data; a root whose result must be in memory
  alias,   ///< memory that is there already (reshape of a row-major tensor, concat in place); no kernel
  opaque,  ///< takes no part: constants, control flow
};

constexpr bool isRootClass(FusionClass role) {
  switch (role) {
  case FusionClass::reduction:
  case FusionClass::normalization:
  case FusionClass::window:
  case FusionClass::contraction:
  case FusionClass::scatter:
    return true;
  case FusionClass::pointwise:
  case FusionClass::movement:
  case FusionClass::alias:
  case FusionClass::opaque:
    return false;
  }
  return false;
}

} // namespace sinter::ir
