// Shapes of tiles, and the choice among them.
#include "codegen/cuda/tile_division.h"

#include "llvm/Support/MathExtras.h"

#include <limits>

namespace sinter::codegen::cuda {
namespace {

constexpr TileShape kShapes[] = {
    {128, 128, 2, 4, 1, 64, 4, 1},   {128, 64, 2, 2, 1, 64, 4, 0.85}, {64, 128, 1, 4, 1, 64, 4, 0.85},
    {64, 64, 2, 2, 2, 128, 3, 0.65}, {32, 32, 1, 1, 4, 128, 4, 0.3},
};
constexpr int64_t kMostParts = 32;
// What a tile takes besides its terms, as so many terms more; and what it takes to join each of its parts.
constexpr int64_t kTermsOfTile = 64, kTermsOfPart = 32;

} // namespace

TileDivision TileDivision::of(int64_t rows, int64_t columns, int64_t batches, int64_t terms) {
  TileDivision best;
  double least = std::numeric_limits<double>::infinity();
  for (const TileShape& shape : kShapes) {
    const int64_t tiles =
        llvm::divideCeilSigned(rows, shape.rows) * llvm::divideCeilSigned(columns, shape.columns) * batches;
    for (int64_t parts = 1; parts == 1 || (parts <= kMostParts && tiles * parts <= kMultiprocessors);
         parts *= 2) {
      const int64_t work =
          llvm::divideCeilSigned(terms, parts) + kTermsOfTile + (parts > 1 ? kTermsOfPart * parts : 0);
      const int64_t waves = llvm::divideCeilSigned(tiles * parts, kMultiprocessors);
      const double cost = static_cast<double>(waves * shape.rows * shape.columns * work) / shape.speed;
      if (cost < least) {
        least = cost;
        best = {shape, parts};
      }
    }
  }
  return best;
}

} // namespace sinter::codegen::cuda
