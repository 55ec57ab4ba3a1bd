// Loop nests: tasks outermost, vectors along the lane dimension, and what is left when the extent is no
// multiple of them.
#include "codegen/cpu/loops/loop_nest.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace sinter::codegen::cpu {
namespace {

constexpr int64_t kMaxLanes = 64; // blocks larger than this are walked one by one

} // namespace

LaneChoice chooseLanes(RankedTensorType type, const DimensionGroups& groups, ArrayRef<int64_t> extents,
                       const Target& target) {
  const MemoryView view = groups.view(MemoryView::of(type));
  if (view.blocked >= 0) {
    const auto block = static_cast<uint64_t>(view.block);
    if (!llvm::has_single_bit(block) || view.block > kMaxLanes)
      return {};
    return {view.blocked, view.block, true, -1};
  }
  const SmallVector<int64_t> order = groups.order(type);
  for (int64_t dim : llvm::reverse(order)) {
    const int64_t extent = extents[static_cast<size_t>(dim)];
    if (extent == 1)
      continue;
    const auto needed =
        static_cast<int64_t>(llvm::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(extent, 1))));
    return {dim, std::min(target.lanes(), needed), false, -1};
  }
  return {};
}

LoopNest::LoopNest(ArrayRef<int64_t> order, ArrayRef<int64_t> origin, ArrayRef<int64_t> extents,
                   LaneChoice lanes)
    : lanes(lanes) {
  for (int64_t dim : order) {
    const auto d = static_cast<size_t>(dim);
    loops.push_back({dim, origin[d], extents[d], dim == lanes.dim || dim == lanes.tileDim ? lanes.width : 1});
  }
  bounds.resize(loops.size());
}

void LoopNest::share(int64_t wanted, int64_t slack) {
  for (size_t level = 0; level < loops.size() && tasks_ < wanted; ++level) {
    const int64_t trips = loops[level].trips();
    if (tasks_ * trips <= slack * wanted) {
      tasks_ *= trips;
      flattened = level + 1;
      continue;
    }
    chunk = llvm::divideCeilSigned(trips, llvm::divideCeilSigned(wanted, tasks_));
    tasks_ *= llvm::divideCeilSigned(trips, chunk);
    flattened = cut = level;
    break;
  }
}

void LoopNest::addInsideTasks(ArrayRef<int64_t> order, ArrayRef<int64_t> extents) {
  SmallVector<Loop> added;
  for (int64_t dim : order)
    added.push_back({dim, 0, extents[static_cast<size_t>(dim)], dim == lanes.dim ? lanes.width : 1});
  loops.insert(loops.begin() + static_cast<std::ptrdiff_t>(flattened), added.begin(), added.end());
  cut += added.size();
  bounds.resize(loops.size());
}

// The innermost part of a task's number is the piece of the loop that is cut, then come the loops outwards.
void LoopNest::decompose(VectorEmitter& emitter, Value task) {
  OpBuilder& builder = emitter.builder;
  const Location loc = emitter.loc;
  int64_t left = tasks_;
  auto take = [&](int64_t count) {
    left /= count;
    if (left == 1)
      return std::exchange(task, emitter.index(0));
    Value digit = builder.createOrFold<arith::RemUIOp>(loc, task, emitter.index(count));
    task = builder.createOrFold<arith::DivUIOp>(loc, task, emitter.index(count));
    return digit;
  };
  if (chunk > 0) {
    const int64_t trips = loops[cut].trips();
    Value piece = take(llvm::divideCeilSigned(trips, chunk));
    Value low = builder.createOrFold<arith::MulIOp>(loc, piece, emitter.index(chunk));
    Value high = builder.createOrFold<arith::AddIOp>(loc, low, emitter.index(chunk));
    if (trips % chunk != 0)
      high = builder.createOrFold<arith::MinSIOp>(loc, high, emitter.index(trips));
    bounds[cut] = {{}, low, high};
  }
  for (size_t level = flattened; level-- > 0;)
    bounds[level] = {loops[level].trips() == 1 ? emitter.index(0) : take(loops[level].trips()), {}, {}};
}

void LoopNest::emit(VectorEmitter& emitter, Value task, ir::Point& at, function_ref<void()> body) {
  if (task)
    decompose(emitter, task);
  walk(emitter, 0, at, body);
}

void LoopNest::walk(VectorEmitter& emitter, size_t level, ir::Point& at, function_ref<void()> body) {
  if (level == loops.size()) {
    body();
    return;
  }
  const Loop& loop = loops[level];
  if (loop.step > 1) {
    walkLanes(emitter, level, at, body);
    return;
  }
  auto inside = [&](Value trip) {
    at[static_cast<size_t>(loop.dim)] = emitter.affine(emitter.at(trip), 1, loop.origin);
    walk(emitter, level + 1, at, body);
  };
  const Bounds& range = bounds[level];
  if (range.single)
    inside(range.single);
  else if (loop.trips() == 1)
    inside(emitter.index(0));
  else
    emitter.forLoop(range.low ? range.low : emitter.index(0),
                    range.high ? range.high : emitter.index(loop.trips()), 1, {0, loop.trips() - 1, 1},
                    inside);
}

void LoopNest::vectors(VectorEmitter& emitter, size_t level, ir::Point& at, Value trip, int64_t active,
                       function_ref<void()> body) {
  const Loop& loop = loops[level];
  ir::Coord start = emitter.affine(emitter.at(trip), loop.step, loop.origin);
  if (loop.dim == lanes.tileDim) {
    at[static_cast<size_t>(loop.dim)] = start;
    tileActive_ = active;
    walk(emitter, level + 1, at, body);
    return;
  }
  start.laneStride = 1;
  at[static_cast<size_t>(loop.dim)] = start;
  emitter.setLanes(lanes.width, active);
  walk(emitter, level + 1, at, body);
  emitter.setLanes(1, 1);
}

// The last vector, if it is not full, is emitted by itself with its dead lanes masked, unless nothing that is
// read or written cares: then one body serves all.
void LoopNest::walkLanes(VectorEmitter& emitter, size_t level, ir::Point& at, function_ref<void()> body) {
  const Loop& loop = loops[level];
  const int64_t width = lanes.width, trips = loop.trips(), full = loop.extent / width,
                rest = loop.extent % width;
  auto partial = [&] { vectors(emitter, level, at, emitter.index(full), rest, body); };
  const Bounds range = bounds[level];
  if (full == 0) {
    partial();
    return;
  }
  if (range.single || trips == 1) {
    Value trip = range.single ? range.single : emitter.index(0);
    if (rest == 0)
      vectors(emitter, level, at, trip, width, body);
    else
      walkOneVector(emitter, level, at, trip, body);
    return;
  }
  OpBuilder& builder = emitter.builder;
  Value low = range.low ? range.low : emitter.index(0);
  Value high = range.high ? range.high : emitter.index(trips);
  Value fullHigh = high;
  if (rest != 0)
    fullHigh = builder.createOrFold<arith::MinSIOp>(emitter.loc, high, emitter.index(full));
  emitter.lanesBeyondExtent = false;
  const bool padded = lanes.padded && loop.dim == lanes.dim;
  const int64_t lastSeen = padded ? trips - 1 : full - 1;
  scf::ForOp loopOp = emitter.forLoop(low, fullHigh, 1, {0, lastSeen, 1},
                                      [&](Value trip) { vectors(emitter, level, at, trip, width, body); });
  if (rest == 0)
    return;
  if (padded && !emitter.lanesBeyondExtent) {
    loopOp.setUpperBound(high);
    return;
  }
  if (!range.high) {
    partial();
    return;
  }
  Value last =
      arith::CmpIOp::create(builder, emitter.loc, arith::CmpIPredicate::sgt, high, emitter.index(full));
  auto branch = scf::IfOp::create(builder, emitter.loc, last, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(branch.thenBlock()->getTerminator());
  partial();
}

// One vector of which only the run knows whether it is the last, partial one.
void LoopNest::walkOneVector(VectorEmitter& emitter, size_t level, ir::Point& at, Value trip,
                             function_ref<void()> body) {
  OpBuilder& builder = emitter.builder;
  const Location loc = emitter.loc;
  const int64_t full = loops[level].extent / lanes.width;
  const bool padded = lanes.padded && loops[level].dim == lanes.dim;
  Value isFull = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult, trip, emitter.index(full));
  auto branch = scf::IfOp::create(builder, loc, isFull, /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(branch.thenBlock()->getTerminator());
    emitter.lanesBeyondExtent = false;
    // Where padding is stored this body may come to serve the last block too, so it must not rely on being
    // full.
    Value known =
        lanes.padded ? trip : arith::MinSIOp::create(builder, loc, trip, emitter.index(full - 1)).getResult();
    vectors(emitter, level, at, known, lanes.width, body);
    if (!padded || emitter.lanesBeyondExtent) {
      builder.setInsertionPoint(branch.elseBlock()->getTerminator());
      vectors(emitter, level, at, emitter.index(full), loops[level].extent % lanes.width, body);
      return;
    }
  }
  branch.thenBlock()->getTerminator()->erase();
  branch->getBlock()->getOperations().splice(branch->getIterator(), branch.thenBlock()->getOperations());
  branch.erase();
}

} // namespace sinter::codegen::cpu
