// Layouts by backend.
#include "passes/layout_policy.h"

#include "ir/channels_last.h"

using namespace mlir;

namespace sinter::passes {
namespace {

class BlockedLayouts final : public LayoutPolicy {
public:
  explicit BlockedLayouts(int64_t block) : block_(block) {}

  std::optional<ContractionLayout> of(Operation* op) const override { return contractionLayout(op, block_); }
  ir::LayoutAttr between(RankedTensorType type) const override {
    return type.getRank() < 2 ? ir::LayoutAttr()
                              : ir::LayoutAttr::channelsBlocked(type.getContext(), type.getRank(), block_);
  }
  int64_t block() const override { return block_; }
  bool isOrder() const override { return false; }

private:
  const int64_t block_;
};

// [C / groups, kernel..., M]
ir::LayoutAttr outChannelsLast(RankedTensorType filter) {
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(1, filter.getRank()));
  order.push_back(0);
  return ir::LayoutAttr::get(filter.getContext(), order, 0, 1);
}

class ChannelsLastLayouts final : public LayoutPolicy {
public:
  std::optional<ContractionLayout> of(Operation* op) const override {
    auto contraction = dyn_cast<ir::ContractionOpInterface>(op);
    if (!contraction)
      return std::nullopt;
    const ir::Contraction sizes = contraction.getContraction();
    if (sizes.kind == ir::Contraction::Kind::matmul || sizes.winogradTile)
      return std::nullopt;
    const bool depthwise = sizes.groups > 1 && sizes.inChannels == 1 && sizes.outChannels == 1;
    const RankedTensorType lhs = ir::tensorType(op->getOperand(0)), rhs = ir::tensorType(op->getOperand(1)),
                           result = ir::tensorType(op->getResult(0));
    const auto ofFilter = [&](RankedTensorType type) {
      return depthwise ? unlessRowMajor(outChannelsLast(type), type) : between(type);
    };
    ContractionLayout layout;
    layout.lhs = between(lhs);
    if (sizes.kind == ir::Contraction::Kind::filter_gradient) {
      layout.rhs = between(rhs);
      layout.result = ofFilter(result);
    } else {
      layout.rhs = ofFilter(rhs);
      layout.result = between(result);
    }
    return layout;
  }

  ir::LayoutAttr between(RankedTensorType type) const override {
    return type.getRank() < 3 ? ir::LayoutAttr()
                              : unlessRowMajor(ir::channelsLast(type.getContext(), type.getRank()), type);
  }
  int64_t block() const override { return 1; }
  bool isOrder() const override { return true; }

private:
  static ir::LayoutAttr unlessRowMajor(ir::LayoutAttr layout, RankedTensorType type) {
    return ir::isRowMajor(layout, type.getShape()) ? ir::LayoutAttr() : layout;
  }
};

} // namespace

std::unique_ptr<LayoutPolicy> blockedLayouts(int64_t block) {
  return std::make_unique<BlockedLayouts>(block);
}

std::unique_ptr<LayoutPolicy> channelsLastLayouts() {
  return std::make_unique<ChannelsLastLayouts>();
}

} // namespace sinter::passes
