// Eager convolution by Winograd's algorithm F(4x4, 3x3), f32 computed in f64.
#pragma once

#include "sinter/runtime/view.h"

namespace sinter::eager {

/// Points of the transforms: a tile of 4 x 4 results needs 6 x 6 of them.
inline constexpr int64_t kWinogradTile = 4;
inline constexpr int64_t kWinogradPoints = 36;

/// filter [M, C, 3, 3]; result [36, M, C].
void winograd_filter(const View& filter, const View& result);

/// input [N, C, H, W], filter as winograd_filter makes it, bias [M] or null; result [N, M, out...]. What is padded at
/// the end follows from the result's shape.
void winograd_conv(const View& input, const View& filter, const View* bias, const View& result, int64_t pad_top,
                   int64_t pad_left);

} // namespace sinter::eager
