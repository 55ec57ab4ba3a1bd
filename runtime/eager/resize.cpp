// Resampling: per-dimension tables of source positions and weights, then one walk over the result.
#include "sinter/runtime/eager/resize.h"

#include "sinter/runtime/error.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace sinter::eager {
namespace {

// Where output position `x` lies in the input, in the arithmetic that compiled kernels use as well.
float source_position(int64_t x, int64_t in, int64_t out, float scale, ResizeCoordinates coordinates) {
  const auto position = static_cast<float>(x);
  switch (coordinates) {
  case ResizeCoordinates::pytorch_half_pixel:
    if (out == 1)
      return 0;
    [[fallthrough]];
  case ResizeCoordinates::half_pixel:
    return (position + 0.5f) / scale - 0.5f;
  case ResizeCoordinates::align_corners:
    return out == 1 ? 0 : position * static_cast<float>(in - 1) / static_cast<float>(out - 1);
  case ResizeCoordinates::asymmetric:
    return position / scale;
  }
  return 0;
}

float round_position(float position, ResizeRounding rounding) {
  switch (rounding) {
  case ResizeRounding::round_prefer_floor:
    return std::ceil(position - 0.5f);
  case ResizeRounding::round_prefer_ceil:
    return std::floor(position + 0.5f);
  case ResizeRounding::floor:
    return std::floor(position);
  case ResizeRounding::ceil:
    return std::ceil(position);
  }
  return position;
}

// What a dimension's positions read, `first` and `second` as element offsets.
std::vector<ResizeSample> offsets(const View& input, const View& result, int d,
                                  const ResizeGeometry& geometry) {
  auto table = resize_samples(input.shape[d], result.shape[d], static_cast<std::size_t>(d), geometry);
  for (ResizeSample& sample : table) {
    sample.first *= input.strides[d];
    sample.second *= input.strides[d];
  }
  return table;
}

template <class T>
class Resampler {
public:
  Resampler(const View& input, const View& result, const ResizeGeometry& geometry)
      : source_(input.as<const T>()), target_(result.as<T>()), result_(result),
        linear_(geometry.mode == ResizeMode::linear) {
    for (int d = 0; d < input.rank(); ++d) {
      tables_[static_cast<std::size_t>(d)] = offsets(input, result, d, geometry);
      const bool changed =
          input.shape[d] != result.shape[d] || geometry.scales[static_cast<std::size_t>(d)] != 1.0;
      interpolated_[static_cast<std::size_t>(d)] = linear_ && changed;
    }
  }

  void run() {
    corners_ = {{0, T{1}}};
    if (result_.rank() == 0)
      *target_ = *source_;
    else
      walk(0, target_);
  }

private:
  // An input offset over the dimensions walked so far, and its share.
  struct Corner {
    int64_t offset;
    T weight;
  };

  void walk(int d, T* target) {
    const auto& table = tables_[static_cast<std::size_t>(d)];
    const int64_t stride = result_.strides[d];
    if (d + 1 == result_.rank()) {
      for (std::size_t x = 0; x < table.size(); ++x)
        target[static_cast<int64_t>(x) * stride] = mix(table[x], interpolated_[static_cast<std::size_t>(d)]);
      return;
    }
    const std::vector<Corner> outer = corners_;
    for (std::size_t x = 0; x < table.size(); ++x) {
      corners_.clear();
      for (const Corner& corner : outer)
        extend(corner, table[x], interpolated_[static_cast<std::size_t>(d)]);
      walk(d + 1, target + static_cast<int64_t>(x) * stride);
    }
    corners_ = outer;
  }

  void extend(const Corner& corner, const ResizeSample& sample, bool interpolate) {
    if (!interpolate)
      return void(corners_.push_back({corner.offset + sample.first, corner.weight}));
    const T weight = static_cast<T>(sample.weight);
    corners_.push_back({corner.offset + sample.first, corner.weight * (T{1} - weight)});
    corners_.push_back({corner.offset + sample.second, corner.weight * weight});
  }

  T mix(const ResizeSample& sample, bool interpolate) const {
    if (!linear_)
      return source_[corners_.front().offset + sample.first];
    T sum{};
    const T weight = static_cast<T>(sample.weight);
    for (const Corner& corner : corners_) {
      const T* from = source_ + corner.offset;
      sum +=
          corner.weight * (interpolate ? from[sample.first] * (T{1} - weight) + from[sample.second] * weight
                                       : from[sample.first]);
    }
    return sum;
  }

  const T* source_;
  T* target_;
  const View& result_;
  bool linear_;
  std::array<std::vector<ResizeSample>, kMaxRank> tables_;
  std::array<bool, kMaxRank> interpolated_{};
  std::vector<Corner> corners_;
};

} // namespace

std::vector<ResizeSample> resize_samples(int64_t in, int64_t out, std::size_t d,
                                         const ResizeGeometry& geometry) {
  const double scale = geometry.scales[d];
  std::vector<ResizeSample> table(static_cast<std::size_t>(out));
  const bool unchanged = in == out && scale == 1.0;
  for (int64_t x = 0; x < out; ++x) {
    ResizeSample& sample = table[static_cast<std::size_t>(x)];
    if (unchanged) {
      sample = {x, x, 0};
      continue;
    }
    float position = source_position(x, in, out, static_cast<float>(scale), geometry.coordinates);
    if (geometry.mode == ResizeMode::nearest)
      position = round_position(position, geometry.rounding);
    // Clamped before the conversion, so that no position overflows, and after it, because large extents are
    // not exact in f32.
    position = std::min(std::max(position, 0.0f), static_cast<float>(in - 1));
    const float floor = std::floor(position);
    const int64_t first = std::min(static_cast<int64_t>(floor), in - 1);
    sample = {first, std::min(first + 1, in - 1), position - floor};
  }
  return table;
}

void resize(const View& input, const View& result, const ResizeGeometry& geometry) {
  if (result.elements() == 0)
    return;
  if (input.rank() != result.rank() || input.elements() == 0)
    throw Error("resize: " + to_string(input) + " cannot become " + to_string(result));
  visit_floating(input.dtype, "resize",
                 [&](auto zero) { Resampler<decltype(zero)>(input, result, geometry).run(); });
}

} // namespace sinter::eager
