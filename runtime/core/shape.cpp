// Shape: extents, strides and their overflow-safe products.
#include "sinter/runtime/shape.h"

#include "sinter/runtime/error.h"

#include <algorithm>
#include <numeric>
#include <string_view>

namespace sinter {

namespace {

[[noreturn]] void refuse_rank(std::size_t rank, const std::string& where = "") {
  throw Error(where + "a tensor of rank " + std::to_string(rank) + " is not supported: at most " +
              std::to_string(kMaxRank) + " dimensions");
}

} // namespace

Shape::Shape(std::initializer_list<int64_t> dims, std::source_location where)
    : rank_(static_cast<int>(dims.size())) {
  if (dims.size() > kMaxRank) {
    const std::string_view file = where.file_name();
    refuse_rank(dims.size(), std::string(file.substr(file.find_last_of('/') + 1)) + ":" +
                                 std::to_string(where.line()) + ": "); // npos + 1 is 0
  }
  std::copy(dims.begin(), dims.end(), dims_.begin());
}

Shape::Shape(std::span<const int64_t> dims) : rank_(static_cast<int>(dims.size())) {
  if (dims.size() > kMaxRank)
    refuse_rank(dims.size());
  std::copy(dims.begin(), dims.end(), dims_.begin());
}

Shape Shape::filled(int rank, int64_t value) {
  std::array<int64_t, kMaxRank> dims;
  dims.fill(value);
  return Shape(std::span<const int64_t>(dims.data(), static_cast<std::size_t>(rank)));
}

void Shape::push_back(int64_t dim) {
  if (rank_ == kMaxRank)
    refuse_rank(kMaxRank + 1);
  dims_[static_cast<std::size_t>(rank_++)] = dim;
}

int64_t Shape::elements() const {
  return std::accumulate(begin(), end(), int64_t{1}, [](int64_t a, int64_t b) { return a * b; });
}

Shape Shape::row_major_strides() const {
  Shape strides = filled(rank_, 1);
  for (int d = rank_ - 2; d >= 0; --d)
    strides[d] = strides[d + 1] * (*this)[d + 1];
  return strides;
}

bool Shape::operator==(const Shape& other) const {
  return std::equal(begin(), end(), other.begin(), other.end());
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (int d = 0; d < shape.rank(); ++d)
    text += (d ? ", " : "") + std::to_string(shape[d]);
  return text + "]";
}

int64_t checked_bytes(std::span<const int64_t> dims, std::size_t element_bytes) {
  // A zero dimension makes the product zero, but must not hide an overflow of the others: strides
  // are computed from them.
  int64_t bytes = static_cast<int64_t>(element_bytes);
  bool empty = false;
  for (int64_t dim : dims) {
    if (dim < 0)
      throw Error("a dimension of " + std::to_string(dim) + " is not a size");
    if (dim == 0)
      empty = true;
    else if (__builtin_mul_overflow(bytes, dim, &bytes))
      throw Error("a tensor of shape " + to_string(Shape(dims)) + " is too large");
  }
  return empty ? 0 : bytes;
}

} // namespace sinter
