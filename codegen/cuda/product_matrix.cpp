// The extents of a contraction's result, as a matrix.
#include "codegen/cuda/product_matrix.h"

#include "ir/precision.h"

using namespace mlir;

namespace sinter::codegen::cuda {
namespace {

int64_t extentOf(RankedTensorType type, ArrayRef<int64_t> dims) {
  int64_t extent = 1;
  for (int64_t dim : dims)
    extent *= type.getDimSize(static_cast<unsigned>(dim));
  return extent;
}

} // namespace

std::optional<ProductMatrix> ProductMatrix::of(Operation* root) {
  auto contraction = dyn_cast_or_null<ir::ContractionOpInterface>(root);
  if (!contraction)
    return std::nullopt;
  ProductMatrix matrix{contraction.getFactorDimensions(), {}, 1, 1, 1, 1, {}};
  if (matrix.dims.first.empty() || matrix.dims.second.empty())
    return std::nullopt;
  const RankedTensorType type = ir::tensorType(root->getResult(0));
  for (int64_t d = 0; d < type.getRank(); ++d)
    if (!llvm::is_contained(matrix.dims.first, d) && !llvm::is_contained(matrix.dims.second, d))
      matrix.batch.push_back(d);
  matrix.rows = extentOf(type, matrix.dims.first);
  matrix.columns = extentOf(type, matrix.dims.second);
  matrix.batches = extentOf(type, matrix.batch);
  matrix.terms = matrix.dims.terms;
  const Type element = ir::emittedType(type.getElementType());
  matrix.sum = ir::isHalf(element) ? Float32Type::get(type.getContext()) : element;
  return matrix;
}

int64_t termsOf(Operation* root) {
  const auto matrix = ProductMatrix::of(root);
  return matrix ? matrix->terms : 0;
}

} // namespace sinter::codegen::cuda
