// Elements: loads where a tensor is in memory, the producer's own emission where it is not.
#include "codegen/loops/vector_emitter.h"

#include "ir/constant.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace sinter::codegen {
namespace {

bool sameCoord(const ir::Coord& a, const ir::Coord& b) {
  if (a.perLane || b.perLane)
    return a.perLane && b.perLane && sameIndex(a.perLane, b.perLane);
  return a.laneStride == b.laneStride && sameIndex(a.base, b.base);
}

bool samePoint(const ir::Point& a, const ir::Point& b) {
  return a.size() == b.size() && llvm::all_of(llvm::zip(a, b), [](auto pair) {
           return sameCoord(std::get<0>(pair), std::get<1>(pair));
         });
}

TypedAttr inCodeType(Attribute value, Type element) {
  if (auto integer = dyn_cast<IntegerAttr>(value))
    return IntegerAttr::get(ir::emittedType(element), integer.getValue());
  return cast<TypedAttr>(value);
}

} // namespace

//===-- Elements ------------------------------------------------------------------------------------===//

SmallVector<int64_t> VectorEmitter::shapeOf(Value tensor) const {
  return groups.shape(ir::tensorType(tensor).getShape());
}

Value VectorEmitter::element(Value tensor, const ir::Point& at) {
  if (const auto bound = elements.find(tensor); bound != elements.end())
    return splat(bound->second);
  if (Value known = recall(tensor, at))
    return known;
  Value result;
  if (const auto view = viewOf(tensor))
    result = load(*view, at);
  else if (Operation* op = tensor.getDefiningOp())
    result = emit(op, tensor, at);
  else
    throw Error("a kernel asks for the element of an argument that is not bound", ErrorKind::internal);
  memo[tensor].push_back({at, width_, active_, mask, result});
  return result;
}

bool VectorEmitter::reaches(Value value) const {
  Block* home = value.getParentBlock();
  for (Block* block = builder.getInsertionBlock(); block;) {
    if (block == home)
      return true;
    Operation* parent = block->getParentOp();
    block = parent ? parent->getBlock() : nullptr;
  }
  return false;
}

Value VectorEmitter::recall(Value tensor, const ir::Point& at) {
  for (const Remembered& known : llvm::reverse(memo[tensor]))
    if (known.width == width_ && known.active == active_ && known.mask == mask && samePoint(known.at, at) &&
        reaches(known.element))
      return known.element;
  return {};
}

// In memory are: arguments, constants with more than one value, and such tensors under another shape.
std::optional<MemoryView> VectorEmitter::viewOf(Value tensor) {
  if (const auto bound = views.find(tensor); bound != views.end())
    return bound->second;
  Operation* op = tensor.getDefiningOp();
  if (auto reshape = dyn_cast_or_null<ir::ReshapeOp>(op)) {
    if (ir::layoutOf(reshape.getInput()) || ir::layoutOf(tensor))
      return std::nullopt;
    const auto input = viewOf(reshape.getInput());
    if (!input || input->element != ir::tensorType(tensor).getElementType())
      return std::nullopt;
    MemoryView view = MemoryView::of(ir::tensorType(tensor));
    view.pointer = input->pointer;
    view.invariant = input->invariant;
    return view;
  }
  auto constant = dyn_cast_or_null<ir::ConstantOp>(op);
  if (!constant)
    return std::nullopt;
  if (auto dense = dyn_cast<DenseElementsAttr>(constant.getValue()); dense && dense.isSplat())
    return std::nullopt;
  return globalView(constant);
}

MemoryView VectorEmitter::globalView(Operation* constant) {
  const auto type = ir::tensorType(constant->getResult(0));
  MemoryView view = groups.view(MemoryView::of(type));
  view.invariant = true;
  LLVM::GlobalOp& global = globals[constant];
  if (!global) {
    const ir::ConstantData data = ir::readElements(cast<ir::ConstantOp>(constant).getValue());
    Type element = memoryType(type.getElementType());
    const auto count = static_cast<int64_t>(data.view.elements());
    auto bytes = ArrayRef(static_cast<const char*>(data.view.data), data.view.bytes());
    auto value = DenseElementsAttr::getFromRawBuffer(RankedTensorType::get({count}, element), bytes);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(module.getBody());
    global = LLVM::GlobalOp::create(
        builder, loc, LLVM::LLVMArrayType::get(element, static_cast<unsigned>(count)), true,
        LLVM::Linkage::Internal, globalPrefix + std::to_string(globals.size()), value, 64);
  }
  view.pointer = LLVM::AddressOfOp::create(builder, loc, global);
  return view;
}

Value VectorEmitter::load(const MemoryView& view, const ir::Point& at) {
  const Lanes lanes = memory.locate(view, at, width_);
  const bool apart = width_ > 1 && (isa<VectorType>(lanes.offset.getType()) || lanes.stride != 0);
  if (apart && !lanes.wholeBlock)
    lanesBeyondExtent = true;
  if (apart && lanes.stride != 1) {
    ++stridedLoads;
    stridedReduction |= longReduction > 0;
  }
  if (apart && lanes.stride == 1)
    widestLoad = std::max<int64_t>(widestLoad, width_ * memoryType(view.element).getIntOrFloatBitWidth());
  return memory.load(view, lanes, width_, active_, mask);
}

void VectorEmitter::store(const MemoryView& view, const ir::Point& at, Value value) {
  memory.store(view, memory.locate(view, at, width_), splat(value), width_, active_);
}

Value VectorEmitter::emit(Operation* op, Value tensor, const ir::Point& at) {
  if (isa<ir::ConstantOp>(op))
    return emitConstant(op);
  if (const auto segment = segments.find(op); segment != segments.end()) {
    ir::Point inside = at;
    auto& coord = inside[static_cast<size_t>(segment->second.axis)];
    coord = affine(coord, 1, -segment->second.offset);
    return element(op->getOperand(segment->second.operand), inside);
  }
  if (isa<ir::LoopOpInterface>(op))
    return emitLoopOp(op, at);
  auto pointwise = dyn_cast<ir::PointwiseOpInterface>(op);
  if (!pointwise || op->getNumResults() != 1)
    throw Error("cannot emit " + op->getName().getStringRef().str() + " inside a kernel",
                ErrorKind::internal);
  (void)tensor;
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(element(operand, broadcast(at, shapeOf(operand))));
  return pointwise.emitPointwise(builder, loc, operands);
}

Value VectorEmitter::emitConstant(Operation* op) {
  auto dense = cast<DenseElementsAttr>(cast<ir::ConstantOp>(op).getValue());
  const TypedAttr value = inCodeType(dense.getSplatValue<Attribute>(), dense.getElementType());
  return splat(arith::ConstantOp::create(builder, loc, value));
}

SmallVector<Value> VectorEmitter::emitStatistics(Operation* op, ir::Point at) {
  auto loops = cast<ir::LoopOpInterface>(op);
  for (int64_t axis : loops.getStatisticsAxes())
    at[static_cast<size_t>(axis)] = this->at(int64_t{0});
  Operation* const outer = std::exchange(emitting, op);
  SmallVector<Value> shared = loops.emitStatistics(*this, at);
  emitting = outer;
  return shared;
}

Value VectorEmitter::emitLoopOp(Operation* op, const ir::Point& at) {
  auto loops = cast<ir::LoopOpInterface>(op);
  SmallVector<Value> shared;
  if (const auto known = statistics.find(op); known != statistics.end())
    shared = known->second;
  else if (!loops.getStatisticsAxes().empty())
    shared = emitStatistics(op, at);
  for (Value& value : shared)
    value = splat(value);
  Operation* const outer = std::exchange(emitting, op);
  Value result = loops.emitElement(*this, at, shared);
  emitting = outer;
  return splat(result);
}

//===-- Elements that may be outside ----------------------------------------------------------------===//

Value VectorEmitter::insideMask(const ir::Coord& coord, int64_t extent) {
  // One unsigned comparison covers both ends; 32 bits are enough for all but huge tensors, and twice as fast.
  const IndexFact fact = coord.perLane ? IndexFact{} : facts.of(coord.base);
  const int64_t reach = std::abs(coord.laneStride) * width_;
  const bool narrow = fact.low - reach > INT32_MIN && fact.high + reach < INT32_MAX && extent < INT32_MAX;
  if (!narrow) {
    Value positions = lanes(coord);
    Value limit = arith::ConstantOp::create(
        builder, loc,
        DenseElementsAttr::get(cast<VectorType>(positions.getType()), builder.getIndexAttr(extent)));
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult, positions, limit);
  }
  SmallVector<int32_t> steps;
  for (int64_t lane = 0; lane < width_; ++lane)
    steps.push_back(static_cast<int32_t>(lane * coord.laneStride));
  auto type = VectorType::get({width_}, builder.getI32Type());
  Value base = splat(arith::IndexCastOp::create(builder, loc, builder.getI32Type(), coord.base));
  Value positions = arith::AddIOp::create(
      builder, loc, base,
      arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(type, ArrayRef(steps))));
  Value limit =
      arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(type, static_cast<int32_t>(extent)));
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult, positions, limit);
}

Value VectorEmitter::elementOr(Value tensor, const ir::Point& at, Value outside) {
  const SmallVector<int64_t> shape = shapeOf(tensor);
  outside = splat(outside);
  if (llvm::is_contained(shape, 0))
    return outside;
  ir::Point inside = at;
  Value scalar, vector; // predicates; null: always true
  auto both = [&](Value& all, Value next) {
    all = all ? arith::AndIOp::create(builder, loc, all, next).getResult() : next;
  };
  for (size_t d = 0; d < shape.size(); ++d) {
    const ir::Coord& coord = at[d];
    const bool uniform = width_ == 1 || (!coord.perLane && coord.laneStride == 0);
    Value position = coord.perLane ? coord.perLane : coord.base;
    const IndexFact fact = coord.perLane && !uniform ? IndexFact{} : facts.of(position);
    const int64_t across = uniform ? 0 : coord.laneStride * (active_ - 1);
    if (fact.low + std::min<int64_t>(across, 0) >= 0 && fact.high + std::max<int64_t>(across, 0) < shape[d])
      continue;
    if (!uniform) {
      both(vector, insideMask(coord, shape[d]));
      masked = true;
      continue;
    }
    both(scalar, arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult, position, index(shape[d])));
    if (fact.high >= shape[d])
      position = arith::MinSIOp::create(builder, loc, position, index(shape[d] - 1));
    if (fact.low < 0)
      position = arith::MaxSIOp::create(builder, loc, position, index(0));
    inside[d] = this->at(position);
  }
  Value outerMask = mask;
  if (vector)
    both(mask, vector);
  Value result = element(tensor, inside);
  mask = outerMask;
  if (vector)
    result = arith::SelectOp::create(builder, loc, vector, result, outside);
  if (scalar)
    result = arith::SelectOp::create(builder, loc, scalar, result, outside);
  return result;
}

} // namespace sinter::codegen
