// Constants, fused regions, kernels and launches.
#include "ir/constant.h"
#include "ir/ops.h"

#include "mlir/IR/DialectResourceBlobManager.h"

using namespace mlir;

#define GET_OP_CLASSES
#include "ir/ops/control/program.cpp.inc"

namespace sinter::ir {
namespace {

Operation* rootOf(Block& block) {
  for (Operation& op : block)
    if (auto fusion = dyn_cast<FusionOpInterface>(op); fusion && fusion.isRoot())
      return &op;
  return nullptr;
}

} // namespace

OpFoldResult ConstantOp::fold(FoldAdaptor) {
  return getValue();
}

LogicalResult ConstantOp::verify() {
  if (isa<DenseElementsAttr>(getValue()))
    return success();
  auto resource = dyn_cast<DenseResourceElementsAttr>(getValue());
  if (!resource)
    return emitOpError("holds an attribute that is neither dense nor a dense resource");
  AsmResourceBlob* blob = resource.getRawHandle().getBlob();
  const int64_t bytes = storedBytes(tensorType(getResult()));
  if (!blob || static_cast<int64_t>(blob->getData().size()) != bytes)
    return emitOpError("has no data of the ") << bytes << " bytes its type asks for";
  return success();
}

Operation* FusionOp::getRoot() {
  return rootOf(getBody().front());
}
Operation* KernelOp::getRoot() {
  return rootOf(getBody().front());
}

LogicalResult FusionOp::verify() {
  Block& block = getBody().front();
  if (!sameLogicalTypes(block.getArgumentTypes(), getInputs().getTypes()) ||
      block.getArgumentTypes() != getInputs().getTypes())
    return emitOpError("block arguments do not match the operands");
  if (block.getTerminator()->getOperandTypes() != getResultTypes())
    return emitOpError("yielded types do not match the results");
  Operation* root = getRoot();
  for (Operation& op : block.without_terminator()) {
    auto fusion = dyn_cast<FusionOpInterface>(op);
    if (!fusion && !isa<ConstantOp>(op))
      return emitOpError("holds ") << op.getName() << ", which cannot be fused";
    if (fusion && &op != root && fusion.isRoot())
      return emitOpError("has more than one root: ") << op.getName();
  }
  return success();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection& symbols) {
  auto kernel = symbols.lookupNearestSymbolFrom<KernelOp>(*this, getKernelAttr());
  if (!kernel)
    return emitOpError("launches @") << getKernel() << ", which is not a kernel";
  Block& block = kernel.getBody().front();
  if (block.getArgumentTypes() != getInputs().getTypes())
    return emitOpError("operands do not match the arguments of @") << getKernel();
  if (block.getTerminator()->getOperandTypes() != getResultTypes())
    return emitOpError("results do not match those of @") << getKernel();
  return success();
}

} // namespace sinter::ir
