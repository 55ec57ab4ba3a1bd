// Which layouts the contraction micro-kernels compute in.
#include "passes/contraction_layout.h"

using namespace mlir;

namespace sinter::passes {
namespace {

using ir::Contraction;
using ir::LayoutAttr;

bool isEmpty(const Contraction& sizes) {
  auto product = [](const std::array<int64_t, 3>& extents) { return extents[0] * extents[1] * extents[2]; };
  return sizes.batch == 0 || sizes.groups == 0 || sizes.inChannels == 0 || sizes.outChannels == 0 ||
         product(sizes.input) == 0 || product(sizes.output) == 0 || product(sizes.kernel) == 0;
}

// [out channels / block, kernel..., in channels of the group], output channels innermost.
LayoutAttr filterLayout(MLIRContext* context, int64_t rank, int64_t block) {
  SmallVector<int64_t> order{0};
  for (int64_t d = 2; d < rank; ++d)
    order.push_back(d);
  order.push_back(1);
  return LayoutAttr::get(context, order, 0, block);
}

// Taken whatever the batch: there are no loops for it.
ContractionLayout winogradLayout(Operation* op, int64_t block) {
  ContractionLayout layout;
  layout.lhs = layout.result = LayoutAttr::channelsBlocked(op->getContext(), 4, block);
  layout.rhs = LayoutAttr::get(op->getContext(), {0, 1, 2}, 1, block);
  return layout;
}

// [n / block, k], columns innermost; a transposed rhs is [n, k] to start with.
LayoutAttr columnsLayout(MLIRContext* context, bool transposed, int64_t block) {
  return LayoutAttr::get(context, transposed ? ArrayRef<int64_t>{0, 1} : ArrayRef<int64_t>{1, 0},
                         transposed ? 0 : 1, block);
}

std::optional<ContractionLayout> convolutionLayout(Operation* op, const Contraction& sizes, int64_t block) {
  const bool wholeBlocks = sizes.inChannels % block == 0 && sizes.outChannels % block == 0;
  if (sizes.groups > 1 && !sizes.isDepthwise() && !wholeBlocks)
    return std::nullopt;
  const int64_t rank = ir::tensorType(op->getOperand(0)).getRank();
  ContractionLayout layout;
  layout.lhs = layout.result = LayoutAttr::channelsBlocked(op->getContext(), rank, block);
  layout.rhs = filterLayout(op->getContext(), rank, block);
  layout.lhsMayBeRowMajor = !sizes.isDepthwise();
  return layout;
}

// Sums run over the batch, then over positions.
std::optional<ContractionLayout> filterGradientLayout(Operation* op, const Contraction& sizes,
                                                      int64_t block) {
  const int64_t rank = ir::tensorType(op->getOperand(0)).getRank();
  if (rank > 4 || (sizes.groups > 1 && sizes.outChannels % block != 0))
    return std::nullopt;
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(1, rank));
  order.push_back(0);
  ContractionLayout layout;
  layout.lhs = LayoutAttr::get(op->getContext(), order, 0, 1);
  layout.rhs = LayoutAttr::get(op->getContext(), order, 1, block);
  layout.result = filterLayout(op->getContext(), rank, block);
  return layout;
}

std::optional<ContractionLayout> matmulLayout(Operation* op, const Contraction& sizes, int64_t block) {
  const Value rhs = op->getOperand(1);
  const auto rhsBatch = ir::tensorType(rhs).getShape().drop_back(2);
  const LayoutAttr packed = columnsLayout(op->getContext(), sizes.transposeRhs, block);
  const bool canPack =
      rhsBatch.empty() && (rhs.getDefiningOp<ir::ConstantOp>() || ir::layoutOf(rhs) == packed);
  if (sizes.transposeLhs || (sizes.transposeRhs && !canPack))
    return std::nullopt;
  ContractionLayout layout;
  layout.rhs = canPack ? packed : LayoutAttr();
  return layout;
}

} // namespace

std::optional<ContractionLayout> contractionLayout(Operation* op, int64_t block) {
  auto contraction = dyn_cast<ir::ContractionOpInterface>(op);
  if (!contraction || block < 1)
    return std::nullopt;
  for (Value operand : op->getOperands())
    if (!ir::tensorType(operand).getElementType().isF32())
      return std::nullopt;
  const Contraction sizes = contraction.getContraction();
  if (sizes.winogradTile)
    return winogradLayout(op, block);
  if (isEmpty(sizes))
    return std::nullopt;
  switch (sizes.kind) {
  case Contraction::Kind::convolution:
    return convolutionLayout(op, sizes, block);
  case Contraction::Kind::matmul:
    return matmulLayout(op, sizes, block);
  case Contraction::Kind::filter_gradient:
    return filterGradientLayout(op, sizes, block);
  case Contraction::Kind::transposed_convolution:
    return std::nullopt;
  }
  return std::nullopt;
}

bool hasMicroKernelLayouts(Operation* op, int64_t block) {
  const std::optional<ContractionLayout> layout = contractionLayout(op, block);
  if (!layout)
    return false;
  const LayoutAttr lhs = ir::layoutOf(op->getOperand(0));
  return (lhs == layout->lhs || (!lhs && layout->lhsMayBeRowMajor)) &&
         ir::layoutOf(op->getOperand(1)) == layout->rhs && ir::layoutOf(op->getResult(0)) == layout->result;
}

} // namespace sinter::passes
