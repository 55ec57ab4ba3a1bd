// Makers of pools and of what their derivatives are made of.
#include "case.h"

#include "ir/op_creation.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <tuple>

namespace sinter::differential {

Window window(Case& c, llvm::ArrayRef<int64_t> spatial, bool padBelowKernel) {
  Window w;
  for (int64_t extent : spatial) {
    int64_t kernel = c.choose<int64_t>({1, 1, 2, 3, 3, 3, 5, 7});
    int64_t dilation = c.chance(0.2) ? 2 : 1;
    if (dilation * (kernel - 1) + 1 > extent) {
      dilation = 1;
      kernel = std::min(kernel, extent);
    }
    const int64_t most = padBelowKernel ? std::min(kernel - 1, kernel / 2 + 1)
                                        : dilation * (kernel - 1) + (c.chance(0.1) ? 2 : 0);
    w.kernel.push_back(kernel);
    w.dilations.push_back(dilation);
    w.strides.push_back(c.choose<int64_t>({1, 1, 1, 2, 2, 3}));
    w.padBegin.push_back(c.chance(0.5) ? 0 : c.integer(0, most));
    w.padEnd.push_back(c.chance(0.5) ? w.padBegin.back() : c.integer(0, most));
  }
  return w;
}

namespace {

constexpr int64_t kMaxRank = 5;

/// Taps of a kernel, and -1: none.
Range taps(const Window& w) {
  return {-1, static_cast<double>(
                  std::accumulate(w.kernel.begin(), w.kernel.end(), int64_t{1}, std::multiplies<>())) -
                  1};
}

/// A pool and its input.
struct Pool {
  mlir::Value input;
  Window window;
  bool ceil;
};

Pool pool(Case& c, Elements elements) {
  mlir::Value x = c.data(elements, 3, kMaxRank, {}, false);
  return {x, window(c, ir::tensorType(x).getShape().drop_front(2), true), c.chance(0.3)};
}

/// The shape of its windows.
Dims windowsOf(const Pool& pool) {
  Dims shape(ir::tensorType(pool.input).getShape());
  for (std::size_t d = 0; d < pool.window.kernel.size(); ++d) {
    const Window& w = pool.window;
    const int64_t extent = shape[d + 2], reach = w.dilations[d] * (w.kernel[d] - 1) + 1,
                  room = extent + w.padBegin[d] + w.padEnd[d] - reach;
    int64_t& count = shape[d + 2];
    count = (room + (pool.ceil ? w.strides[d] - 1 : 0)) / w.strides[d] + 1;
    if (pool.ceil && count > 1 && (count - 1) * w.strides[d] >= extent + w.padBegin[d])
      --count;
  }
  return shape;
}

/// The other way round: a tensor of windows, and how an input would have had them.
struct Windows {
  mlir::Value values;
  Window window;
  Dims sizes;
  bool ceil;
};

Windows windows(Case& c, Elements elements) {
  Windows made{c.data(elements, 3, kMaxRank, {}, false), {}, {}, c.chance(0.3)};
  for (int64_t count : ir::tensorType(made.values).getShape().drop_front(2)) {
    const int64_t kernel = c.choose<int64_t>({1, 2, 2, 3, 3, 3, 4}), dilation = c.chance(0.2) ? 2 : 1,
                  stride = c.choose<int64_t>({1, 1, 2, 2, 3}), reach = dilation * (kernel - 1) + 1;
    int64_t begin = c.integer(0, kernel - 1), end = c.integer(0, kernel - 1);
    const int64_t exact = (count - 1) * stride, rest = c.integer(0, stride - 1);
    if (exact + reach - begin - end < 1)
      begin = end = 0;
    const int64_t smallest = exact + reach - begin - end;
    int64_t extent = made.ceil ? std::max<int64_t>(smallest - rest, 1) : smallest + rest;
    // A last window that would start behind the input would not be there.
    if (made.ceil && (exact >= extent + begin || extent + begin + end < reach))
      extent = smallest;
    made.window.kernel.push_back(kernel);
    made.window.strides.push_back(stride);
    made.window.dilations.push_back(dilation);
    made.window.padBegin.push_back(begin);
    made.window.padEnd.push_back(end);
    made.sizes.push_back(extent);
  }
  return made;
}

template <class Op, class... Operands>
mlir::Value create(Case& c, const Window& w, bool ceil, std::tuple<Operands...> operands, auto... more) {
  return std::apply(
      [&](auto... values) -> mlir::Value {
        return ir::create<Op>(c.builder(), c.location(), values..., c.array(w.kernel), c.array(w.strides),
                              c.array(w.dilations), c.array(w.padBegin), c.array(w.padEnd),
                              c.builder().getBoolAttr(ceil), more...);
      },
      operands);
}

mlir::Value maxPool(Case& c) {
  const Pool p = pool(c, Elements::number);
  return create<ir::MaxPoolOp>(c, p.window, p.ceil, std::tuple(p.input));
}

mlir::Value avgPool(Case& c) {
  const Pool p = pool(c, Elements::floating);
  return create<ir::AvgPoolOp>(c, p.window, p.ceil, std::tuple(p.input),
                               c.builder().getBoolAttr(c.chance(0.5)));
}

/// Of numbers that are often equal, some of them NaN.
mlir::Value maxPoolIndex(Case& c) {
  Dims shape = c.shape(3, kMaxRank, false);
  mlir::Value x = c.tensor(shape, c.elementType(Elements::number), {-2, 2, c.chance(0.2)}, 0.05);
  if (ir::isDifferentiable(x) && c.chance(0.3))
    x = ir::create<ir::ReluOp>(c.builder(), c.location(), x);
  const Window w = window(c, llvm::ArrayRef(shape).drop_front(2), c.chance(0.8));
  return create<ir::MaxPoolIndexOp>(c, w, c.chance(0.3), std::tuple(x));
}

mlir::Value windowGather(Case& c) {
  const Pool p = pool(c, Elements::number);
  mlir::Value index = c.tensor(windowsOf(p), c.builder().getI32Type(), taps(p.window));
  return create<ir::WindowGatherOp>(c, p.window, p.ceil, std::tuple(p.input, index));
}

mlir::Value windowScatter(Case& c) {
  const Windows w = windows(c, Elements::number);
  mlir::Value index = c.tensor(ir::tensorType(w.values).getShape(), c.builder().getI32Type(), taps(w.window));
  return create<ir::WindowScatterOp>(c, w.window, w.ceil, std::tuple(w.values, index), c.array(w.sizes));
}

mlir::Value avgPoolTranspose(Case& c) {
  const Windows w = windows(c, Elements::floating);
  return create<ir::AvgPoolTransposeOp>(c, w.window, w.ceil, std::tuple(w.values), c.array(w.sizes),
                                        c.builder().getBoolAttr(c.chance(0.5)));
}

} // namespace

void detail::addWindows(Table& table) {
  constexpr bool kCommon = true;
  table["sinter.max_pool"] = {maxPool, true, kCommon};
  table["sinter.avg_pool"] = {avgPool, true, kCommon};
  table["sinter.max_pool_index"] = {maxPoolIndex, false};
  table["sinter.window_gather"] = {windowGather, true};
  table["sinter.window_scatter"] = {windowScatter, true, kCommon};
  table["sinter.avg_pool_transpose"] = {avgPoolTranspose, true, kCommon};
}

} // namespace sinter::differential
