// Where neighbours lie in memory decides the order of dimensions.
#include "codegen/cuda/loop_dims.h"

using namespace mlir;

namespace sinter::codegen::cuda {

SmallVector<int64_t> memoryOrder(Value tensor) {
  Operation* op = tensor.getDefiningOp();
  const RankedTensorType type = ir::tensorType(tensor);
  if (auto transpose = dyn_cast_or_null<ir::TransposeOp>(op)) {
    const ArrayRef<int64_t> permutation = transpose.getPermutation();
    return llvm::map_to_vector(memoryOrder(transpose.getInput()), [&](int64_t from) {
      return llvm::find(permutation, from) - permutation.begin();
    });
  }
  if (isa_and_nonnull<ir::ConvertLayoutOp, ir::PointwiseOpInterface>(op))
    for (Value operand : op->getOperands())
      if (ir::tensorType(operand).getShape() == type.getShape() &&
          !isa_and_nonnull<ir::ConstantOp>(operand.getDefiningOp()))
        return memoryOrder(operand);
  return DimensionGroups().order(type);
}

SmallVector<Side> sidesOf(ArrayRef<int64_t> shape, ArrayRef<int64_t> dims) {
  return llvm::map_to_vector(dims,
                             [&](int64_t dim) { return Side{dim, 0, shape[static_cast<size_t>(dim)], 1}; });
}

SmallVector<Side> sidesOf(const Piece& piece, ArrayRef<int64_t> dims) {
  SmallVector<Side> sides = sidesOf(piece.extents, dims);
  for (Side& side : sides)
    side.origin = piece.origin[static_cast<size_t>(side.dim)];
  return sides;
}

int64_t total(ArrayRef<Side> sides) {
  int64_t count = 1;
  for (const Side& side : sides)
    count *= side.count;
  return count;
}

SmallVector<Side> inSteps(ArrayRef<Side> sides, int64_t lanes) {
  SmallVector<Side> result(sides);
  if (lanes > 1) {
    result.back().count /= lanes;
    result.back().step = lanes;
  }
  return result;
}

SmallVector<Side> longOnesLast(ArrayRef<Side> sides) {
  SmallVector<Side> result;
  for (bool isLong : {false, true})
    for (const Side& side : sides)
      if ((side.count != 1) == isLong)
        result.push_back(side);
  return result;
}

SmallVector<Side> foldedSides(Value operand, ArrayRef<int64_t> shape, ArrayRef<int64_t> axes, int64_t lanes) {
  SmallVector<int64_t> dims(axes);
  if (operand && ir::tensorType(operand).getShape() == shape) {
    dims = memoryOrder(operand);
    llvm::erase_if(dims, [&](int64_t dim) { return !llvm::is_contained(axes, dim); });
  }
  return inSteps(longOnesLast(sidesOf(shape, dims)), lanes);
}

} // namespace sinter::codegen::cuda
