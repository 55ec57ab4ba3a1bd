// Dimensions and strides of a tensor, without heap allocation.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <source_location>
#include <span>
#include <string>

namespace sinter {

/// Most dimensions a tensor may have.
inline constexpr int kMaxRank = 8;

/// A short list of extents, strides or indices, at most kMaxRank long.
class Shape {
public:
  Shape() = default;
  /// What users write: throws Error naming their line if there are more than kMaxRank dimensions.
  Shape(std::initializer_list<int64_t> dims, std::source_location where = std::source_location::current());
  /// Throws Error if there are more than kMaxRank dimensions.
  explicit Shape(std::span<const int64_t> dims);
  /// `rank` dimensions, all equal to `value`.
  static Shape filled(int rank, int64_t value);

  int rank() const { return rank_; }
  int64_t operator[](int i) const { return dims_[static_cast<std::size_t>(i)]; }
  int64_t& operator[](int i) { return dims_[static_cast<std::size_t>(i)]; }
  const int64_t* begin() const { return dims_.data(); }
  const int64_t* end() const { return dims_.data() + rank_; }
  int64_t* begin() { return dims_.data(); }
  int64_t* end() { return dims_.data() + rank_; }
  std::span<const int64_t> dims() const { return {begin(), end()}; }
  void push_back(int64_t dim);

  /// Product of the dimensions; 1 for rank 0.
  int64_t elements() const;
  /// Strides, in elements, of a dense row-major tensor of this shape.
  Shape row_major_strides() const;

  bool operator==(const Shape& other) const;

private:
  std::array<int64_t, kMaxRank> dims_{};
  int rank_ = 0;
};

/// "[1, 3, 224, 224]"
std::string to_string(const Shape& shape);

/// The product of `dims` times `element_bytes`. Throws Error if a dimension is negative or the product
/// does not fit in 63 bits.
int64_t checked_bytes(std::span<const int64_t> dims, std::size_t element_bytes);

} // namespace sinter
