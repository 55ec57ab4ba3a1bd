// The checks that the shape inference of many operations starts and ends with.
#include "ir/operand_checks.h"

#include "ir/ops.h"

using namespace mlir;

namespace sinter::ir {

std::string text(ArrayRef<int64_t> extents) {
  std::string result = "[";
  for (auto [i, extent] : llvm::enumerate(extents))
    result += (i ? ", " : "") + std::to_string(extent);
  return result + "]";
}

FailureOr<RankedTensorType> staticOperand(std::optional<Location> location, StringRef op, Value operand,
                                          StringRef role) {
  auto type = dyn_cast<RankedTensorType>(operand.getType());
  if (!type || !type.hasStaticShape())
    return emitOptionalError(location, op, ": ", role,
                             " is not a tensor of static shape: ", operand.getType());
  if (type.getRank() > kMaxRank)
    return emitOptionalError(location, op, ": ", role, " has ", type.getRank(), " dimensions; at most ",
                             kMaxRank, " are supported");
  return type;
}

LogicalResult checkEntries(std::optional<Location> location, StringRef op, StringRef name,
                           DenseI64ArrayAttr entries, size_t count, int64_t least) {
  if (!entries)
    return emitOptionalError(location, op, ": attribute ", name, " is missing");
  if (static_cast<size_t>(entries.size()) != count)
    return emitOptionalError(location, op, ": ", name, " ", text(entries), " has ", entries.size(),
                             " entries; ", count, " are needed");
  for (int64_t entry : entries.asArrayRef())
    if (entry < least)
      return emitOptionalError(location, op, ": ", name, " ", text(entries), " has an entry below ", least);
  return success();
}

LogicalResult addResult(std::optional<Location> location, StringRef op, ArrayRef<Wide> shape, Type element,
                        Attribute encoding, SmallVectorImpl<Type>& types) {
  if (shape.size() > kMaxRank)
    return emitOptionalError(location, op, ": the result has ", shape.size(), " dimensions; at most ",
                             kMaxRank, " are supported");
  // Strides are products that skip a zero extent, so the others must not overflow either.
  constexpr Wide limit = std::numeric_limits<int64_t>::max();
  Wide bytes = 8;
  SmallVector<int64_t> extents;
  for (Wide extent : shape) {
    if (extent < 0)
      return emitOptionalError(location, op, ": dimension ", extents.size(), " of the result is negative");
    bytes *= extent > limit ? limit : std::max<Wide>(extent, 1);
    if (bytes > limit)
      return emitOptionalError(location, op, ": the result is too large: dimension ", extents.size(),
                               " takes it past 2^63 bytes");
    extents.push_back(static_cast<int64_t>(extent));
  }
  types.push_back(RankedTensorType::get(extents, element, encoding));
  return success();
}

LogicalResult addResult(std::optional<Location> location, StringRef op, ArrayRef<int64_t> shape, Type element,
                        Attribute encoding, SmallVectorImpl<Type>& types) {
  const SmallVector<Wide> wide(shape.begin(), shape.end());
  return addResult(location, op, ArrayRef<Wide>(wide), element, encoding, types);
}

} // namespace sinter::ir
