// Eager convolution by Winograd's algorithm F(tile x tile, 3 x 3), f32 computed in f64.
#pragma once

#include "sinter/runtime/view.h"

namespace sinter::eager {

/// The tiles there are transforms for: results in each direction of one tile.
inline constexpr int64_t kWinogradTiles[] = {2, 4};

constexpr bool is_winograd_tile(int64_t tile) {
  return tile == kWinogradTiles[0] || tile == kWinogradTiles[1];
}

/// A tile of tile x tile results needs so many products for each pair of channels.
constexpr int64_t winograd_points(int64_t tile) {
  return (tile + 2) * (tile + 2);
}

/// filter [M, C, 3, 3]; result [points, M, C]. Throws Error for a tile that is not one of kWinogradTiles.
void winograd_filter(const View& filter, const View& result, int64_t tile);

/// input [N, C, H, W], filter as winograd_filter makes it for `tile`, bias [M] or null; result [N, M,
/// out...]. What is padded at the end follows from the result's shape. Throws as winograd_filter.
void winograd_conv(const View& input, const View& filter, const View* bias, const View& result, int64_t tile,
                   int64_t pad_top, int64_t pad_left);

} // namespace sinter::eager
