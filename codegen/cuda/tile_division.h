// How the blocks of a grid share a matrix product by tensor cores.
#pragma once

#include "codegen/cuda/launch_limits.h"

#include <algorithm>
#include <cstdint>

namespace sinter::codegen::cuda {

/// How a block and its warps share a tile of the result.
struct TileShape {
  int64_t rows, columns;         ///< of the result
  int64_t warpRows, warpColumns; ///< warps along them
  int64_t slices;                ///< warps that share a part of the tile, each of every so-manieth term
  int64_t lineBytes;             ///< of terms of a row or column, in a stage
  int64_t stages;                ///< no more than 64 KiB in all: what a block can have on Turing
  double speed;                  ///< of a multiprocessor, guessed: relative to that of the largest

  int64_t threads() const { return warpRows * warpColumns * slices * kWarp; }
  int64_t rowsOfWarp() const { return rows / warpRows; }
  int64_t columnsOfWarp() const { return columns / warpColumns; }
  int64_t sumsOfThread() const { return rowsOfWarp() * columnsOfWarp() / kWarp; }
  int64_t stageBytes() const { return (rows + columns) * lineBytes; }
  /// Of sums in shared memory, row by row, in floats: lest rows share banks.
  int64_t pitch() const { return columns + 8; }
  int64_t sharedBytes() const {
    return std::max(stages * stageBytes(), rowsOfWarp() * pitch() * int64_t{sizeof(float)});
  }
};

/// A shape, and how many blocks share the terms of each tile.
struct TileDivision {
  TileShape shape{};
  int64_t parts = 1;

  /// With which the busiest multiprocessor of an H200 is done first, by a rough count.
  static TileDivision of(int64_t rows, int64_t columns, int64_t batches, int64_t terms);
};

} // namespace sinter::codegen::cuda
