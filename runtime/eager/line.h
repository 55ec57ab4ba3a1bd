// The elements of a tensor along one axis.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

namespace sinter::eager {

template <class T>
struct Line {
  const T* first;
  int64_t count, stride;

  double at(int64_t i) const { return static_cast<double>(first[i * stride]); }
  /// NaN if any element is.
  double max() const {
    double largest = -std::numeric_limits<double>::infinity();
    for (int64_t i = 0; i < count; ++i)
      largest = at(i) > largest || at(i) != at(i) ? at(i) : largest;
    return largest;
  }
  double sum_of_exp(double max) const {
    double sum = 0;
    for (int64_t i = 0; i < count; ++i)
      sum += std::exp(at(i) - max);
    return sum;
  }
};

} // namespace sinter::eager
