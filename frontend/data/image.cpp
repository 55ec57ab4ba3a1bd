// Images as tensors.
#include "sinter/data/image.h"

#include "frontend/data/byte_source.h"

#include <algorithm>
#include <cmath>
#include <memory>

// The formats photographs come in; each further decoder is one more thing that untrusted files could break.
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#define STBI_NO_HDR
#define STBI_NO_LINEAR
#define STBI_MAX_DIMENSIONS (1 << 15)
#include <stb_image.h>

namespace sinter {
namespace {

constexpr uint64_t kMaxFileBytes = uint64_t{1} << 30;

// Where output position i falls between two input positions.
struct Sample {
  int64_t first, second;
  float weight; // of the second
};

std::vector<Sample> samples(int64_t from, int64_t to) {
  std::vector<Sample> result;
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  for (int64_t i = 0; i < to; ++i) {
    const double at = std::max(0.0, (static_cast<double>(i) + 0.5) * scale - 0.5);
    const int64_t first = std::min(static_cast<int64_t>(at), from - 1);
    result.push_back(
        {first, std::min(first + 1, from - 1), static_cast<float>(at - static_cast<double>(first))});
  }
  return result;
}

template <class T>
T rounded(float value) {
  if constexpr (std::is_floating_point_v<T>)
    return value;
  else
    return static_cast<T>(std::lround(std::clamp(value, 0.0F, 255.0F)));
}

template <class T>
void resample(const T* from, const Shape& shape, T* to, int64_t height, int64_t width) {
  const int64_t channels = shape[2], row = shape[1] * channels;
  const auto vertical = samples(shape[0], height), horizontal = samples(shape[1], width);
  for (const Sample& y : vertical) {
    const T *upper = from + y.first * row, *lower = from + y.second * row;
    for (const Sample& x : horizontal)
      for (int64_t c = 0; c < channels; ++c) {
        const int64_t left = x.first * channels + c, right = x.second * channels + c;
        auto mix = [](float a, float b, float weight) { return a + (b - a) * weight; };
        const float above = mix(static_cast<float>(upper[left]), static_cast<float>(upper[right]), x.weight);
        const float below = mix(static_cast<float>(lower[left]), static_cast<float>(lower[right]), x.weight);
        *to++ = rounded<T>(mix(above, below, y.weight));
      }
  }
}

} // namespace

Tensor load_image(const std::string& path) {
  data::ByteSource source(path);
  if (source.size() > kMaxFileBytes)
    throw Error(path + " is too large for an image");
  std::vector<unsigned char> file(source.size());
  source.read(file.data(), file.size());
  int width = 0, height = 0, channels = 0;
  unsigned char* pixels =
      stbi_load_from_memory(file.data(), static_cast<int>(file.size()), &width, &height, &channels, 3);
  if (!pixels)
    throw Error(path + " is not an image that can be read: " + stbi_failure_reason());
  const std::unique_ptr<unsigned char, decltype(&stbi_image_free)> owner(pixels, &stbi_image_free);
  const Tensor image = Tensor::empty({height, width, 3}, DType::u8);
  std::copy_n(pixels, image.elements(), image.view().as<uint8_t>());
  return image;
}

Tensor resize_bilinear(const Tensor& image, int64_t height, int64_t width) {
  if (image.rank() != 3 || image.elements() == 0)
    throw Error("resize_bilinear: the image has shape " + to_string(image.shape()) + " instead of [H, W, C]");
  constexpr int64_t kMost = 1 << 15;
  if (height < 1 || width < 1 || height > kMost || width > kMost)
    throw Error("resize_bilinear: " + std::to_string(height) + " x " + std::to_string(width) +
                " is no size for an image");
  const Tensor from = image.contiguous();
  Tensor to = Tensor::empty({height, width, image.shape()[2]}, image.dtype());
  if (image.dtype() == DType::u8)
    resample(from.view().as<uint8_t>(), from.shape(), to.view().as<uint8_t>(), height, width);
  else if (image.dtype() == DType::f32)
    resample(from.view().as<float>(), from.shape(), to.view().as<float>(), height, width);
  else
    throw_unsupported_dtype(image.dtype(), "resize_bilinear");
  return to;
}

} // namespace sinter
