// Which kernels the micro-kernels take, and their translation from the dialect.
#include "codegen/cpu/contraction/generator.h"
#include "codegen/cpu/contraction/winograd.h"
#include "passes/contraction_layout.h"
#include "sinter/runtime/error.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace sinter::codegen::cpu {
namespace {

constexpr llvm::StringLiteral kEpilogue = "epilogue";

RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

ir::LayoutAttr layoutOf(Value value) {
  return dyn_cast_or_null<ir::LayoutAttr>(tensorType(value).getEncoding());
}

Value yielded(ir::KernelOp kernel) {
  Operation* terminator = kernel.getBody().front().getTerminator();
  return terminator->getNumOperands() == 1 ? terminator->getOperand(0) : Value();
}

// The extents of `type` aligned with a shape of `rank`, NumPy-style.
SmallVector<int64_t> alignedShape(RankedTensorType type, size_t rank) {
  SmallVector<int64_t> shape(rank - static_cast<size_t>(type.getRank()), 1);
  llvm::append_range(shape, type.getShape());
  return shape;
}

int64_t strideOf(RankedTensorType type, int64_t dim) {
  if (auto layout = dyn_cast_or_null<ir::LayoutAttr>(type.getEncoding()))
    return layout.getStride(type.getShape(), dim);
  int64_t stride = 1;
  for (int64_t d = type.getRank() - 1; d > dim; --d)
    stride *= type.getDimSize(d);
  return stride;
}

// True if it does not matter to `operand` of the epilogue how a position is split over the dimensions [begin,
// end) of `result`: it has none of them, or all, as one row.
bool isFlatIn(RankedTensorType operand, ArrayRef<int64_t> result, size_t begin, size_t end) {
  const SmallVector<int64_t> shape = alignedShape(operand, result.size());
  const ArrayRef<int64_t> own = ArrayRef(shape).slice(begin, end - begin);
  if (llvm::all_of(own, [](int64_t extent) { return extent == 1; }))
    return true;
  if (own != result.slice(begin, end - begin))
    return false;
  const auto missing = static_cast<int64_t>(result.size()) - operand.getRank();
  for (auto d = static_cast<int64_t>(begin) - missing; d + 1 < static_cast<int64_t>(end) - missing; ++d)
    if (d >= 0 && strideOf(operand, d) != strideOf(operand, d + 1) * operand.getDimSize(d + 1))
      return false;
  return true;
}

bool isFlatIn(ir::KernelOp kernel, Operation* root, size_t begin, size_t end) {
  const ArrayRef<int64_t> result = tensorType(root->getResult(0)).getShape();
  for (Operation& op : kernel.getBody().front().without_terminator()) {
    if (&op == root)
      continue;
    for (Value operand : op.getOperands())
      if (operand.getDefiningOp() != root && !isFlatIn(tensorType(operand), result, begin, end))
        return false;
    if (isa<ir::ConstantOp>(op) && !isFlatIn(tensorType(op.getResult(0)), result, begin, end))
      return false;
  }
  return true;
}

contraction::Problem problemOf(Operation* root, const ir::Contraction& shape, const Target& target) {
  const RankedTensorType result = tensorType(root->getResult(0));
  if (shape.kind == ir::Contraction::Kind::filter_gradient)
    return contraction::filterGradientProblem(shape, target.lanes());
  if (shape.kind != ir::Contraction::Kind::matmul)
    return contraction::convolutionProblem(shape, target.lanes(), layoutOf(root->getOperand(0)) != nullptr,
                                           result.getRank() - 2);
  const auto rank = static_cast<size_t>(result.getRank());
  auto batch = [&](Value value) {
    SmallVector<int64_t> dims = alignedShape(tensorType(value), rank);
    dims.truncate(rank - 2);
    return dims;
  };
  return contraction::matmulProblem(shape, target.lanes(), layoutOf(root->getOperand(1)) != nullptr,
                                    batch(root->getOperand(0)), batch(root->getOperand(1)),
                                    batch(root->getResult(0)));
}

unsigned argumentNumber(Value value) {
  return cast<BlockArgument>(value).getArgNumber();
}

} // namespace

bool hasMicroKernel(ir::KernelOp kernel, const Target& target) {
  Operation* root = kernel.getRoot();
  if (!root || !isa<ir::ContractionOpInterface>(root) || !passes::hasMicroKernelLayouts(root, target.lanes()))
    return false;
  const ir::Contraction shape = cast<ir::ContractionOpInterface>(root).getContraction();
  if (shape.kind == ir::Contraction::Kind::transposed_convolution || shape.transposeLhs)
    return false;
  // Positions of such a kernel are not those of a result that an epilogue could name.
  if (shape.kind == ir::Contraction::Kind::filter_gradient && !llvm::hasNItems(kernel.getBody().front(), 2))
    return false;
  Value result = yielded(kernel);
  if (!result || tensorType(result) != tensorType(root->getResult(0)) ||
      !tensorType(result).getElementType().isF32())
    return false;
  if (!llvm::all_of(root->getOperands(), [](Value value) { return isa<BlockArgument>(value); }))
    return false;
  return llvm::all_of(kernel.getBody().front().without_terminator(), [&](Operation& op) {
    return &op == root || isa<ir::PointwiseOpInterface, ir::ConstantOp>(op);
  });
}

unsigned filterOperand(ir::KernelOp kernel) {
  return argumentNumber(kernel.getRoot()->getOperand(1));
}

EmittedKernel emitContraction(ir::KernelOp kernel, const Target& target, llvm::LLVMContext& context,
                              size_t choice) {
  Operation* root = kernel.getRoot();
  if (!root || !isa<ir::ContractionOpInterface>(root))
    throw Error("a kernel without a contraction cannot be a micro-kernel", ErrorKind::internal);
  const ir::Contraction shape = cast<ir::ContractionOpInterface>(root).getContraction();
  const auto rank = static_cast<size_t>(tensorType(root->getResult(0)).getRank());

  contraction::Buffers buffers;
  buffers.input = argumentNumber(root->getOperand(0));
  buffers.filter = argumentNumber(root->getOperand(1));
  buffers.bias = shape.hasBias ? argumentNumber(root->getOperand(2)) : 0;
  buffers.output = kernel.getBody().front().getNumArguments();

  if (shape.winogradTile)
    return contraction::generateWinograd(
        shape, buffers, target, kernel.getSymName(), context,
        emitEpilogue(kernel, root, /*laneDim=*/1, target.lanes(), kEpilogue, target, context), kEpilogue);

  const contraction::Problem problem = problemOf(root, shape, target);
  const auto laneDim = static_cast<int64_t>(problem.channelLast ? rank - 1 : 1);
  std::unique_ptr<llvm::Module> epilogue =
      emitEpilogue(kernel, root, laneDim, target.lanes(), kEpilogue, target, context);
  const bool flat =
      problem.channelLast ? isFlatIn(kernel, root, 0, rank - 1) : isFlatIn(kernel, root, 2, rank);
  return contraction::generate(problem, buffers, target, kernel.getSymName(), context, std::move(epilogue),
                               kEpilogue, flat, choice);
}

} // namespace sinter::codegen::cpu
