// Reductions by groups of threads: each folds every so-manieth element, then the group folds what each has.
#include "codegen/cuda/thread_emitter.h"

#include "codegen/cuda/device_calls.h"
#include "codegen/cuda/launch_limits.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <algorithm>
#include <numeric>

using namespace mlir;

namespace sinter::codegen::cuda {
namespace {

constexpr int64_t kUnroll = 4;        // loads on their way at once
constexpr int64_t kUnrollScalars = 8; // where they are of one element

} // namespace

//===-- Loops ---------------------------------------------------------------------------------------===//

void ThreadEmitter::walk(Value low, int64_t high, Value step, function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(builder, loc, low, index(high), step);
  // Most go round once: to count the rounds for an unrolled loop takes a division.
  loop->setAttr("sinter.unroll", builder.getI64IntegerAttr(1));
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

SmallVector<ThreadGroup::Round> ThreadEmitter::roundsOf(Value rank, int64_t size, int64_t vectors) {
  SmallVector<ThreadGroup::Round> rounds;
  for (int64_t first = 0; first < vectors; first += size) {
    Value number = first == 0 ? rank : arith::AddIOp::create(builder, loc, rank, index(first));
    Value inside;
    if (first + size > vectors) {
      inside = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, number, index(vectors));
      number = arith::MinSIOp::create(builder, loc, number, index(vectors - 1));
    }
    if (number != rank)
      facts.set(number, {0, vectors - 1, 1});
    rounds.push_back({number, inside});
  }
  return rounds;
}

Value ThreadEmitter::reduce(ArrayRef<int64_t> shape, ArrayRef<int64_t> axes, const ir::Point& at,
                            ir::Combine how, Type elementType,
                            function_ref<Value(const ir::Point&)> element) {
  int64_t count = 1;
  for (int64_t axis : axes)
    count *= shape[static_cast<size_t>(axis)];
  ++folds;
  foldedAxes.assign(axes.begin(), axes.end());
  if (group.kind == ThreadGroup::Kind::none || count == 0)
    return VectorEmitter::reduce(shape, axes, at, how, elementType, element);
  const ThreadGroup sharing = std::exchange(group, {}); // what elements fold for themselves, each thread does
  Operation* op = emittedOperation();
  Value operand = op && op->getNumOperands() > 0 ? op->getOperand(0) : Value();
  const SmallVector<Side> sides = foldedSides(operand, shape, axes, sharing.lanes);
  const int64_t lanes = width(), taken = lanes * sharing.lanes; // one of them is 1
  int64_t unroll = taken == 1 ? kUnrollScalars : kUnroll;
  if (elementType.getIntOrFloatBitWidth() > 32) // which take two registers each, and their functions many
    unroll = taken == 1 ? kUnroll : 1;
  setLanes(taken, taken);
  Value folded = foldEvery(sharing, count / sharing.lanes, unroll, how, elementType, [&](Value number) {
    ir::Point inner = at;
    for (int64_t axis : axes)
      inner[static_cast<size_t>(axis)] = {};
    locate(number, sides, inner);
    if (sharing.lanes > 1)
      inner[static_cast<size_t>(sides.back().dim)].laneStride = 1;
    return splat(element(inner));
  });
  setLanes(lanes, lanes);
  if (sharing.lanes > 1)
    folded = foldNeighbours(how, elementType, folded);
  group = sharing;
  return fold(how, elementType, folded);
}

Value ThreadEmitter::products(ArrayRef<int64_t> extents, Type type,
                              function_ref<std::pair<Value, Value>(ArrayRef<Value>)> factors) {
  SmallVector<Side> sides =
      sidesOf(extents, llvm::to_vector(llvm::seq(static_cast<int64_t>(extents.size()))));
  const int64_t count = total(sides);
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
  Value sum = foldEvery(sharing, count, kUnroll, ir::Combine::add, type, [&](Value term) -> Value {
    const auto [first, second] = factorsAt(term);
    return combine(ir::Combine::mul, type, first, second);
  });
  group = sharing;
  return fold(ir::Combine::add, type, sum);
}

// Of so many vectors, those that are this thread's.
Value ThreadEmitter::foldEvery(const ThreadGroup& sharing, int64_t vectors, int64_t unroll, ir::Combine how,
                               Type elementType, function_ref<Value(Value)> element) {
  if (!sharing.rounds.empty() && sharing.vectors == vectors)
    return foldRounds(sharing, how, elementType, element);
  Value low = sharing.rank, high = index(vectors);
  if (sharing.parts.count > 1) {
    const int64_t part = llvm::divideCeilSigned(vectors, sharing.parts.count);
    Value first = arith::MulIOp::create(builder, loc, sharing.parts.number, index(part));
    low = arith::AddIOp::create(builder, loc, first, low);
    high =
        arith::MinSIOp::create(builder, loc, arith::AddIOp::create(builder, loc, first, index(part)), high);
  }
  auto loop =
      scf::ForOp::create(builder, loc, low, high, index(sharing.size), ValueRange{neutral(how, elementType)});
  loop->setAttr("sinter.unroll", builder.getI64IntegerAttr(unroll));
  facts.set(loop.getInductionVar(), {0, vectors - 1, 1});
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(loop.getBody());
  Value value = combine(how, elementType, loop.getRegionIterArgs()[0], element(loop.getInductionVar()));
  scf::YieldOp::create(builder, loc, value);
  return loop.getResult(0);
}

// All elements first: their loads are on the way together.
Value ThreadEmitter::foldRounds(const ThreadGroup& sharing, ir::Combine how, Type elementType,
                                function_ref<Value(Value)> element) {
  SmallVector<Value> values;
  for (const ThreadGroup::Round& round : sharing.rounds)
    values.push_back(element(round.number));
  Value folded;
  for (auto [round, value] : llvm::zip(sharing.rounds, values)) {
    Value counted = value;
    if (round.inside)
      counted = arith::SelectOp::create(builder, loc, splat(round.inside), value, neutral(how, elementType));
    folded = folded ? combine(how, elementType, folded, counted) : counted;
  }
  return folded;
}

//===-- What threads have, folded -------------------------------------------------------------------===//

Value ThreadEmitter::laneOf(Value value, int64_t lane) {
  if (!isa<VectorType>(value.getType()))
    return value;
  Value number =
      arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(static_cast<int32_t>(lane)));
  return LLVM::ExtractElementOp::create(builder, loc, value, number);
}

// A value of `type`, which may be a vector, from its lanes.
Value ThreadEmitter::eachLane(Type type, function_ref<Value(int64_t)> make) {
  auto vector = dyn_cast<VectorType>(type);
  if (!vector)
    return make(0);
  Value result = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
  for (int64_t lane = 0; lane < vector.getNumElements(); ++lane) {
    Value number =
        arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(static_cast<int32_t>(lane)));
    result = LLVM::InsertElementOp::create(builder, loc, type, result, make(lane), number);
  }
  return result;
}

Value ThreadEmitter::foldNeighbours(ir::Combine how, Type elementType, Value vector) {
  SmallVector<Value> values;
  for (int64_t lane = 0; lane < cast<VectorType>(vector.getType()).getNumElements(); ++lane)
    values.push_back(laneOf(vector, lane));
  for (; values.size() > 1; values.resize(values.size() / 2))
    for (size_t i = 0; i < values.size() / 2; ++i)
      values[i] = combine(how, elementType, values[i], values[i + values.size() / 2]);
  return values[0];
}

Value ThreadEmitter::fold(ir::Combine how, Type elementType, Value value) {
  value = foldGroup(how, elementType, value);
  return group.parts.count > 1 ? foldParts(how, elementType, value) : value;
}

Value ThreadEmitter::foldGroup(ir::Combine how, Type elementType, Value value) {
  DeviceCalls calls(builder, loc);
  if (group.kind == ThreadGroup::Kind::warp)
    return foldThreads(how, elementType, value, group.size);
  if (group.size == 1)
    return value;
  if (group.kind == ThreadGroup::Kind::column)
    return foldColumn(how, elementType, value);
  value = foldThreads(how, elementType, value, kWarp);
  if (group.size == kWarp)
    return value;
  Value slots = calls.sharedSlots(group.size / kWarp);
  calls.barrier();
  Value warp = arith::DivUIOp::create(builder, loc, group.rank, index(kWarp));
  calls.setSlot(slots, warp, value); // all lanes of a warp write the same
  calls.barrier();
  // All threads fold the same slots in the same order: all have the same sum.
  Value folded;
  for (int64_t i = 0; i < group.size / kWarp; ++i) {
    Value other = calls.slot(slots, index(i), value.getType());
    folded = folded ? combine(how, elementType, folded, other) : other;
  }
  return folded;
}

// By halves: the first half of the threads that have a column each add what one of the second half has.
Value ThreadEmitter::foldColumn(ir::Combine how, Type elementType, Value value) {
  DeviceCalls calls(builder, loc);
  const int64_t lanes = width(), wide = group.width * lanes;
  const Type type = value.getType(), element = getElementTypeOrSelf(type);
  Value slots = calls.sharedSlots(group.size * wide);
  Value column = arith::MulIOp::create(builder, loc, calls.index("thread_x"), index(lanes));
  Value row = arith::MulIOp::create(builder, loc, group.rank, index(wide));
  Value mine = arith::AddIOp::create(builder, loc, row, column);
  auto place = [&](Value first, int64_t offset) {
    return arith::AddIOp::create(builder, loc, first, index(offset));
  };
  auto read = [&](Value first, int64_t offset) {
    return eachLane(type,
                    [&](int64_t lane) { return calls.slot(slots, place(first, offset + lane), element); });
  };
  auto write = [&](Value folded) {
    for (int64_t lane = 0; lane < lanes; ++lane)
      calls.setSlot(slots, place(mine, lane), laneOf(folded, lane));
  };
  calls.barrier(); // others may still read what was folded before
  write(value);
  for (int64_t half = group.size / 2; half > 0; half /= 2) {
    calls.barrier();
    Value isFirst = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, group.rank, index(half));
    auto branch = scf::IfOp::create(builder, loc, isFirst, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(branch.thenBlock()->getTerminator());
    write(combine(how, elementType, read(mine, 0), read(mine, half * wide)));
  }
  calls.barrier();
  return read(column, 0);
}

// Leaves the block's part where the last block finds it. Other blocks go on with what nobody asks for.
Value ThreadEmitter::foldParts(ir::Combine how, Type elementType, Value value) {
  DeviceCalls calls(builder, loc);
  const ThreadGroup::Parts& parts = group.parts;
  const Type type = value.getType();
  const int64_t lanes = width(), wide = group.width * lanes;
  Value column = index(0);
  if (group.kind == ThreadGroup::Kind::column)
    column = arith::MulIOp::create(builder, loc, calls.index("thread_x"), index(lanes));
  Value line = arith::MulIOp::create(builder, loc, parts.line, index(parts.count * wide));
  auto place = [&](Value part, int64_t lane) -> Value {
    Value start =
        arith::AddIOp::create(builder, loc, line, arith::MulIOp::create(builder, loc, part, index(wide)));
    Value number = arith::AddIOp::create(builder, loc, start, column);
    return lane == 0 ? number : arith::AddIOp::create(builder, loc, number, index(lane)).getResult();
  };
  Value isFirst = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, group.rank, index(0));
  auto leave = scf::IfOp::create(builder, loc, isFirst, /*withElseRegion=*/false);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(leave.thenBlock()->getTerminator());
    for (int64_t lane = 0; lane < lanes; ++lane)
      calls.setPart(parts.memory, place(parts.number, lane), laneOf(value, lane));
  }
  hasAll = calls.lastAtBarrier(parts.counters, parts.line, parts.count);
  auto branch = scf::IfOp::create(builder, loc, TypeRange{type}, hasAll, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(branch.thenBlock());
  auto loop = scf::ForOp::create(builder, loc, group.rank, index(parts.count), index(group.size),
                                 ValueRange{neutral(how, elementType)});
  loop->setAttr("sinter.unroll", builder.getI64IntegerAttr(kUnroll));
  {
    OpBuilder::InsertionGuard inner(builder);
    builder.setInsertionPointToEnd(loop.getBody());
    Value part = eachLane(type, [&](int64_t lane) {
      return calls.part(parts.memory, place(loop.getInductionVar(), lane), laneOf(value, lane).getType());
    });
    scf::YieldOp::create(builder, loc, combine(how, elementType, loop.getRegionIterArgs()[0], part));
  }
  scf::YieldOp::create(builder, loc, foldGroup(how, elementType, loop.getResult(0)));
  builder.setInsertionPointToEnd(branch.elseBlock());
  scf::YieldOp::create(builder, loc, value);
  return branch.getResult(0);
}

// Of `count` neighbours in a warp.
Value ThreadEmitter::foldThreads(ir::Combine how, Type elementType, Value value, int64_t count) {
  for (int64_t mask = count / 2; mask > 0; mask /= 2)
    value = combine(how, elementType, value, DeviceCalls(builder, loc).laneXor(value, mask));
  return value;
}

} // namespace sinter::codegen::cuda
