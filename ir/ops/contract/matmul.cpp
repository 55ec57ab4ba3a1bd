// Batched matrix products.
#include "ir/ops.h"

#include "ir/operand_checks.h"
#include "ir/ops/contract/accumulate.h"
#include "sinter/runtime/eager/matmul.h"

using namespace mlir;

#define GET_OP_CLASSES
#include "ir/ops/contract/matmul.cpp.inc"

namespace sinter::ir {
namespace {

// The last two dimensions as they take part in the product.
struct MatrixExtents {
  int64_t rows, columns;

  MatrixExtents(RankedTensorType type, bool transposed) {
    const auto matrix = type.getShape().take_back(2);
    rows = matrix[transposed ? 1 : 0];
    columns = matrix[transposed ? 0 : 1];
  }
};

ArrayRef<int64_t> batchOf(RankedTensorType type) {
  return type.getShape().drop_back(2);
}

// The batch coordinates of `at` for an operand, then `row` and `column`, swapped if it is stored transposed.
Point matrixPoint(LoopEmitter& emitter, const Point& at, RankedTensorType type, Coord row, Coord column,
                  bool transposed) {
  Point point = emitter.broadcast(Point(ArrayRef(at).drop_back(2)), batchOf(type));
  point.push_back(transposed ? column : row);
  point.push_back(transposed ? row : column);
  return point;
}

} // namespace

LogicalResult MatmulOp::inferReturnTypes(MLIRContext*, std::optional<Location> location, ValueRange operands,
                                         DictionaryAttr attributes, OpaqueProperties properties,
                                         RegionRange regions, SmallVectorImpl<Type>& types) {
  const StringRef name = getOperationName();
  Adaptor adaptor(operands, attributes, properties, regions);
  auto lhs = staticOperand(location, name, adaptor.getLhs(), "lhs");
  auto rhs = staticOperand(location, name, adaptor.getRhs(), "rhs");
  if (failed(lhs) || failed(rhs))
    return failure();
  if (lhs->getRank() < 2 || rhs->getRank() < 2)
    return emitOptionalError(location, name, ": ", *lhs, " times ", *rhs,
                             ": operands need at least two dimensions");
  if (lhs->getElementType() != rhs->getElementType())
    return emitOptionalError(location, name, ": element types of ", *lhs, " and ", *rhs, " differ");
  const MatrixExtents left(*lhs, adaptor.getTransposeLhs()), right(*rhs, adaptor.getTransposeRhs());
  if (left.columns != right.rows)
    return emitOptionalError(location, name, ": ", *lhs, adaptor.getTransposeLhs() ? " (transposed)" : "",
                             " times ", *rhs, adaptor.getTransposeRhs() ? " (transposed)" : "", ": ",
                             left.columns, " columns do not meet ", right.rows, " rows");
  auto shape = broadcastShapes(batchOf(*lhs), batchOf(*rhs));
  if (failed(shape))
    return emitOptionalError(location, name, ": batch dimensions of ", *lhs, " and ", *rhs,
                             " do not broadcast");
  shape->append({left.rows, right.columns});
  return addResult(location, name, ArrayRef<int64_t>(*shape), lhs->getElementType(), {}, types);
}

void MatmulOp::evaluate(ArrayRef<View> operands, ArrayRef<View> results) {
  eager::matmul(operands[0], operands[1], results[0], getTransposeLhs(), getTransposeRhs());
}

Contraction MatmulOp::getContraction() {
  Contraction result;
  const auto lhs = tensorType(getLhs()), rhs = tensorType(getRhs()), out = tensorType(getResult());
  const MatrixExtents left(lhs, getTransposeLhs()), right(rhs, getTransposeRhs());
  result.kind = Contraction::Kind::matmul;
  for (int64_t extent : batchOf(out))
    result.batch *= extent;
  result.inChannels = left.columns;
  result.outChannels = right.columns;
  result.input = result.output = {1, 1, left.rows};
  result.transposeLhs = getTransposeLhs();
  result.transposeRhs = getTransposeRhs();
  return result;
}

FactorDimensions MatmulOp::getFactorDimensions() {
  const int64_t rank = tensorType(getResult()).getRank();
  const bool sharesRhs =
      llvm::all_of(batchOf(tensorType(getRhs())), [](int64_t extent) { return extent == 1; });
  FactorDimensions dimensions;
  for (int64_t d = sharesRhs ? 0 : rank - 2; d < rank - 1; ++d)
    dimensions.first.push_back(d);
  dimensions.second = {rank - 1};
  dimensions.terms = MatrixExtents(tensorType(getLhs()), getTransposeLhs()).columns;
  dimensions.firstAlongSum = !getTransposeLhs();
  dimensions.secondAlongSum = getTransposeRhs();
  return dimensions;
}

double MatmulOp::getFlops() {
  return getContraction().flops();
}

Value MatmulOp::emitElement(LoopEmitter& emitter, const Point& at, ValueRange) {
  const auto lhs = tensorType(getLhs()), rhs = tensorType(getRhs());
  const int64_t depth = MatrixExtents(lhs, getTransposeLhs()).columns;
  const Coord row = at[at.size() - 2], column = at[at.size() - 1];
  return emitProducts(emitter, {depth}, lhs.getElementType(), [&](ArrayRef<Value> index) {
    const Coord inner = emitter.at(index[0]);
    const Value a = emitter.element(getLhs(), matrixPoint(emitter, at, lhs, row, inner, getTransposeLhs()));
    const Value b =
        emitter.element(getRhs(), matrixPoint(emitter, at, rhs, inner, column, getTransposeRhs()));
    return std::pair(a, b);
  });
}

} // namespace sinter::ir
