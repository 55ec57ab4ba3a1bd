// What is done to a program before it is written.
#include "frontend/onnx/export/prepare.h"

#include "codegen/compile.h"
#include "ir/constant.h"
#include "ir/op_creation.h"
#include "ir/ops/contract/attention_products.h"
#include "passes/passes.h"

#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Pass/PassManager.h"

#include <numeric>

namespace sinter::onnx_export {
namespace {

using namespace mlir;

void run(ModuleOp module, std::unique_ptr<Pass> pass) {
  PassManager manager(module.getContext());
  manager.addNestedPass<func::FuncOp>(std::move(pass));
  std::string first;
  ScopedDiagnosticHandler handler(module.getContext(), [&](Diagnostic& diagnostic) {
    if (first.empty())
      first = diagnostic.str();
    return success();
  });
  if (failed(manager.run(module)))
    throw Error(first.empty() ? "the program cannot be written" : first);
}

void decompose(ir::AttentionOp op) {
  OpBuilder builder(op);
  ir::GradientArithmetic g(builder, op.getLoc());
  op.getResult().replaceAllUsesWith(ir::attentionResult(g, op));
  op.erase();
}

Value transposed(OpBuilder& builder, Location location, Value matrices) {
  SmallVector<int64_t> order(static_cast<std::size_t>(ir::tensorType(matrices).getRank()));
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  // A weight that is transposed for good keeps its name.
  if (auto constant = matrices.getDefiningOp<ir::ConstantOp>())
    location = constant.getLoc();
  return ir::create<ir::TransposeOp>(builder, location, matrices, order);
}

// Gemm has flags for matrices of floats.
void write_out_transposes(ir::MatmulOp op) {
  const auto lhs = ir::tensorType(op.getLhs()), rhs = ir::tensorType(op.getRhs());
  if (lhs.getRank() == 2 && rhs.getRank() == 2 && isa<FloatType>(lhs.getElementType()))
    return;
  OpBuilder builder(op);
  if (op.getTransposeLhs())
    op.getLhsMutable().assign(transposed(builder, op.getLoc(), op.getLhs()));
  if (op.getTransposeRhs())
    op.getRhsMutable().assign(transposed(builder, op.getLoc(), op.getRhs()));
  op.setTransposeLhs(false);
  op.setTransposeRhs(false);
}

// What is computed of no elements at all is known, and ONNX Runtime does not compute all of it.
void evaluate_if_empty(Operation* op) {
  const auto is_empty = [](Value value) { return ir::tensorType(value).getNumElements() == 0; };
  const auto is_known = [&](Value value) { return is_empty(value) || ir::constantData(value); };
  if (!isa<ir::EvaluateOpInterface>(op) || op->getNumResults() != 1 ||
      !(is_empty(op->getResult(0)) ||
        (llvm::any_of(op->getOperands(), is_empty) && llvm::all_of(op->getOperands(), is_known))))
    return;
  const auto type = ir::tensorType(op->getResult(0));
  const Shape shape = ir::shapeOf(type);
  const DType dtype = ir::dtypeOf(type.getElementType());
  auto storage = Storage::allocate(static_cast<std::size_t>(shape.elements()) * size_of(dtype));
  if (!is_empty(op->getResult(0))) {
    std::vector<View> operands;
    std::vector<ir::ConstantData> data;
    for (Value operand : op->getOperands()) {
      const auto from = ir::tensorType(operand);
      data.push_back(is_empty(operand) ? ir::ConstantData() : *ir::constantData(operand));
      operands.push_back(is_empty(operand) ? View::dense(storage->data(), ir::dtypeOf(from.getElementType()),
                                                         ir::shapeOf(from))
                                           : data.back().view);
    }
    const View result = View::dense(storage->data(), dtype, shape);
    codegen::interpret(*op, operands, {&result, 1});
  }
  OpBuilder builder(op);
  op->replaceAllUsesWith(ValueRange(
      ir::ConstantOp::create(builder, op->getLoc(), type, ir::makeElements(type, storage)).getResult()));
  op->erase();
}

// An operation whose result is its operand is no node: a result of the program is then what its operand is.
void erase_if_nothing(Operation* op) {
  if (isa<ir::ConstantOp>(op) || op->getNumResults() != 1)
    return;
  SmallVector<OpFoldResult> folded;
  Value same;
  const auto is_zero = [](int64_t pad) { return pad == 0; };
  auto pad = dyn_cast<ir::PadOp>(op);
  if (isa<ir::BarrierOp, ir::CastOp>(op) || (isa<ir::ConcatOp>(op) && op->getNumOperands() == 1) ||
      (pad && llvm::all_of(pad.getLow(), is_zero) && llvm::all_of(pad.getHigh(), is_zero)))
    same = op->getOperand(0);
  else if (isa<ir::ReshapeOp, ir::TransposeOp, ir::SliceOp, ir::BroadcastToOp>(op) &&
           succeeded(op->fold(folded)) && folded.size() == 1)
    same = dyn_cast<Value>(folded.front());
  if (!same || same.getType() != op->getResult(0).getType())
    return;
  op->getResult(0).replaceAllUsesWith(same);
  op->erase();
}

void erase_unused(Block& block) {
  for (Operation& op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op))
      op.erase();
}

} // namespace

void prepare(ModuleOp module) {
  run(module, passes::createLowerDerivativesPass());
  module.walk([](ir::AttentionOp op) { decompose(op); });
  module.walk([](ir::MatmulOp op) { write_out_transposes(op); });
  module.walk([](Operation* op) { erase_if_nothing(op); });
  module.walk([](Operation* op) { evaluate_if_empty(op); });
  run(module, passes::createFoldConstantsPass());
  module.walk([](Block* block) {
    if (!isa<ModuleOp>(block->getParentOp()))
      erase_unused(*block);
  });
}

} // namespace sinter::onnx_export
