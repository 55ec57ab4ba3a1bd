// Attention, translated from the dialect.
#include "codegen/cpu/contraction/attention.h"
#include "sinter/runtime/error.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace sinter::codegen::cpu {
namespace {

constexpr llvm::StringLiteral kEpilogue = "epilogue", kExponential = "exponential";

unsigned argumentNumber(Value value) {
  return cast<BlockArgument>(value).getArgNumber();
}

contraction::AttentionProblem problemOf(ir::AttentionOp op, unsigned arguments) {
  contraction::AttentionProblem problem;
  problem.sizes = op.getAttention();
  problem.scale = op.getScale().convertToDouble();
  const ArrayRef<int64_t> order = op.getKeyPermutation();
  problem.keyColumnsContiguous = order.empty() || order.back() == static_cast<int64_t>(order.size()) - 1;
  problem.hasMask = op.getMask() != nullptr;
  problem.resultOrder.assign(op.getResultPermutation().begin(), op.getResultPermutation().end());
  problem.query = argumentNumber(op.getQuery());
  problem.key = argumentNumber(op.getKey());
  problem.value = argumentNumber(op.getValue());
  problem.mask = problem.hasMask ? argumentNumber(op.getMask()) : 0;
  problem.output = arguments;
  return problem;
}

} // namespace

bool hasAttentionKernel(ir::KernelOp kernel) {
  Operation* root = kernel.getRoot();
  return isa_and_nonnull<ir::AttentionOp>(root) &&
         llvm::all_of(root->getOperands(), llvm::IsaPred<BlockArgument>) &&
         llvm::all_of(kernel.getBody().front().without_terminator(), [&](Operation& op) {
           return &op == root || isa<ir::PointwiseOpInterface, ir::ConstantOp>(op);
         });
}

EmittedKernel emitAttention(ir::KernelOp kernel, const Target& target, llvm::LLVMContext& context) {
  auto op = dyn_cast_or_null<ir::AttentionOp>(kernel.getRoot());
  if (!op)
    throw Error("a kernel without attention has no attention kernel", ErrorKind::internal);
  const int64_t rank = ir::tensorType(op.getResult()).getRank();
  std::unique_ptr<llvm::Module> exponential =
      emitExponential(*kernel.getContext(), target.lanes(), kExponential, target, context);
  auto module = std::make_unique<llvm::Module>(kernel.getSymName(), context);
  module->setDataLayout(exponential->getDataLayout());
  module->setTargetTriple(exponential->getTargetTriple());
  llvm::Function* exp = contraction::linkFunction(std::move(exponential), kExponential, *module);
  const contraction::Epilogue epilogue(
      emitEpilogue(kernel, op, /*laneDim=*/rank - 1, target.lanes(), kEpilogue, target, context), kEpilogue,
      /*flatPositions=*/false, *module);
  return contraction::generateAttention(problemOf(op, kernel.getBody().front().getNumArguments()), target,
                                        kernel.getSymName(), std::move(module), exp, epilogue);
}

} // namespace sinter::codegen::cpu
