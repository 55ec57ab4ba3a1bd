// Decisions about a whole kernel, made before anything is emitted.
#include "codegen/loops/pieces.h"

#include "llvm/ADT/DenseSet.h"

using namespace mlir;

namespace sinter::codegen {
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

namespace {

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
  Block& block = kernel.getBody().front();
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

void bindPiece(VectorEmitter& emitter, const Piece& piece) {
  if (piece.concat)
    emitter.bindSegment(piece.concat, piece.operand, piece.axis,
                        piece.origin[static_cast<size_t>(piece.axis)]);
}

Operation* statisticsRoot(ir::KernelOp kernel) {
  Block& block = kernel.getBody().front();
  for (Operation& op : block.without_terminator()) {
    auto loops = dyn_cast<ir::LoopOpInterface>(op);
    if (loops && !loops.getStatisticsAxes().empty())
      return isFollowedByPointwise(block, &op) ? &op : nullptr;
  }
  return nullptr;
}

// An operand can share memory with a result only when the planner computes in place, which takes equal sizes.
bool isInvariant(ir::KernelOp kernel, RankedTensorType type) {
  return llvm::none_of(kernel.getBody().front().getTerminator()->getOperands(), [&](Value result) {
    return ir::storedBytes(ir::tensorType(result)) == ir::storedBytes(type);
  });
}

SmallVector<MemoryView> bindBuffers(VectorEmitter& emitter, ir::KernelOp kernel,
                                    const DimensionGroups& groups, function_ref<Value(unsigned)> address) {
  Block& block = kernel.getBody().front();
  auto yielded = block.getTerminator()->getOperands();
  unsigned number = 0;
  for (BlockArgument argument : block.getArguments()) {
    const RankedTensorType type = ir::tensorType(argument);
    MemoryView view = groups.view(MemoryView::of(type));
    view.pointer = address(number++);
    view.invariant = isInvariant(kernel, type);
    emitter.bind(argument, view);
  }
  SmallVector<MemoryView> results;
  for (Value result : yielded) {
    results.push_back(groups.view(MemoryView::of(ir::tensorType(result))));
    results.back().pointer = address(number++);
  }
  return results;
}

} // namespace sinter::codegen
