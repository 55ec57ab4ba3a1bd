// Tensors of f64 from numbers and back.
#pragma once

#include "sinter/tensor.h"

#include <vector>

namespace sinter::test {

inline Tensor f64(const std::vector<double>& values, const Shape& shape) {
  return Tensor::of(values, shape);
}

inline Tensor leaf(const std::vector<double>& values, const Shape& shape) {
  return f64(values, shape).set_requires_grad();
}

inline std::vector<double> numbers(const Tensor& tensor) {
  return tensor.to_vector<double>();
}

} // namespace sinter::test
