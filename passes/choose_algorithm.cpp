// Chooses the algorithm of convolutions: direct, or Winograd's F(4x4, 3x3).
//
// Winograd's needs a quarter of the multiply-adds, but transforms every tile in and out, computes whole tiles
// where the result ends within one, and reads four times as many weights.
#include "passes/constants.h"

using namespace mlir;

namespace sinter::passes {
namespace {

constexpr int64_t kTile = 4, kPoints = 36;
constexpr int64_t kFewestChannels = 16;
// Costs of F(4x4, 3x3) in multiply-adds: of one channel of one tile, and of one weight, of which memory
// delivers about two per cycle while a core does sixteen multiply-adds.
constexpr double kInputTransform = 220, kOutputTransform = 240, kWeight = 8;
constexpr double kWorthwhile = 0.8;

double costOfDirect(const ir::Contraction& c) {
  const double weights = 9 * static_cast<double>(c.inChannels * c.outChannels);
  return weights * (static_cast<double>(c.batch * c.output[1] * c.output[2]) + kWeight);
}

double costOfWinograd(const ir::Contraction& c) {
  auto tiles = [](int64_t extent) { return (extent + kTile - 1) / kTile; };
  const auto count = static_cast<double>(c.batch * tiles(c.output[1]) * tiles(c.output[2]));
  const auto in = static_cast<double>(c.inChannels), out = static_cast<double>(c.outChannels);
  return kPoints * in * out * (count + kWeight) + count * (in * kInputTransform + out * kOutputTransform);
}

bool pays(ir::ConvOp conv) {
  const RankedTensorType type = ir::tensorType(conv.getInput());
  const ir::Contraction c = conv.getContraction();
  const auto ones = [](ArrayRef<int64_t> values) {
    return llvm::all_of(values, [](int64_t value) { return value == 1; });
  };
  return type.getRank() == 4 && type.getElementType().isF32() && isConstant(conv.getFilter()) &&
         c.groups == 1 && c.kernel == std::array<int64_t, 3>{1, 3, 3} && ones(conv.getStrides()) &&
         ones(conv.getDilations()) && c.batch > 0 && c.inChannels >= kFewestChannels &&
         c.outChannels >= kFewestChannels && costOfWinograd(c) < kWorthwhile * costOfDirect(c);
}

struct ChooseAlgorithm : FunctionPass<ChooseAlgorithm> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ChooseAlgorithm)
  StringRef getArgument() const final { return "sinter-choose-algorithm"; }
  StringRef getDescription() const final { return "Winograd's algorithm for 3x3 convolutions where it pays"; }

  void runOnOperation() override {
    SmallVector<ir::ConvOp> convolutions;
    getOperation().walk([&](ir::ConvOp conv) {
      if (pays(conv))
        convolutions.push_back(conv);
    });
    DenseMap<Value, Value> transformed; // filters may be shared
    for (ir::ConvOp conv : convolutions) {
      IRRewriter rewriter(conv);
      Value& filter = transformed[conv.getFilter()];
      if (!filter) {
        const int64_t channels[] = {kPoints, ir::tensorType(conv.getFilter()).getDimSize(0),
                                    ir::tensorType(conv.getFilter()).getDimSize(1)};
        const auto type = ir::tensorType(conv.getFilter()).clone(channels);
        rewriter.setInsertionPointAfterValue(conv.getFilter());
        auto transform = ir::WinogradFilterOp::create(rewriter, conv.getLoc(), type, conv.getFilter(), kTile);
        filter = foldNow(rewriter, transform, /*bounded=*/false);
        if (!isConstant(filter)) { // not to be evaluated: as it was
          filter = nullptr;
          rewriter.eraseOp(transform);
          continue;
        }
        rewriter.setInsertionPoint(conv);
      }
      rewriter.replaceOpWithNewOp<ir::WinogradConvOp>(conv, conv.getType(), conv.getInput(), filter,
                                                      conv.getBias(), conv.getPadBegin(), conv.getPadEnd(),
                                                      kTile);
    }
    for (auto [original, unused] : transformed)
      if (original.use_empty())
        original.getDefiningOp()->erase();
  }
};

} // namespace

std::unique_ptr<Pass> createChooseAlgorithmPass() {
  return std::make_unique<ChooseAlgorithm>();
}

} // namespace sinter::passes
