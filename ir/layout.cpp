// #sinter.layout: where the elements of a tensor lie.
#include "ir/dialect.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

#define GET_ATTRDEF_CLASSES
#include "ir/types.cpp.inc"

namespace sinter::ir {

void SinterDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "ir/types.cpp.inc"
      >();
}

LogicalResult LayoutAttr::verify(function_ref<InFlightDiagnostic()> error, ArrayRef<int64_t> order,
                                 int64_t blocked, int64_t block) {
  SmallVector<bool> seen(order.size(), false);
  for (int64_t dim : order) {
    if (dim < 0 || dim >= static_cast<int64_t>(order.size()) || seen[static_cast<size_t>(dim)])
      return error() << "layout order is not a permutation";
    seen[static_cast<size_t>(dim)] = true;
  }
  if (blocked < 0 || blocked >= static_cast<int64_t>(order.size()))
    return error() << "blocked dimension " << blocked << " is not one of " << order.size();
  if (block < 1)
    return error() << "block size " << block << " is not positive";
  return success();
}

LogicalResult LayoutAttr::verifyEncoding(ArrayRef<int64_t> shape, Type,
                                         function_ref<InFlightDiagnostic()> error) const {
  if (shape.size() != getOrder().size())
    return error() << "layout of rank " << getOrder().size() << " on a tensor of rank " << shape.size();
  return success();
}

SmallVector<int64_t> LayoutAttr::getPhysicalShape(ArrayRef<int64_t> logical) const {
  SmallVector<int64_t> shape;
  for (int64_t dim : getOrder()) {
    const int64_t extent = logical[static_cast<size_t>(dim)];
    shape.push_back(dim == getBlocked() ? llvm::divideCeilSigned(extent, getBlock()) : extent);
  }
  if (getBlock() != 1)
    shape.push_back(getBlock());
  return shape;
}

int64_t LayoutAttr::getPhysicalElements(ArrayRef<int64_t> logical) const {
  int64_t elements = 1;
  for (int64_t extent : getPhysicalShape(logical))
    elements *= extent;
  return elements;
}

int64_t LayoutAttr::getStride(ArrayRef<int64_t> logical, int64_t dim) const {
  const SmallVector<int64_t> physical = getPhysicalShape(logical);
  int64_t stride = getBlock();
  for (size_t i = getOrder().size(); i-- > 0;) {
    if (getOrder()[i] == dim)
      return stride;
    stride *= physical[i];
  }
  llvm_unreachable("dimension not in layout");
}

LayoutAttr LayoutAttr::channelsBlocked(MLIRContext* context, int64_t rank, int64_t block) {
  SmallVector<int64_t> order;
  for (int64_t d = 0; d < rank; ++d)
    order.push_back(d);
  return get(context, order, 1, block);
}

} // namespace sinter::ir
