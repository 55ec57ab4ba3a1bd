// Which tensors have their channels innermost.
#include "ir/channels_last.h"

using namespace mlir;

namespace sinter::ir {
namespace {

// The dimensions that take steps in memory, outermost first.
SmallVector<int64_t> steps(ArrayRef<int64_t> order, ArrayRef<int64_t> shape) {
  return llvm::filter_to_vector(order, [&](int64_t dim) { return shape[static_cast<size_t>(dim)] != 1; });
}

SmallVector<int64_t> channelsLastOrder(int64_t rank) {
  SmallVector<int64_t> order{0};
  for (int64_t d = 2; d < rank; ++d)
    order.push_back(d);
  order.push_back(1);
  return order;
}

} // namespace

LayoutAttr channelsLast(MLIRContext* context, int64_t rank) {
  return LayoutAttr::get(context, channelsLastOrder(rank), 1, 1);
}

bool isChannelsLast(RankedTensorType type) {
  if (type.getRank() < 2)
    return false;
  const auto layout = dyn_cast_or_null<LayoutAttr>(type.getEncoding());
  if (layout && layout.getBlock() != 1)
    return false;
  const ArrayRef<int64_t> shape = type.getShape();
  const SmallVector<int64_t> rows = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
  return steps(layout ? layout.getOrder() : ArrayRef(rows), shape) ==
         steps(channelsLastOrder(type.getRank()), shape);
}

bool isRowMajor(LayoutAttr layout, ArrayRef<int64_t> shape) {
  return layout.getBlock() == 1 && llvm::is_sorted(steps(layout.getOrder(), shape));
}

} // namespace sinter::ir
