// How far two tensors are apart.
#pragma once

#include "sinter/tensor.h"

#include <string>

namespace sinter::tool {

struct Difference {
  double absolute = 0;   ///< the largest |actual - expected|
  double relative = 0;   ///< the largest |actual - expected| / |expected| (over expected != 0)
  double of_largest = 0; ///< `absolute` over the largest |expected|
  int64_t beyond = 0;    ///< elements with |actual - expected| > atol + rtol * |expected|
  Shape first_beyond;    ///< the position of the first of them
};

/// Compares `actual` with `expected`, which must agree in shape (else Error; `name` is for its message). NaN
/// equals NaN, an infinity only itself. Element types may differ.
Difference compare(const std::string& name, const Tensor& actual, const Tensor& expected, double rtol,
                   double atol);

} // namespace sinter::tool
