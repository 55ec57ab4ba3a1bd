// Collapsing dimensions: a pointwise kernel on dense tensors of one shape becomes a single loop.
#include "codegen/loops/dimension_groups.h"

#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;

namespace sinter::codegen {
namespace {

// True if every element is computed from those at its own position: where tensors lie in memory does not
// matter.
bool staysAtPosition(Block& block) {
  for (Operation& op : block.without_terminator())
    if (!isa<ir::ConstantOp, ir::ConvertLayoutOp, ir::PointwiseOpInterface>(op))
      return false;
  return true;
}

SmallVector<RankedTensorType> allTypes(Block& block) {
  SmallVector<RankedTensorType> types;
  for (Value argument : block.getArguments())
    types.push_back(ir::tensorType(argument));
  for (Operation& op : block.without_terminator())
    types.push_back(ir::tensorType(op.getResult(0)));
  return types;
}

// Where dimension `dim` stands in memory order, from the outermost.
int64_t place(RankedTensorType type, int64_t dim) {
  auto layout = dyn_cast_or_null<ir::LayoutAttr>(type.getEncoding());
  return layout ? llvm::find(layout.getOrder(), dim) - layout.getOrder().begin() : dim;
}

// The run of result dimensions [first, d] (aligned at the end) may be extended by d + 1: together they are
// one run of memory in `type`, or repeated together. Dimensions of extent 1 are both, so that the run is
// judged as a whole: two neighbours that agree with such a dimension between them need not agree with each
// other.
bool mergeable(RankedTensorType type, ArrayRef<int64_t> result, int64_t first, int64_t d) {
  const int64_t lead = static_cast<int64_t>(result.size()) - type.getRank();
  bool full = true, repeated = true;
  for (int64_t dim = first; dim <= d + 1; ++dim) {
    const int64_t wanted = result[static_cast<size_t>(dim)];
    const int64_t extent = dim < lead ? 1 : type.getDimSize(dim - lead);
    full &= extent == wanted;
    repeated &= extent == 1;
  }
  if (!full)
    return repeated;
  if (d < lead)
    return true;
  auto layout = dyn_cast_or_null<ir::LayoutAttr>(type.getEncoding());
  if (layout && layout.getBlock() > 1 &&
      (layout.getBlocked() == d - lead || layout.getBlocked() == d + 1 - lead))
    return false;
  return place(type, d + 1 - lead) == place(type, d - lead) + 1;
}

} // namespace

DimensionGroups DimensionGroups::of(ir::KernelOp kernel) {
  DimensionGroups groups;
  Block& block = kernel.getBody().front();
  auto results = block.getTerminator()->getOperands();
  if (results.empty() || !staysAtPosition(block))
    return groups;
  const RankedTensorType result = ir::tensorType(results[0]);
  for (Value other : results)
    if (ir::tensorType(other).getShape() != result.getShape())
      return groups;
  const SmallVector<RankedTensorType> types = allTypes(block);
  groups.rank = result.getRank();
  for (int64_t d = 0; d < groups.rank; ++d) {
    const bool merges = d > 0 && llvm::all_of(types, [&](RankedTensorType type) {
                          return mergeable(type, result.getShape(), groups.runs.back().first, d - 1);
                        });
    if (merges)
      ++groups.runs.back().second;
    else
      groups.runs.push_back({d, 1});
  }
  return groups;
}

SmallVector<int64_t> DimensionGroups::shape(ArrayRef<int64_t> shape) const {
  if (runs.empty())
    return SmallVector<int64_t>(shape);
  const int64_t lead = rank - static_cast<int64_t>(shape.size());
  SmallVector<int64_t> result;
  for (auto [first, count] : runs) {
    int64_t extent = 1;
    for (int64_t d = std::max(first, lead); d < first + count; ++d)
      extent *= shape[static_cast<size_t>(d - lead)];
    result.push_back(extent);
  }
  return result;
}

MemoryView DimensionGroups::view(MemoryView view) const {
  if (runs.empty())
    return view;
  MemoryView result = view;
  const int64_t lead = rank - static_cast<int64_t>(view.shape.size());
  result.shape = shape(view.shape);
  result.strides.clear();
  result.blocked = -1;
  for (auto [first, count] : runs) {
    const int64_t last = first + count - 1 - lead;
    result.strides.push_back(last < 0 ? 0 : view.strides[static_cast<size_t>(last)]);
    if (view.blocked >= 0 && last == view.blocked)
      result.blocked = static_cast<int64_t>(result.strides.size()) - 1;
  }
  return result;
}

SmallVector<int64_t> DimensionGroups::order(RankedTensorType type) const {
  SmallVector<int64_t> order;
  auto layout = dyn_cast_or_null<ir::LayoutAttr>(type.getEncoding());
  if (runs.empty()) {
    for (int64_t d = 0; d < type.getRank(); ++d)
      order.push_back(layout ? layout.getOrder()[static_cast<size_t>(d)] : d);
    return order;
  }
  for (int64_t group = 0; group < static_cast<int64_t>(runs.size()); ++group)
    order.push_back(group);
  llvm::sort(order, [&](int64_t a, int64_t b) {
    return place(type, runs[static_cast<size_t>(a)].first) < place(type, runs[static_cast<size_t>(b)].first);
  });
  return order;
}

} // namespace sinter::codegen
