// Rules of differentiation of matrix products.
#include "ir/ops.h"

using namespace mlir;

namespace sinter::ir {
namespace {

/// [batch..., r, c] (stored [batch..., c, r] if `transposed`) as one matrix [batch * r, c].
Value stacked(GradientArithmetic& g, Value x, bool transposed) {
  const RankedTensorType type = tensorType(x);
  if (transposed) {
    auto order = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
    std::swap(order[order.size() - 2], order.back());
    x = g.transpose(x, order);
  }
  const int64_t columns = tensorType(x).getShape().back();
  int64_t rows = 1;
  for (int64_t extent : tensorType(x).getShape().drop_back())
    rows *= extent;
  return g.reshape(x, {rows, columns});
}

bool hasOneBatch(Value x) {
  return llvm::all_of(tensorType(x).getShape().drop_back(2), [](int64_t extent) { return extent == 1; });
}

/// The cotangent of a rhs that all batches share: one product over the rows of all of them.
Value sharedRhs(GradientArithmetic& g, MatmulOp op, Value cotangent) {
  const Value rows = stacked(g, op.getLhs(), op.getTransposeLhs());
  const Value results = stacked(g, cotangent, false);
  const Value product = op.getTransposeRhs() ? g.apply<MatmulOp>(results, rows, true, false)
                                             : g.apply<MatmulOp>(rows, results, true, false);
  return g.reshape(product, tensorType(op.getRhs()).getShape());
}

} // namespace

SmallVector<Value> MatmulOp::vjp(OpBuilder& builder, ValueRange cotangents) {
  GradientArithmetic g(builder, getLoc());
  const Value result = cotangents[0];
  const bool lhsTransposed = getTransposeLhs(), rhsTransposed = getTransposeRhs();
  const Value lhs = lhsTransposed ? g.apply<MatmulOp>(getRhs(), result, rhsTransposed, true)
                                  : g.apply<MatmulOp>(result, getRhs(), false, !rhsTransposed);
  Value rhs;
  if (hasOneBatch(getRhs()) && !hasOneBatch(result))
    rhs = sharedRhs(g, *this, result);
  else
    rhs = rhsTransposed ? g.apply<MatmulOp>(result, getLhs(), true, lhsTransposed)
                        : g.apply<MatmulOp>(getLhs(), result, !lhsTransposed, false);
  return {g.sumTo(lhs, tensorType(getLhs())), g.sumTo(rhs, tensorType(getRhs()))};
}

SmallVector<Value> MatmulOp::jvp(OpBuilder& builder, ValueRange tangents) {
  GradientArithmetic g(builder, getLoc());
  Value sum;
  if (tangents[0])
    sum = g.apply<MatmulOp>(tangents[0], getRhs(), getTransposeLhs(), getTransposeRhs());
  if (tangents[1])
    sum = g.add(sum, g.apply<MatmulOp>(getLhs(), tangents[1], getTransposeLhs(), getTransposeRhs()));
  return {sum};
}

} // namespace sinter::ir
