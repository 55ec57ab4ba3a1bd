// What all kernels have in common, whatever their threads do.
#include "codegen/cuda/kernel_frame.h"

#include "codegen/cuda/printer.h"
#include "sinter/runtime/device.h"
#include "sinter/runtime/error.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/Iterators.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/CSE.h"

#include <algorithm>
#include <limits>

using namespace mlir;

namespace sinter::codegen::cuda {
namespace {

// Positions may come from numbers of 64 bits, which are cut before they are known to lie inside: see
// position_of in the prelude.
bool readsPositions(Operation& op) {
  return !isa<ir::PointwiseOpInterface, ir::ReductionOpInterface>(op) && op.getNumOperands() > 1 &&
         llvm::any_of(op.getOperands(),
                      [](Value operand) { return ir::tensorType(operand).getElementType().isInteger(64); });
}

// Numbers of 32 bits are twice as fast, but do not reach the end of huge tensors.
bool isWide(ir::KernelOp kernel) {
  Block& block = kernel.getBody().front();
  constexpr int64_t kMostPositions = 1 << 30; // cut ones are outside
  int64_t most = 0;
  bool reads = false;
  auto meet = [&](Value value) { most = std::max(most, ir::tensorType(value).getNumElements()); };
  for (BlockArgument argument : block.getArguments())
    meet(argument);
  for (Operation& op : block.without_terminator()) {
    reads |= readsPositions(op);
    for (Value result : op.getResults())
      meet(result);
  }
  if (reads && most >= kMostPositions)
    return true;
  // A thread's number may pass the end by what all threads together step.
  return most > std::numeric_limits<int32_t>::max() - kMostBlocks * kMostBlockThreads;
}

} // namespace

// What the root folds can be shared where every position of the results asks for its element once.
bool resultsAreRoots(ir::KernelOp kernel, Operation* root) {
  const auto shape = ir::tensorType(root->getResult(0)).getShape();
  return llvm::all_of(kernel.getBody().front().getTerminator()->getOperands(),
                      [&](Value value) { return ir::tensorType(value).getShape() == shape; });
}

KernelFrame::KernelFrame(ir::KernelOp kernel, StringRef symbol, const DimensionGroups& groups)
    : builder(kernel.getContext()), loc(UnknownLoc::get(kernel.getContext())), kernel(kernel), symbol(symbol),
      module(ModuleOp::create(loc)),
      emitter(builder, loc, *module, symbol, std::numeric_limits<int64_t>::max(), groups),
      calls(builder, loc) {
  builder.setInsertionPointToEnd(module->getBody());
  Block& block = kernel.getBody().front();
  const size_t buffers = block.getNumArguments() + block.getTerminator()->getNumOperands();
  const SmallVector<Type> pointers(buffers, LLVM::LLVMPointerType::get(builder.getContext()));
  function = LLVM::LLVMFuncOp::create(
      builder, loc, symbol,
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder.getContext()), pointers));
  builder.setInsertionPointToStart(function.addEntryBlock(builder));
  emitter.memory.alignedBuffers = true;
  results =
      bindBuffers(emitter, kernel, groups, [&](unsigned number) { return function.getArgument(number); });
}

void KernelFrame::forTasks(int64_t count, EmittedKernel& out, function_ref<void(Value)> body) {
  out.blocks = std::max(out.blocks, llvm::divideCeilSigned(count, out.threads[0]));
  Value threads = emitter.index(out.threads[0]);
  Value before = arith::MulIOp::create(builder, loc, calls.index("block"), threads);
  Value first = arith::AddIOp::create(builder, loc, before, calls.index("thread_x"));
  Value step = arith::MulIOp::create(builder, loc, calls.index("blocks"), threads);
  emitter.walk(first, count, step, body);
}

void KernelFrame::onlyIf(Value condition, function_ref<void()> body) {
  auto branch = scf::IfOp::create(builder, loc, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(branch.thenBlock()->getTerminator());
  body();
}

void KernelFrame::either(Value condition, function_ref<void()> one, function_ref<void()> other) {
  auto branch = scf::IfOp::create(builder, loc, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(branch.thenBlock()->getTerminator());
  one();
  builder.setInsertionPoint(branch.elseBlock()->getTerminator());
  other();
}

SmallVector<Value> KernelFrame::elements(ArrayRef<unsigned> numbers, const ir::Point& at) {
  auto yielded = kernel.getBody().front().getTerminator()->getOperands();
  return llvm::map_to_vector(numbers, [&](unsigned number) { return emitter.element(yielded[number], at); });
}

void KernelFrame::store(ArrayRef<unsigned> numbers, const ir::Point& at, ValueRange values) {
  for (auto [number, value] : llvm::zip(numbers, values))
    emitter.store(results[number], at, value);
}

SmallVector<unsigned> KernelFrame::allResults() const {
  return llvm::to_vector(llvm::seq<unsigned>(0, static_cast<unsigned>(results.size())));
}

void KernelFrame::storeAll(const ir::Point& at) {
  const SmallVector<unsigned> all = allResults();
  store(all, at, elements(all, at));
}

Value KernelFrame::deviceMemory(StringRef name, Type element, int64_t count) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(module->getBody());
  auto type = LLVM::LLVMArrayType::get(element, static_cast<unsigned>(count));
  auto memory = LLVM::GlobalOp::create(builder, loc, type, false, LLVM::Linkage::Internal,
                                       symbol + "." + name.str(), Attribute(), 16);
  builder.setInsertionPointToStart(&function.getBody().front());
  return LLVM::AddressOfOp::create(builder, loc, memory);
}

Value KernelFrame::buffersAreAligned() {
  return calls.areAligned(function.getArguments());
}

void KernelFrame::withLanes(int64_t lanes, function_ref<void(int64_t)> body, Value aligned) {
  if (lanes == 1)
    return body(1);
  either(aligned ? aligned : buffersAreAligned(), [&] { body(lanes); }, [&] { body(1); });
}

EmittedKernel KernelFrame::finish(EmittedKernel out) {
  LLVM::ReturnOp::create(builder, loc, ValueRange{});
  module->walk<WalkOrder::PostOrder, ReverseIterator>([](Operation* op) {
    if (isOpTriviallyDead(op))
      op->erase();
  });
  IRRewriter rewriter(builder.getContext());
  DominanceInfo dominance(*module);
  eliminateCommonSubExpressions(rewriter, dominance, *module);
  Block& block = kernel.getBody().front();
  SmallVector<Parameter> parameters;
  for (BlockArgument argument : block.getArguments()) {
    const RankedTensorType type = ir::tensorType(argument);
    parameters.push_back({memoryType(type.getElementType()), isInvariant(kernel, type)});
  }
  for (Value result : block.getTerminator()->getOperands())
    parameters.push_back({memoryType(ir::tensorType(result).getElementType())});
  out.symbol = symbol;
  if (parameters.size() > rt::DeviceKernel::kMostParameters)
    throw Error("a kernel for CUDA would take " + std::to_string(parameters.size()) + " tensors, " +
                    std::to_string(rt::DeviceKernel::kMostParameters) +
                    " is the most; a concat of that many is to be made in parts",
                ErrorKind::system);
  out.parameters = static_cast<uint32_t>(parameters.size());
  out.blocks = std::min(out.blocks, kMostBlocks);
  out.source =
      printKernel(*module, parameters, out.threads[0] * out.threads[1], out.resident, isWide(kernel));
  return out;
}

} // namespace sinter::codegen::cuda
