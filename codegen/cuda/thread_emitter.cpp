// Reductions by groups of threads: each folds every so-manieth element, then the group folds what each has.
#include "codegen/cuda/thread_emitter.h"

#include "codegen/cuda/expressions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <algorithm>
#include <numeric>

using namespace mlir;

namespace sinter::codegen::cuda {
namespace {

constexpr int64_t kUnroll = 4; // loads on their way at once

} // namespace

//===-- Functions of the prelude --------------------------------------------------------------------===//

Value DeviceCalls::index(StringRef function) {
  return LLVM::CallOp::create(builder, loc, TypeRange{builder.getIndexType()}, function, ValueRange{})
      .getResult();
}

void DeviceCalls::barrier() {
  LLVM::CallOp::create(builder, loc, TypeRange{}, "barrier", ValueRange{});
}

Value DeviceCalls::areAligned(ValueRange pointers) {
  return LLVM::CallOp::create(builder, loc, TypeRange{builder.getI1Type()}, "are_aligned", pointers)
      .getResult();
}

Value DeviceCalls::laneXor(Value value, int64_t mask) {
  Value bits = arith::ConstantIndexOp::create(builder, loc, mask);
  return LLVM::CallOp::create(builder, loc, TypeRange{value.getType()},
                              "lane_xor<" + valueTypeName(value.getType()) + ">", ValueRange{value, bits})
      .getResult();
}

Value DeviceCalls::sharedSlots(int64_t count) {
  return LLVM::CallOp::create(builder, loc, TypeRange{LLVM::LLVMPointerType::get(builder.getContext())},
                              "shared_slots<" + std::to_string(count) + ">", ValueRange{})
      .getResult();
}

void DeviceCalls::setSlot(Value slots, Value number, Value value) {
  LLVM::CallOp::create(builder, loc, TypeRange{}, "set_slot<" + valueTypeName(value.getType()) + ">",
                       ValueRange{slots, number, value});
}

Value DeviceCalls::slot(Value slots, Value number, Type type) {
  return LLVM::CallOp::create(builder, loc, TypeRange{type}, "slot<" + valueTypeName(type) + ">",
                              ValueRange{slots, number})
      .getResult();
}

SmallVector<Value> DeviceCalls::slotsFrom(Value slots, Value number, Type type, int64_t width) {
  Value position = arith::IndexCastOp::create(builder, loc, builder.getI64Type(), number);
  Value address = LLVM::GEPOp::create(builder, loc, slots.getType(), type, slots, ValueRange{position});
  const auto bytes = static_cast<unsigned>(width * type.getIntOrFloatBitWidth() / 8);
  Value loaded = LLVM::LoadOp::create(builder, loc, VectorType::get({width}, type), address, bytes);
  SmallVector<Value> values;
  for (int64_t i = 0; i < width; ++i)
    values.push_back(LLVM::ExtractElementOp::create(
        builder, loc, loaded,
        arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(static_cast<int32_t>(i)))));
  return values;
}

//===-- Loops ---------------------------------------------------------------------------------------===//

void ThreadEmitter::walk(Value low, int64_t high, Value step, function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(builder, loc, low, index(high), step);
  facts.set(loop.getInductionVar(), {0, high - 1, 1});
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(loop.getBody()->getTerminator());
  body(loop.getInductionVar());
}

void ThreadEmitter::locate(Value linear, ArrayRef<Side> sides, ir::Point& at) {
  for (size_t i = sides.size(); i-- > 0;) {
    const Side& side = sides[i];
    Value number = linear;
    if (side.count == 1) {
      number = index(0);
    } else if (i > 0) {
      number = arith::RemUIOp::create(builder, loc, linear, index(side.count));
      linear = arith::DivUIOp::create(builder, loc, linear, index(side.count));
    }
    const int64_t multiple = facts.of(number).multiple; // as far as that of `linear` says
    facts.set(number, {0, side.count - 1, multiple});
    const int64_t last = side.origin + (side.count - 1) * side.step;
    Value position = number;
    if (side.count == 1) {
      position = index(side.origin);
    } else {
      if (side.step != 1)
        position = arith::MulIOp::create(builder, loc, position, index(side.step));
      if (side.origin != 0)
        position = arith::AddIOp::create(builder, loc, position, index(side.origin));
    }
    facts.set(position, {side.origin, last, std::gcd(side.origin, side.step * multiple)});
    at[static_cast<size_t>(side.dim)].base = position;
  }
}

//===-- Reductions ----------------------------------------------------------------------------------===//

// `axes` as they lie in what is reduced, so that neighbouring threads read neighbours.
SmallVector<int64_t> ThreadEmitter::memoryOrder(ArrayRef<int64_t> shape, ArrayRef<int64_t> axes) const {
  Operation* op = emittedOperation();
  if (!op || op->getNumOperands() == 0 || shapeOf(op->getOperand(0)) != SmallVector<int64_t>(shape))
    return SmallVector<int64_t>(axes);
  return llvm::filter_to_vector(groups.order(ir::tensorType(op->getOperand(0))),
                                [&](int64_t dim) { return llvm::is_contained(axes, dim); });
}

Value ThreadEmitter::reduce(ArrayRef<int64_t> shape, ArrayRef<int64_t> axes, const ir::Point& at,
                            ir::Combine how, Type elementType,
                            function_ref<Value(const ir::Point&)> element) {
  int64_t count = 1;
  for (int64_t axis : axes)
    count *= shape[static_cast<size_t>(axis)];
  if (group.kind == ThreadGroup::Kind::none || count == 0)
    return VectorEmitter::reduce(shape, axes, at, how, elementType, element);
  const ThreadGroup sharing = std::exchange(group, {}); // what elements fold for themselves, each thread does
  SmallVector<Side> sides;
  for (int64_t axis : memoryOrder(shape, axes))
    sides.push_back({axis, 0, shape[static_cast<size_t>(axis)], 1});
  Value folded = foldEvery(sharing, count, how, elementType, [&](Value number) {
    ir::Point inner = at;
    for (int64_t axis : axes)
      inner[static_cast<size_t>(axis)] = {};
    locate(number, sides, inner);
    return element(inner);
  });
  group = sharing;
  return fold(how, elementType, folded);
}

Value ThreadEmitter::products(ArrayRef<int64_t> extents, Type type,
                              function_ref<std::pair<Value, Value>(ArrayRef<Value>)> factors) {
  int64_t count = 1;
  SmallVector<Side> sides;
  for (auto [i, extent] : llvm::enumerate(extents)) {
    count *= extent;
    sides.push_back({static_cast<int64_t>(i), 0, extent, 1});
  }
  role.extents.assign(extents.begin(), extents.end());
  if (role.innermost >= 0)
    std::rotate(sides.begin() + role.innermost, sides.begin() + role.innermost + 1, sides.end());
  const auto factorsAt = [&](Value term) {
    ir::Point at(extents.size());
    locate(term, sides, at);
    return factors(llvm::map_to_vector(at, [](const ir::Coord& coord) { return coord.base; }));
  };
  if (role.kind == ProductRole::Kind::sum)
    return role.value;
  if (role.kind != ProductRole::Kind::usual) {
    const auto [first, second] = factorsAt(role.term);
    role.value = role.kind == ProductRole::Kind::first ? first : second;
    return constant(0, type);
  }
  if (group.kind == ThreadGroup::Kind::none || count == 0)
    return {};
  const ThreadGroup sharing = std::exchange(group, {});
  Value sum = foldEvery(sharing, count, ir::Combine::add, type, [&](Value term) -> Value {
    const auto [first, second] = factorsAt(term);
    return combine(ir::Combine::mul, type, first, second);
  });
  group = sharing;
  return fold(ir::Combine::add, type, sum);
}

// Of `count` elements, those that are this thread's.
Value ThreadEmitter::foldEvery(const ThreadGroup& sharing, int64_t count, ir::Combine how, Type elementType,
                               function_ref<Value(Value)> element) {
  auto loop = scf::ForOp::create(builder, loc, sharing.rank, index(count), index(sharing.size),
                                 ValueRange{neutral(how, elementType)});
  loop->setAttr("sinter.unroll", builder.getI64IntegerAttr(kUnroll));
  facts.set(loop.getInductionVar(), {0, count - 1, 1});
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(loop.getBody());
  Value value = combine(how, elementType, loop.getRegionIterArgs()[0], element(loop.getInductionVar()));
  scf::YieldOp::create(builder, loc, value);
  return loop.getResult(0);
}

Value ThreadEmitter::fold(ir::Combine how, Type elementType, Value value) {
  DeviceCalls calls(builder, loc);
  if (group.kind == ThreadGroup::Kind::warp)
    return foldLanes(how, elementType, value);
  if (group.kind == ThreadGroup::Kind::column) {
    Value slots = calls.sharedSlots(group.size * group.width);
    Value column = calls.index("thread_x");
    calls.barrier(); // others may still read what was folded before
    Value row = arith::MulIOp::create(builder, loc, group.rank, index(group.width));
    calls.setSlot(slots, arith::AddIOp::create(builder, loc, row, column), value);
    calls.barrier();
    return foldSlots(how, elementType, value, slots, column, group.size, group.width);
  }
  value = foldLanes(how, elementType, value);
  if (group.size == kWarp)
    return value;
  Value slots = calls.sharedSlots(group.size / kWarp);
  calls.barrier();
  Value warp = arith::DivUIOp::create(builder, loc, group.rank, index(kWarp));
  calls.setSlot(slots, warp, value); // all lanes of a warp write the same
  calls.barrier();
  return foldSlots(how, elementType, value, slots, index(0), group.size / kWarp, 1);
}

Value ThreadEmitter::foldLanes(ir::Combine how, Type elementType, Value value) {
  for (int64_t mask = kWarp / 2; mask > 0; mask /= 2)
    value = combine(how, elementType, value, DeviceCalls(builder, loc).laneXor(value, mask));
  return value;
}

// All threads fold the same slots in the same order: all have the same sum.
Value ThreadEmitter::foldSlots(ir::Combine how, Type elementType, Value value, Value slots, Value first,
                               int64_t count, int64_t stride) {
  DeviceCalls calls(builder, loc);
  Value folded = calls.slot(slots, first, value.getType());
  for (int64_t i = 1; i < count; ++i) {
    Value number = arith::AddIOp::create(builder, loc, first, index(i * stride));
    folded = combine(how, elementType, folded, calls.slot(slots, number, value.getType()));
  }
  return folded;
}

} // namespace sinter::codegen::cuda
