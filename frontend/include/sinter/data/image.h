// Images as tensors.
#pragma once

#include "sinter/tensor.h"

#include <string>

namespace sinter {

/// Reads a JPEG, PNG or BMP file as u8 [H, W, 3], red first. Throws Error if it is damaged or of another
/// kind.
Tensor load_image(const std::string& path);

/// `image` [H, W, C], u8 or f32, resampled to [height, width, C] by bilinear interpolation between pixel
/// centres.
Tensor resize_bilinear(const Tensor& image, int64_t height, int64_t width);

} // namespace sinter
