// Chooses the algorithm of convolutions: direct, or Winograd's F(2x2, 3x3) or F(4x4, 3x3).
//
// Winograd's needs 4/9 or 1/4 of the multiply-adds, but transforms every tile in and out, computes whole
// tiles where the result ends within one, and reads two or four times as many weights.
#include "passes/constants.h"
#include "passes/windows.h"
#include "sinter/runtime/eager/winograd.h"

#include "llvm/ADT/SetVector.h"

#include <limits>

using namespace mlir;

namespace sinter::passes {
namespace {

constexpr int64_t kFewestChannels = 16;
// Costs in multiply-adds. Of a weight: memory delivers about two per cycle while a core does sixteen
// multiply-adds. Of a point of one channel of one tile that is transformed, both ways taken together.
constexpr double kWeight = 8, kTransformedPoint = 6.4;
constexpr double kWorthwhile = 0.8;
// Transforms of filters sum at most this many times their largest element: the square of the largest sum of
// magnitudes in a row of the transform, 1.5 for tiles of 2 and 1 for tiles of 4.
constexpr double kLargestGain = 2.25;

double costOfDirect(const ir::Contraction& c) {
  const double weights = 9 * static_cast<double>(c.inChannels * c.outChannels);
  return weights * (static_cast<double>(c.batch * c.output[1] * c.output[2]) + kWeight);
}

double costOfWinograd(const ir::Contraction& c, int64_t tile) {
  auto tiles = [&](int64_t extent) { return llvm::divideCeil(extent, tile); };
  const auto count =
      static_cast<double>(c.batch) * static_cast<double>(tiles(c.output[1]) * tiles(c.output[2]));
  const auto in = static_cast<double>(c.inChannels), out = static_cast<double>(c.outChannels);
  const auto points = static_cast<double>(eager::winograd_points(tile));
  return points * (in * out * (count + kWeight) + count * (in + out) * kTransformedPoint);
}

bool isPossible(ir::ConvOp conv) {
  const RankedTensorType type = ir::tensorType(conv.getInput());
  const ir::Contraction c = conv.getContraction();
  return type.getRank() == 4 && type.getElementType().isF32() && isConstant(conv.getFilter()) &&
         c.groups == 1 && c.kernel == std::array<int64_t, 3>{1, 3, 3} && allAre(1, conv.getStrides()) &&
         allAre(1, conv.getDilations()) && c.batch > 0 && c.inChannels >= kFewestChannels &&
         c.outChannels >= kFewestChannels;
}

// 0: the direct algorithm is best.
int64_t bestTile(ir::ConvOp conv) {
  if (!isPossible(conv))
    return 0;
  const ir::Contraction c = conv.getContraction();
  double least = kWorthwhile * costOfDirect(c);
  int64_t best = 0;
  for (int64_t tile : eager::kWinogradTiles)
    if (const double cost = costOfWinograd(c, tile); cost < least) {
      least = cost;
      best = tile;
    }
  return best;
}

struct ChooseAlgorithm : FunctionPass<ChooseAlgorithm> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ChooseAlgorithm)
  StringRef getArgument() const final { return "sinter-choose-algorithm"; }
  StringRef getDescription() const final { return "Winograd's algorithm for 3x3 convolutions where it pays"; }

  void runOnOperation() override {
    SmallVector<std::pair<ir::ConvOp, int64_t>> convolutions;
    getOperation().walk([&](ir::ConvOp conv) {
      if (const int64_t tile = bestTile(conv))
        convolutions.push_back({conv, tile});
    });
    DenseMap<std::pair<Value, int64_t>, Value> transformed; // filters may be shared
    for (auto [conv, tile] : convolutions) {
      IRRewriter rewriter(conv);
      Value& filter = transformed[{conv.getFilter(), tile}];
      if (!filter)
        filter = transformFilter(conv, tile);
      if (filter)
        rewriter.replaceOpWithNewOp<ir::WinogradConvOp>(conv, conv.getType(), conv.getInput(), filter,
                                                        conv.getBias(), conv.getPadBegin(), conv.getPadEnd(),
                                                        static_cast<uint64_t>(tile));
    }
    llvm::SmallSetVector<Operation*, 8> originals; // once each: one filter may have got several transforms
    for (auto [key, unused] : transformed)
      originals.insert(key.first.getDefiningOp());
    for (Operation* original : originals)
      if (original->use_empty())
        original->erase();
  }

  // Null if it cannot be evaluated, or may not be finite and is not taken for it (sums of its products would
  // be NaN where those of conv are infinite): then everything stays as it was.
  static Value transformFilter(ir::ConvOp conv, int64_t tile) {
    if (!assumeFinite(conv.getFilter())) {
      const auto magnitudes = magnitudesOf(conv.getFilter());
      if (!magnitudes || magnitudes->most > std::numeric_limits<float>::max() / kLargestGain)
        return {};
    }
    IRRewriter rewriter(conv.getContext());
    rewriter.setInsertionPointAfterValue(conv.getFilter());
    auto transform =
        ir::WinogradFilterOp::create(rewriter, conv.getLoc(), conv.getFilter(), static_cast<uint64_t>(tile));
    Value filter = foldNow(rewriter, transform, /*bounded=*/false);
    if (isConstant(filter))
      return filter;
    rewriter.eraseOp(filter.getDefiningOp());
    return {};
  }
};

} // namespace

std::unique_ptr<Pass> createChooseAlgorithmPass() {
  return std::make_unique<ChooseAlgorithm>();
}

} // namespace sinter::passes
