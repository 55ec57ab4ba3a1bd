// emitEpilogue: the pointwise operations after a micro-kernel's result, as a function on one vector.
#include "codegen/cpu/emit.h"
#include "codegen/cpu/loops/lowering.h"
#include "codegen/loops/vector_emitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace sinter::codegen::cpu {
namespace {

class EpilogueWriter {
public:
  EpilogueWriter(ir::KernelOp kernel, Operation* root, int64_t laneDim, int64_t width, const Target& target)
      : block(kernel.getBody().front()), root(root), laneDim(laneDim), width(width), target(target),
        builder(kernel.getContext()), loc(UnknownLoc::get(kernel.getContext())),
        shape(ir::tensorType(root->getResult(0)).getShape()) {}

  std::unique_ptr<llvm::Module> write(StringRef name, llvm::LLVMContext& context);

private:
  LLVM::LLVMFuncOp makeFunction(ModuleOp module, StringRef name);
  void bindOperands(VectorEmitter& emitter, Value buffers);
  ir::Point position(VectorEmitter& emitter, ValueRange indices);
  Value lanes(VectorEmitter& emitter, const ir::Point& at, int64_t active);
  Value allLanes(VectorEmitter& emitter, const ir::Point& at);

  Value yielded() { return block.getTerminator()->getOperand(0); }
  Type vectorOf(Type element) { return width == 1 ? element : VectorType::get({width}, element); }

  Block& block;
  Operation* root;
  int64_t laneDim, width;
  const Target& target;
  OpBuilder builder;
  Location loc;
  ArrayRef<int64_t> shape;
  DimensionGroups groups;
};

LLVM::LLVMFuncOp EpilogueWriter::makeFunction(ModuleOp module, StringRef name) {
  builder.setInsertionPointToEnd(module.getBody());
  SmallVector<Type> arguments{vectorOf(memoryType(ir::tensorType(root->getResult(0)).getElementType())),
                              LLVM::LLVMPointerType::get(builder.getContext())};
  arguments.append(shape.size(), builder.getI64Type());
  Type result = vectorOf(memoryType(ir::tensorType(yielded()).getElementType()));
  auto function = LLVM::LLVMFuncOp::create(builder, loc, name, LLVM::LLVMFunctionType::get(result, arguments),
                                           LLVM::Linkage::Internal);
  function.setAlwaysInline(true);
  return function;
}

void EpilogueWriter::bindOperands(VectorEmitter& emitter, Value buffers) {
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  for (BlockArgument argument : block.getArguments()) {
    // Most arguments are the root's: their pointers are loaded in vain and removed as dead.
    MemoryView view = MemoryView::of(ir::tensorType(argument));
    Value place = LLVM::GEPOp::create(builder, loc, pointer, pointer, buffers,
                                      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(argument.getArgNumber())});
    auto load = LLVM::LoadOp::create(builder, loc, pointer, place, 8);
    load.setInvariant(true);
    view.pointer = load;
    view.invariant = ir::storedBytes(ir::tensorType(argument)) != ir::storedBytes(ir::tensorType(yielded()));
    emitter.bind(argument, view);
  }
}

ir::Point EpilogueWriter::position(VectorEmitter& emitter, ValueRange indices) {
  ir::Point at;
  for (auto [d, argument] : llvm::enumerate(indices)) {
    const bool alongLanes = static_cast<int64_t>(d) == laneDim && width > 1;
    Value index = arith::IndexCastOp::create(builder, loc, builder.getIndexType(), argument);
    const int64_t last = std::max<int64_t>(shape[d] - 1, 0);
    emitter.facts.set(index, {0, alongLanes ? last / width * width : last, alongLanes ? width : 1});
    at.push_back({index, alongLanes ? 1 : 0, {}});
  }
  return at;
}

Value EpilogueWriter::lanes(VectorEmitter& emitter, const ir::Point& at, int64_t active) {
  emitter.setLanes(width, active);
  return emitter.splat(emitter.element(yielded(), at));
}

// As the loops do: one body if operands are stored in whole blocks, else another for the last, partial
// vector.
Value EpilogueWriter::allLanes(VectorEmitter& emitter, const ir::Point& at) {
  const int64_t rest = width == 1 ? 0 : shape[static_cast<size_t>(laneDim)] % width;
  if (rest == 0)
    return lanes(emitter, at, width);
  const auto d = static_cast<size_t>(laneDim);
  const int64_t full = shape[d] / width * width;
  Type type = vectorOf(ir::emittedType(ir::tensorType(yielded()).getElementType()));
  Value isFull =
      arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, at[d].base, emitter.index(full));
  auto branch = scf::IfOp::create(builder, loc, TypeRange{type}, isFull, /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToEnd(branch.thenBlock());
    emitter.lanesBeyondExtent = false;
    Value whole = lanes(emitter, at, width);
    if (emitter.lanesBeyondExtent) {
      scf::YieldOp::create(builder, loc, whole);
      builder.setInsertionPointToEnd(branch.elseBlock());
      ir::Point last = at;
      last[d].base = emitter.index(full);
      scf::YieldOp::create(builder, loc, lanes(emitter, last, rest));
      return branch.getResult(0);
    }
    branch->getBlock()->getOperations().splice(branch->getIterator(), branch.thenBlock()->getOperations());
    branch.erase();
    return whole;
  }
}

std::unique_ptr<llvm::Module> EpilogueWriter::write(StringRef name, llvm::LLVMContext& context) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  LLVM::LLVMFuncOp function = makeFunction(*module, name);
  builder.setInsertionPointToStart(function.addEntryBlock(builder));
  VectorEmitter emitter(builder, loc, *module, name, target.lanes(), groups);
  bindOperands(emitter, function.getArgument(1));
  emitter.bindElement(root->getResult(0), function.getArgument(0));
  const ir::Point at = position(emitter, function.getArguments().drop_front(2));
  Value result = allLanes(emitter, at);
  if (ir::tensorType(yielded()).getElementType().isInteger(1))
    result = arith::ExtUIOp::create(builder, loc, vectorOf(builder.getI8Type()), result);
  LLVM::ReturnOp::create(builder, loc, result);
  return lowerToLlvm(*module, target, context);
}

} // namespace

std::unique_ptr<llvm::Module> emitEpilogue(ir::KernelOp kernel, Operation* root, int64_t laneDim,
                                           int64_t width, StringRef name, const Target& target,
                                           llvm::LLVMContext& context) {
  Operation* yield = kernel.getBody().front().getTerminator();
  if (yield->getNumOperands() != 1)
    throw Error("the epilogue of a micro-kernel yields one result, not " +
                    std::to_string(yield->getNumOperands()),
                ErrorKind::internal);
  if (yield->getOperand(0) == root->getResult(0))
    return nullptr;
  if (ir::tensorType(yield->getOperand(0)).getShape() != ir::tensorType(root->getResult(0)).getShape())
    throw Error("the epilogue of a micro-kernel changes the shape of its result", ErrorKind::internal);
  loadCodeDialects(*kernel.getContext());
  return EpilogueWriter(kernel, root, laneDim, width, target).write(name, context);
}

} // namespace sinter::codegen::cpu
