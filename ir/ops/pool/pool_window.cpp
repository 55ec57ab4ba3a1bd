// How many elements the windows of averaging pools hold.
#include "ir/ops/pool/pool_window.h"

using namespace mlir;

namespace sinter::ir {

bool TapCounter::Dim::allInside() const {
  return pad <= before && (windows - 1) * stride - pad + (kernel - 1) * dilation < extent + after;
}

Value TapCounter::Dim::count(IndexMath& math, Value window) const {
  // Tap t of the window is at window * stride - pad + t * dilation.
  auto firstNotBelow = [&](int64_t bound) {
    const Value start = math.mul(window, math.number(stride, window));
    const Value distance = math.max(math.sub(math.number(bound + pad, window), start), 0);
    return math.min(math.div(math.add(distance, math.number(dilation - 1, window)), dilation), kernel);
  };
  return math.sub(firstNotBelow(extent + after), firstNotBelow(-before));
}

bool TapCounter::isConstant() const {
  return llvm::all_of(dims, [](const Dim& dim) { return dim.allInside(); });
}

// Counted is only along dimensions where windows differ, which for most positions of most pools is none.
Value TapCounter::emit(LoopEmitter& emitter, const Point& window, Type element) const {
  IndexMath math(emitter);
  double constantCount = 1, most = 1;
  Value count;
  for (auto [d, dim] : llvm::enumerate(dims)) {
    most *= static_cast<double>(dim.kernel);
    if (dim.allInside()) {
      constantCount *= static_cast<double>(dim.kernel);
      continue;
    }
    const Value some = dim.count(math, math.of(window[d + 2]));
    count = count ? math.mul(count, some) : some;
  }
  if (!count)
    return emitter.constant(constantCount, element);
  const auto total = static_cast<int64_t>(constantCount);
  count = math.max(total == 1 ? count : math.mul(count, math.number(total, count)), 1);
  const bool wide = most > std::numeric_limits<int32_t>::max();
  return emitter.splat(math.toFloat(count, element, wide));
}

} // namespace sinter::ir
