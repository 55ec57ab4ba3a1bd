// The arithmetic of sliding windows.
#include "ir/ops/conv/window.h"

#include "ir/ops.h"

using namespace mlir;

namespace sinter::ir {

LogicalResult checkWindow(std::optional<Location> location, StringRef op, RankedTensorType input,
                          const WindowAttributes& window) {
  if (input.getRank() < 3 || input.getRank() > 5)
    return emitOptionalError(location, op, ": input ", input,
                             " is not [N, C, spatial...] of 1 to 3 spatial dimensions");
  const auto spatial = static_cast<size_t>(input.getRank() - 2);
  return success(succeeded(checkEntries(location, op, "strides", window.strides, spatial, 1)) &&
                 succeeded(checkEntries(location, op, "dilations", window.dilations, spatial, 1)) &&
                 succeeded(checkEntries(location, op, "pad_begin", window.padBegin, spatial, 0)) &&
                 succeeded(checkEntries(location, op, "pad_end", window.padEnd, spatial, 0)));
}

FailureOr<SmallVector<Wide>> windowCounts(std::optional<Location> location, StringRef op,
                                          RankedTensorType input, ArrayRef<int64_t> kernel,
                                          const WindowAttributes& window, bool ceilMode) {
  // Positions are computed in 64 bits once the shapes are known to be sound.
  constexpr Wide limit = Wide{1} << 48;
  SmallVector<Wide> counts;
  Wide taps = 1;
  for (size_t d = 0; d < kernel.size(); ++d) {
    const Wide in = input.getDimSize(static_cast<unsigned>(d + 2));
    const Wide stride = window.strides[d], begin = window.padBegin[d], end = window.padEnd[d];
    if (kernel[d] < 1)
      return emitOptionalError(location, op, ": kernel ", text(kernel), " has an extent below 1");
    taps = std::min(taps, limit) * kernel[d];
    const Wide reach = Wide{window.dilations[d]} * (kernel[d] - 1) + 1;
    if (in > limit || stride > limit || window.dilations[d] > limit || reach > limit || begin > limit ||
        end > limit || taps > limit)
      return emitOptionalError(location, op, ": spatial dimension ", d, " of input ", input, " with kernel ",
                               text(kernel), " is too large");
    const Wide room = in + begin + end - reach;
    if (room < 0)
      return emitOptionalError(location, op, ": kernel ", text(kernel), " with dilations ",
                               text(window.dilations.asArrayRef()), " is larger than input ", input,
                               " padded by ", text(window.padBegin.asArrayRef()), " and ",
                               text(window.padEnd.asArrayRef()), " in spatial dimension ", d);
    Wide count = (room + (ceilMode ? stride - 1 : 0)) / stride + 1;
    if (ceilMode && (count - 1) * stride >= in + begin && count > 1)
      --count;
    counts.push_back(count);
  }
  return counts;
}

bool windowsReachOutside(ArrayRef<int64_t> input, ArrayRef<int64_t> output, ArrayRef<int64_t> kernel,
                         ArrayRef<int64_t> strides, ArrayRef<int64_t> dilations, ArrayRef<int64_t> padBegin) {
  for (size_t d = 0; d < kernel.size(); ++d)
    if (padBegin[d] > 0 ||
        (output[d] - 1) * strides[d] + (kernel[d] - 1) * dilations[d] - padBegin[d] >= input[d])
      return true;
  return false;
}

} // namespace sinter::ir
