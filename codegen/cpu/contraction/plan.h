// How a contraction is cut: register tiles, the tiles of a row, cache blocks and tasks.
#pragma once

#include "codegen/cpu/contraction/problem.h"
#include "codegen/cpu/target.h"

#include <vector>

namespace sinter::codegen::cpu::contraction {

/// Tiles side by side along the width that are computed by the same code.
struct PositionRun {
  enum class Kind : uint8_t {
    full,    ///< every kernel column meets the input at every position
    masked,  ///< which positions a kernel column meets is known: `meets`
    bounded, ///< one position; the range of kernel columns is computed when it runs
  };
  Kind kind = Kind::full;
  int64_t start = 0; ///< first position
  int64_t width = 1; ///< positions of a tile
  int64_t tiles = 1;
  std::vector<std::array<int64_t, 2>> meets; ///< per kernel column: positions [begin, end) of the tile
};

/// Tiles of output blocks that are computed by the same code.
struct BlockRun {
  int64_t first = 0; ///< first block
  int64_t width = 1; ///< blocks of a tile
  int64_t tiles = 1;
  int64_t tailLanes = 0; ///< lanes in use in the very last block, 0 for all
};

/// f32 elements in a cache line.
inline constexpr int64_t kLine = 16;

struct Plan {
  int64_t tileWidth = 1;              ///< most positions of a tile
  int64_t tileBlocks = 1;             ///< blocks of a tile
  int64_t prefetchedLines = 0;        ///< of the next tile of blocks' filter, by each tile of positions
  int64_t channelChunks = 1;          ///< parts of the channels that are summed one after the other
  int64_t kernelChunks = 1;           ///< or of the outermost dimension of the kernel: this many
  int64_t depthsPerChunk = 1;         ///< of so many positions each
  bool packFilter = false;            ///< tiles read a copy of their part of the filter in scratch memory
  bool loopOverKernelColumns = false; ///< too many to unroll
  std::vector<PositionRun> positions;
  std::vector<BlockRun> blocks;

  // A task is a box of (row, tile along the width, tile of blocks) of one batch entry and group.
  int64_t positionTiles = 1, blockTiles = 1;
  int64_t rowsPerTask = 1, positionTilesPerTask = 1, blockTilesPerTask = 1;
  int64_t rowChunks = 1, positionChunks = 1, blockChunks = 1;
  int64_t tasks = 1, grain = 1;

  /// How often tiles go by, each time with more of the sum.
  int64_t sumParts() const { return channelChunks * kernelChunks; }
};

/// How many sets of accumulators of a tile keep the multiply-add pipes busy, as far as there are registers.
int64_t accumulatorSets(int64_t width, int64_t blocks, int64_t registers);

/// How many cache lines of the filter of `blocks` blocks each of `tiles` tiles of positions must ask for, so
/// that the next ones' comes from memory at an even pace while the present ones' is in use; 0 where that does
/// not pay.
int64_t prefetchedLines(const Problem& problem, int64_t blocks, int64_t tiles, int64_t filterBytes);

/// A register tile, and whether the tiles of a row are of equal width or all but the last are full.
struct TileShape {
  int64_t width = 1, blocks = 1;
  bool even = false;
};

/// The tiles worth measuring: the one that the cost model takes for the fastest, then others by what it
/// thinks of them. Never empty.
std::vector<TileShape> candidateTiles(const Problem& problem, const Target& target);

Plan makePlan(const Problem& problem, const Target& target, const TileShape& tile);
/// With the first of the candidates.
Plan makePlan(const Problem& problem, const Target& target);

} // namespace sinter::codegen::cpu::contraction
