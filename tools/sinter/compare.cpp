// How far two tensors are apart.
#include "compare.h"

#include "sinter/ops.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace sinter::tool {

namespace {

std::vector<double> as_doubles(const Tensor& tensor) {
  const bool is_half = tensor.dtype() == DType::f16 || tensor.dtype() == DType::bf16;
  const Tensor dense = (is_half ? cast(tensor, DType::f32) : tensor).contiguous();
  std::vector<double> values(static_cast<std::size_t>(dense.elements()));
  visit_dtype(dense.dtype(), "comparison", [&](auto tag) {
    using T = decltype(tag);
    const T* data = dense.view().as<T>();
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<double>(data[i]);
  });
  return values;
}

Shape position(std::size_t offset, const Shape& shape) {
  Shape at = Shape::filled(shape.rank(), 0);
  for (int d = shape.rank() - 1; d >= 0; --d) {
    at[d] = static_cast<int64_t>(offset) % shape[d];
    offset /= static_cast<std::size_t>(shape[d]);
  }
  return at;
}

} // namespace

Difference compare(const std::string& name, const Tensor& actual, const Tensor& expected, double rtol,
                   double atol) {
  if (!(actual.shape() == expected.shape()))
    throw Error(fmt::format("output '{}' has shape {}, the expected file has {}", name,
                            to_string(actual.shape()), to_string(expected.shape())));
  const std::vector<double> a = as_doubles(actual);
  const std::vector<double> e = as_doubles(expected);
  Difference result;
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isfinite(e[i]))
      largest = std::max(largest, std::abs(e[i]));
    if (a[i] == e[i] || (std::isnan(a[i]) && std::isnan(e[i])))
      continue;
    double difference = std::abs(a[i] - e[i]);
    if (std::isnan(difference))
      difference = std::numeric_limits<double>::infinity();
    result.absolute = std::max(result.absolute, difference);
    if (e[i] != 0 && std::isfinite(e[i]))
      result.relative = std::max(result.relative, difference / std::abs(e[i]));
    if ((!std::isfinite(e[i]) || difference > atol + rtol * std::abs(e[i])) && result.beyond++ == 0)
      result.first_beyond = position(i, actual.shape());
  }
  if (result.absolute > 0)
    result.of_largest = largest > 0 ? result.absolute / largest : std::numeric_limits<double>::infinity();
  return result;
}

} // namespace sinter::tool
