// Decisions about a whole kernel, made before anything is emitted.
#include "codegen/cpu/loops/kernel_loops.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/DenseSet.h"

#include <algorithm>

using namespace mlir;

namespace sinter::codegen::cpu {
namespace {

constexpr double kNanosecondsPerFlop = 0.25;
constexpr double kNanosecondsPerByte = 0.1;

Block& bodyOf(ir::KernelOp kernel) {
  return kernel.getBody().front();
}

// True if all that is computed from `root` is pointwise and of the same shape: then every position of the
// results asks for the root's element at that very position.
bool isFollowedByPointwise(Block& block, Operation* root) {
  const auto shape = ir::tensorType(root->getResult(0)).getShape();
  llvm::DenseSet<Operation*> after{root};
  for (Operation& op : block.without_terminator()) {
    const bool depends = llvm::any_of(op.getOperands(), [&](Value value) {
      return value.getDefiningOp() && after.contains(value.getDefiningOp());
    });
    if (!depends)
      continue;
    if (!isa<ir::PointwiseOpInterface>(op) || ir::tensorType(op.getResult(0)).getShape() != shape)
      return false;
    after.insert(&op);
  }
  return llvm::any_of(block.getTerminator()->getOperands(), [&](Value value) {
    return value.getDefiningOp() && after.contains(value.getDefiningOp()) &&
           ir::tensorType(value).getShape() == shape;
  });
}

// Pieces pay when they begin at vectors' bounds; elsewhere lanes would have to choose their operand.
bool isSplittable(ir::ConcatOp concat, RankedTensorType result) {
  const auto axis = static_cast<int64_t>(concat.getAxis());
  auto layout = dyn_cast_or_null<ir::LayoutAttr>(result.getEncoding());
  if (!layout || layout.getBlock() == 1 || layout.getBlocked() != axis)
    return true;
  int64_t offset = 0;
  for (Value input : concat.getInputs()) {
    if (offset % layout.getBlock() != 0)
      return false;
    offset += ir::tensorType(input).getDimSize(static_cast<unsigned>(axis));
  }
  return true;
}

ir::ConcatOp splittableConcat(Block& block, const Piece& all, RankedTensorType type) {
  if (all.results.size() != block.getTerminator()->getNumOperands())
    return {};
  for (Operation& op : llvm::reverse(block.without_terminator()))
    if (auto concat = dyn_cast<ir::ConcatOp>(op))
      return isFollowedByPointwise(block, concat) && isSplittable(concat, type) &&
                     ir::tensorType(concat.getResult()).getShape() == type.getShape()
                 ? concat
                 : ir::ConcatOp();
  return {};
}

} // namespace

SmallVector<Piece> splitResults(ir::KernelOp kernel, const DimensionGroups& groups) {
  Block& block = bodyOf(kernel);
  SmallVector<Piece> pieces;
  auto results = block.getTerminator()->getOperands();
  auto order = [&](Value value) { return groups.order(ir::tensorType(value)); };
  for (unsigned i = 0; i < results.size(); ++i) {
    const auto* same = llvm::find_if(pieces, [&](const Piece& piece) {
      Value first = results[piece.results[0]];
      return ir::tensorType(first).getShape() == ir::tensorType(results[i]).getShape() &&
             ir::tensorType(first).getEncoding() == ir::tensorType(results[i]).getEncoding() &&
             order(first) == order(results[i]);
    });
    if (same != pieces.end()) {
      pieces[static_cast<size_t>(same - pieces.begin())].results.push_back(i);
      continue;
    }
    Piece piece;
    piece.results.push_back(i);
    piece.extents = groups.shape(ir::tensorType(results[i]).getShape());
    piece.origin.assign(piece.extents.size(), 0);
    pieces.push_back(piece);
  }
  if (pieces.size() != 1)
    return pieces;
  auto concat = splittableConcat(block, pieces[0], ir::tensorType(results[0]));
  if (!concat)
    return pieces;
  const Piece whole = pieces.pop_back_val();
  int64_t offset = 0;
  for (unsigned i = 0; i < concat.getInputs().size(); ++i) {
    Piece piece = whole;
    piece.concat = concat;
    piece.operand = i;
    piece.axis = static_cast<int64_t>(concat.getAxis());
    const auto axis = static_cast<size_t>(piece.axis);
    piece.origin[axis] = offset;
    piece.extents[axis] = ir::tensorType(concat.getInputs()[i]).getDimSize(static_cast<unsigned>(axis));
    offset += piece.extents[axis];
    pieces.push_back(piece);
  }
  return pieces;
}

Operation* statisticsRoot(ir::KernelOp kernel) {
  Block& block = bodyOf(kernel);
  for (Operation& op : block.without_terminator()) {
    auto loops = dyn_cast<ir::LoopOpInterface>(op);
    if (loops && !loops.getStatisticsAxes().empty())
      return isFollowedByPointwise(block, &op) ? &op : nullptr;
  }
  return nullptr;
}

LLVM::LLVMFuncOp makeKernelFunction(OpBuilder& builder, Location loc, ModuleOp module, StringRef name) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(module.getBody());
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  Type i64 = builder.getI64Type();
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder.getContext()),
                                          {pointer, i64, i64, pointer});
  return LLVM::LLVMFuncOp::create(builder, loc, name, type);
}

// An operand can share memory with a result only when the planner computes in place, which takes equal sizes.
SmallVector<MemoryView> bindBuffers(VectorEmitter& emitter, ir::KernelOp kernel,
                                    const DimensionGroups& groups, Value buffers) {
  OpBuilder& builder = emitter.builder;
  Block& block = bodyOf(kernel);
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  auto yielded = block.getTerminator()->getOperands();
  int32_t number = 0;
  auto next = [&]() -> Value {
    Value place = LLVM::GEPOp::create(builder, emitter.loc, pointer, pointer, buffers,
                                      ArrayRef<LLVM::GEPArg>{number++});
    return LLVM::LoadOp::create(builder, emitter.loc, pointer, place, 8);
  };
  for (BlockArgument argument : block.getArguments()) {
    const RankedTensorType type = ir::tensorType(argument);
    MemoryView view = groups.view(MemoryView::of(type));
    view.pointer = next();
    view.invariant = llvm::none_of(yielded, [&](Value result) {
      return ir::storedBytes(ir::tensorType(result)) == ir::storedBytes(type);
    });
    emitter.bind(argument, view);
  }
  SmallVector<MemoryView> results;
  for (Value result : yielded) {
    results.push_back(groups.view(MemoryView::of(ir::tensorType(result))));
    results.back().pointer = next();
  }
  return results;
}

int64_t grainOf(double nanoseconds, int64_t tasks) {
  constexpr double kGrainNanoseconds = 8000; // the least work worth a thread; waking it costs a tenth
  const double perTask = std::max(nanoseconds / static_cast<double>(tasks), 1.0);
  return std::clamp<int64_t>(static_cast<int64_t>(kGrainNanoseconds / perTask) + 1, 1, tasks);
}

double estimateNanoseconds(ir::KernelOp kernel) {
  Block& block = bodyOf(kernel);
  double flops = 0;
  double bytes = 0;
  for (Operation& op : block.without_terminator())
    if (auto fusion = dyn_cast<ir::FusionOpInterface>(op))
      flops += fusion.getFlops();
  for (Value argument : block.getArguments())
    bytes += static_cast<double>(ir::storedBytes(ir::tensorType(argument)));
  for (Value result : block.getTerminator()->getOperands())
    bytes += static_cast<double>(ir::storedBytes(ir::tensorType(result)));
  return flops * kNanosecondsPerFlop + bytes * kNanosecondsPerByte;
}

} // namespace sinter::codegen::cpu
