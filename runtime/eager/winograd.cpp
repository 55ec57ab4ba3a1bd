// Winograd's F(2x2, 3x3) with the points 0, 1, -1 and infinity, and F(4x4, 3x3) with 2 and -2 besides
// (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015).
#include "sinter/runtime/eager/winograd.h"

#include "parallel.h"
#include "sinter/runtime/error.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace sinter::eager {
namespace {

template <std::size_t rows, std::size_t columns>
using Matrix = std::array<std::array<double, columns>, rows>;

template <std::size_t tile>
struct Transforms;

template <>
struct Transforms<2> {
  static constexpr Matrix<4, 3> filter{{{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}}};
  static constexpr Matrix<4, 4> input{{{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}}};
  static constexpr Matrix<2, 4> output{{{1, 1, 1, 0}, {0, 1, -1, -1}}};
};

template <>
struct Transforms<4> {
  static constexpr Matrix<6, 3> filter{{{1.0 / 4, 0, 0},
                                        {-1.0 / 6, -1.0 / 6, -1.0 / 6},
                                        {-1.0 / 6, 1.0 / 6, -1.0 / 6},
                                        {1.0 / 24, 1.0 / 12, 1.0 / 6},
                                        {1.0 / 24, -1.0 / 12, 1.0 / 6},
                                        {0, 0, 1}}};
  static constexpr Matrix<6, 6> input{{{4, 0, -5, 0, 1, 0},
                                       {0, -4, -4, 1, 1, 0},
                                       {0, 4, -4, -1, 1, 0},
                                       {0, -2, -1, 2, 1, 0},
                                       {0, 2, -1, -2, 1, 0},
                                       {0, 4, 0, -5, 0, 1}}};
  static constexpr Matrix<4, 6> output{
      {{1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, 0}, {0, 1, 1, 4, 4, 0}, {0, 1, -1, 8, -8, 1}}};
};

// sum over k of t[row][k] * x(k), of the coefficients that are not 0: which they are is known when this is
// compiled.
template <const auto& t, std::size_t row, class X>
double combine(const X& x) {
  return [&]<std::size_t... k>(std::index_sequence<k...>) {
    return ((t[row][k] != 0 ? t[row][k] * x(k) : 0.0) + ...);
  }(std::make_index_sequence<t[row].size()>());
}

// t x t^T for a square x.
template <const auto& t>
auto transform(const Matrix<t[0].size(), t[0].size()>& x) {
  constexpr std::size_t rows = t.size(), columns = t[0].size();
  Matrix<rows, columns> half{};
  Matrix<rows, rows> result{};
  [&]<std::size_t... i>(std::index_sequence<i...>) {
    for (std::size_t j = 0; j < columns; ++j)
      ((half[i][j] = combine<t, i>([&](std::size_t k) { return x[k][j]; })), ...);
    for (std::size_t j = 0; j < rows; ++j)
      ((result[j][i] = combine<t, i>([&](std::size_t k) { return half[j][k]; })), ...);
  }(std::make_index_sequence<rows>());
  return result;
}

template <std::size_t tile>
class Convolution {
  static constexpr std::size_t kSide = tile + 2, kPoints = kSide * kSide; // points in each direction, and all

public:
  Convolution(const View& input, const View& filter, const View* bias, const View& result, int64_t pad_top,
              int64_t pad_left)
      : input_(input), filter_(filter), bias_(bias), result_(result), pad_top_(pad_top), pad_left_(pad_left),
        channels_(input.shape[1]), points_(kPoints * static_cast<std::size_t>(channels_)) {}

  // The tile whose first result is at (top, left).
  void run(int64_t n, int64_t top, int64_t left) {
    for (int64_t c = 0; c < channels_; ++c)
      transform_input(n, c, top, left);
    for (int64_t m = 0; m < result_.shape[1]; ++m)
      store(n, m, top, left, transform<Transforms<tile>::output>(products(m)));
  }

private:
  void transform_input(int64_t n, int64_t channel, int64_t top, int64_t left) {
    Matrix<kSide, kSide> piece{};
    const int64_t h = top - pad_top_, w = left - pad_left_;
    const int64_t side = kSide;
    for (int64_t y = std::max<int64_t>(0, -h); y < std::min(side, input_.shape[2] - h); ++y)
      for (int64_t x = std::max<int64_t>(0, -w); x < std::min(side, input_.shape[3] - w); ++x)
        piece[static_cast<std::size_t>(y)][static_cast<std::size_t>(x)] = static_cast<double>(
            input_.as<const float>()[n * input_.strides[0] + channel * input_.strides[1] +
                                     (h + y) * input_.strides[2] + (w + x) * input_.strides[3]]);
    const auto transformed = transform<Transforms<tile>::input>(piece);
    for (std::size_t e = 0; e < kPoints; ++e)
      points_[e * static_cast<std::size_t>(channels_) + static_cast<std::size_t>(channel)] =
          transformed[e / kSide][e % kSide];
  }

  Matrix<kSide, kSide> products(int64_t m) const {
    Matrix<kSide, kSide> sums{};
    for (std::size_t e = 0; e < kPoints; ++e) {
      const float* weights =
          filter_.as<const float>() + static_cast<int64_t>(e) * filter_.strides[0] + m * filter_.strides[1];
      const double* point = points_.data() + e * static_cast<std::size_t>(channels_);
      for (int64_t c = 0; c < channels_; ++c)
        sums[e / kSide][e % kSide] += point[c] * static_cast<double>(weights[c * filter_.strides[2]]);
    }
    return sums;
  }

  void store(int64_t n, int64_t m, int64_t top, int64_t left, const Matrix<tile, tile>& results) const {
    const double bias = bias_ ? static_cast<double>(bias_->as<const float>()[m * bias_->strides[0]]) : 0;
    float* to = result_.as<float>() + n * result_.strides[0] + m * result_.strides[1];
    for (int64_t y = 0; y < std::min(static_cast<int64_t>(tile), result_.shape[2] - top); ++y)
      for (int64_t x = 0; x < std::min(static_cast<int64_t>(tile), result_.shape[3] - left); ++x)
        to[(top + y) * result_.strides[2] + (left + x) * result_.strides[3]] =
            static_cast<float>(results[static_cast<std::size_t>(y)][static_cast<std::size_t>(x)] + bias);
  }

  const View& input_;
  const View& filter_;
  const View* bias_;
  const View& result_;
  int64_t pad_top_, pad_left_, channels_;
  std::vector<double> points_; ///< of one tile, [point][channels]
};

// Of the output channels [begin, end).
template <std::size_t tile>
void transform_filter(const View& filter, const View& result, int64_t begin, int64_t end) {
  constexpr std::size_t side = tile + 2;
  for (int64_t m = begin; m < end; ++m)
    for (int64_t c = 0; c < filter.shape[1]; ++c) {
      Matrix<3, 3> taps{};
      for (int64_t tap = 0; tap < 9; ++tap)
        taps[static_cast<std::size_t>(tap / 3)][static_cast<std::size_t>(tap % 3)] = static_cast<double>(
            filter.as<const float>()[m * filter.strides[0] + c * filter.strides[1] +
                                     tap / 3 * filter.strides[2] + tap % 3 * filter.strides[3]]);
      const auto transformed = transform<Transforms<tile>::filter>(taps);
      float* to = result.as<float>() + m * result.strides[1] + c * result.strides[2];
      for (std::size_t e = 0; e < side * side; ++e)
        to[static_cast<int64_t>(e) * result.strides[0]] = static_cast<float>(transformed[e / side][e % side]);
    }
}

template <std::size_t tile>
void convolve(const View& input, const View& filter, const View* bias, const View& result, int64_t pad_top,
              int64_t pad_left) {
  Convolution<tile> convolution(input, filter, bias, result, pad_top, pad_left);
  constexpr auto step = static_cast<int64_t>(tile);
  for (int64_t n = 0; n < result.shape[0]; ++n)
    for (int64_t top = 0; top < result.shape[2]; top += step)
      for (int64_t left = 0; left < result.shape[3]; left += step)
        convolution.run(n, top, left);
}

// Calls `body` with the tile as a constant.
template <class Body>
void with_tile(int64_t tile, const Body& body) {
  if (tile == 2)
    body(std::integral_constant<std::size_t, 2>());
  else if (tile == 4)
    body(std::integral_constant<std::size_t, 4>());
  else
    throw Error("there is no Winograd transform for tiles of " + std::to_string(tile));
}

} // namespace

void winograd_filter(const View& filter, const View& result, int64_t tile) {
  with_tile(tile, [&](auto constant) {
    for_parts(filter.shape[0], filter.shape[1] * winograd_points(tile),
              [&](int64_t begin, int64_t end) { transform_filter<constant>(filter, result, begin, end); });
  });
}

void winograd_conv(const View& input, const View& filter, const View* bias, const View& result, int64_t tile,
                   int64_t pad_top, int64_t pad_left) {
  with_tile(tile, [&](auto constant) { convolve<constant>(input, filter, bias, result, pad_top, pad_left); });
}

} // namespace sinter::eager
