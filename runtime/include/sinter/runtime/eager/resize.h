// Eager resampling with the meaning of ONNX Resize. Shapes are not checked (see View).
#pragma once

#include "sinter/runtime/view.h"

#include <array>
#include <vector>

namespace sinter::eager {

enum class ResizeMode : uint8_t { nearest, linear };
enum class ResizeCoordinates : uint8_t { half_pixel, pytorch_half_pixel, align_corners, asymmetric };
enum class ResizeRounding : uint8_t { round_prefer_floor, round_prefer_ceil, floor, ceil };

struct ResizeGeometry {
  ResizeMode mode = ResizeMode::nearest;
  ResizeCoordinates coordinates = ResizeCoordinates::half_pixel;
  ResizeRounding rounding = ResizeRounding::round_prefer_floor;
  std::array<double, kMaxRank> scales{}; ///< per dimension: output over input extent
};

/// What one position along a dimension of the result is made of: the element `first` of the input and, where
/// elements are interpolated, the share `weight` of the element `second`.
struct ResizeSample {
  int64_t first, second;
  float weight;
};

/// Those of all `out` positions of dimension `d`, of `in` elements.
std::vector<ResizeSample> resize_samples(int64_t in, int64_t out, std::size_t d,
                                         const ResizeGeometry& geometry);

/// Samples `input` at the positions of `result` (f32, f64). Positions are computed in f32; at most three
/// dimensions may change when the mode is linear.
void resize(const View& input, const View& result, const ResizeGeometry& geometry);

} // namespace sinter::eager
