// Makers of operations that move elements.
#include "case.h"

#include "ir/op_creation.h"

#include <algorithm>

namespace sinter::differential {

namespace {

constexpr int64_t kMaxRank = 5;

mlir::Value reshape(Case& c) {
  mlir::Value x = c.data(Elements::any, 0, kMaxRank);
  const auto shape = ir::tensorType(x).getShape();
  Dims dims(shape);
  // Merge neighbours, split an even extent, put ones in between: every reshape is made of these.
  for (int64_t i = c.integer(1, 3); i > 0; --i) {
    const int64_t rank = static_cast<int64_t>(dims.size());
    if (rank >= 2 && c.chance(0.4)) {
      const auto at = static_cast<std::size_t>(c.integer(0, rank - 2));
      dims[at] *= dims[at + 1];
      dims.erase(dims.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    } else if (rank >= 1 && rank < 6) {
      const auto at = static_cast<std::size_t>(c.integer(0, rank - 1));
      const int64_t factor = dims[at] % 2 == 0 && dims[at] > 0 ? 2 : 1;
      dims[at] /= factor;
      dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(at), factor);
    } else if (rank == 0) {
      dims.push_back(1);
    }
  }
  return ir::create<ir::ReshapeOp>(c.builder(), c.location(), x, c.array(dims));
}

mlir::Value transpose(Case& c) {
  mlir::Value x = c.data(Elements::any, 1, kMaxRank);
  Dims order(static_cast<std::size_t>(ir::tensorType(x).getRank()));
  for (std::size_t i = 0; i < order.size(); ++i)
    order[i] = static_cast<int64_t>(i);
  for (std::size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[static_cast<std::size_t>(c.integer(0, static_cast<int64_t>(i) - 1))]);
  return ir::create<ir::TransposeOp>(c.builder(), c.location(), x, c.array(order));
}

mlir::Value slice(Case& c) {
  mlir::Value x = c.data(Elements::any, 1, kMaxRank);
  Dims starts, sizes, steps;
  for (int64_t extent : ir::tensorType(x).getShape()) {
    if (extent == 0 || c.chance(0.3)) {
      starts.push_back(0);
      sizes.push_back(extent);
      steps.push_back(1);
      continue;
    }
    const int64_t step = c.choose<int64_t>({1, 1, 1, 2, 3, -1, -2});
    const int64_t start = c.integer(0, extent - 1);
    const int64_t room = step > 0 ? (extent - 1 - start) / step + 1 : start / -step + 1;
    starts.push_back(start);
    sizes.push_back(c.chance(0.03) ? 0 : c.integer(1, room));
    steps.push_back(step);
  }
  return ir::create<ir::SliceOp>(c.builder(), c.location(), x, c.array(starts), c.array(sizes),
                                 c.array(steps));
}

mlir::Value concat(Case& c) {
  mlir::Value x = c.data(Elements::any, 1, kMaxRank);
  const mlir::RankedTensorType type = ir::tensorType(x);
  const int64_t axis = c.integer(0, type.getRank() - 1);
  llvm::SmallVector<mlir::Value> parts{x};
  for (int64_t i = c.integer(0, 3); i > 0; --i) {
    Dims dims(type.getShape());
    dims[static_cast<std::size_t>(axis)] = c.choose<int64_t>({1, 2, 3, 8, 16, 0});
    mlir::Value part = c.dataOf(dims, type.getElementType());
    parts.insert(c.chance(0.5) ? parts.begin() : parts.end(), part);
  }
  return ir::create<ir::ConcatOp>(c.builder(), c.location(), mlir::ValueRange(parts),
                                  c.builder().getI64IntegerAttr(axis));
}

mlir::Value pad(Case& c) {
  mlir::Value x = c.data(Elements::number, 1, 4, {}, false);
  const auto mode = c.choose({ir::PadMode::constant, ir::PadMode::reflect, ir::PadMode::edge});
  Dims low, high;
  for (int64_t extent : ir::tensorType(x).getShape()) {
    const int64_t most = mode == ir::PadMode::reflect ? std::min<int64_t>(extent - 1, 3) : 3;
    int64_t before = c.chance(0.4) ? 0 : c.integer(0, most);
    int64_t after = c.chance(0.4) ? 0 : c.integer(0, most);
    if (extent > 6 && c.chance(0.2))
      (c.chance(0.5) ? before : after) = -c.integer(1, 2);
    low.push_back(before);
    high.push_back(after);
  }
  return ir::create<ir::PadOp>(c.builder(), c.location(), x, c.array(low), c.array(high),
                               ir::PadModeAttr::get(c.builder().getContext(), mode),
                               c.builder().getF64FloatAttr(static_cast<double>(c.integer(-2, 2))));
}

mlir::Value broadcastTo(Case& c) {
  mlir::Value x = c.data(Elements::any, 0, 4);
  Dims dims(ir::tensorType(x).getShape());
  for (int64_t& extent : dims)
    if (extent == 1 && c.chance(0.7))
      extent = c.integer(2, 9);
  if (c.chance(0.4))
    dims.insert(dims.begin(), c.integer(1, 3));
  return ir::create<ir::BroadcastToOp>(c.builder(), c.location(), x, c.array(dims));
}

mlir::Value gather(Case& c) {
  mlir::Value x = c.data(Elements::any, 1, 4, {}, false);
  const mlir::RankedTensorType type = ir::tensorType(x);
  const int64_t axis = c.integer(0, type.getRank() - 1);
  const int64_t extent = type.getDimSize(axis);
  const Range range{static_cast<double>(-extent), static_cast<double>(extent - 1)};
  Dims dims = c.shape(0, 2);
  for (int64_t& d : dims)
    d = std::min<int64_t>(d, 9);
  mlir::Value indices = c.tensor(dims, c.elementType(Elements::index), range);
  return ir::create<ir::GatherOp>(c.builder(), c.location(), x, indices, c.builder().getI64IntegerAttr(axis));
}

mlir::Value randomUniform(Case& c) {
  mlir::Value seed = c.tensor({}, c.elementType(Elements::index), {-100, 100});
  const int64_t stream = c.choose<int64_t>({0, 1, (int64_t{1} << 40) + 3});
  return ir::create<ir::RandomUniformOp>(c.builder(), c.location(), seed, c.array(c.shape(0, 4)),
                                         c.builder().getI64IntegerAttr(stream));
}

mlir::Value scatterAdd(Case& c) {
  mlir::Value x = c.data(Elements::number, 1, 4, {}, false);
  const mlir::RankedTensorType type = ir::tensorType(x);
  const auto axis = static_cast<std::size_t>(c.integer(0, type.getRank() - 1));
  const int64_t extent = type.getShape()[axis];
  Dims dims = c.shape(0, 2), updates(type.getShape().take_front(axis));
  for (int64_t& d : dims)
    d = std::min<int64_t>(d, 9);
  updates.append(dims);
  llvm::append_range(updates, type.getShape().drop_front(axis + 1));
  mlir::Value indices = c.tensor(dims, c.elementType(Elements::index),
                                 {static_cast<double>(-extent), static_cast<double>(extent - 1)});
  mlir::Value added = c.dataOf(updates, type.getElementType());
  return ir::create<ir::ScatterAddOp>(c.builder(), c.location(), x, indices, added,
                                      c.builder().getI64IntegerAttr(static_cast<int64_t>(axis)));
}

/// There and back again: programs at their beginning hold no layouts, so that the result is row-major.
mlir::Value convertLayout(Case& c) {
  mlir::Value x = c.data(Elements::floating, 3, kMaxRank);
  const mlir::RankedTensorType plain = ir::tensorType(x);
  auto layout = ir::LayoutAttr::channelsBlocked(c.builder().getContext(), plain.getRank(),
                                                c.choose<int64_t>({1, 4, 8, 16}));
  auto blocked = mlir::RankedTensorType::get(plain.getShape(), plain.getElementType(), layout);
  mlir::Value there = ir::ConvertLayoutOp::create(c.builder(), c.location(), blocked, x);
  return ir::ConvertLayoutOp::create(c.builder(), c.location(), plain, there);
}

} // namespace

void detail::addMovement(Table& table) {
  table["sinter.reshape"] = {reshape, true, true};
  table["sinter.transpose"] = {transpose, true, true};
  table["sinter.slice"] = {slice, true, true};
  table["sinter.concat"] = {concat, true, true};
  table["sinter.pad"] = {pad, true, true};
  table["sinter.broadcast_to"] = {broadcastTo, true};
  table["sinter.gather"] = {gather, true};
  table["sinter.random_uniform"] = {randomUniform, true};
  table["sinter.scatter_add"] = {scatterAdd, true};
  table["sinter.convert_layout"] = {convertLayout, true};
}

} // namespace sinter::differential
