// Arguments as users write them, in the form operations take.
#pragma once

#include "sinter/ops.h"

#include "llvm/ADT/STLFunctionalExtras.h"

#include <array>
#include <optional>
#include <string_view>

namespace sinter::trace {

/// Two operands of which either may be a plain number; a number becomes a scalar of the other's dtype.
class Numbers {
public:
  /// Throws Error if a number is not a value of that dtype. `operation` is the dialect's name.
  Numbers(const SourceLocation& where, std::string_view operation, std::array<const Operand*, 2> operands);
  const Tensor& operator[](std::size_t i) const { return made_[i] ? *made_[i] : *given_[i]; }

private:
  std::array<const Tensor*, 2> given_{};
  std::array<std::optional<Tensor>, 2> made_;
};

/// `axis` counted from 0; throws Error unless it lies in [-rank, rank).
int wrap_axis(const SourceLocation& where, std::string_view operation, int64_t axis, int rank);

/// Axes counted from 0, ascending and distinct.
Shape wrap_axes(const SourceLocation& where, std::string_view operation, const Axes& axes, int rank);

/// A list with one entry per spatial dimension: none means `standard`, one stands for all.
Shape per_dimension(const Shape& list, int dimensions, int64_t standard);

/// Calls `check` with every element of `indices` that is known while `x` is traced: compiled kernels cannot
/// complain about an index. Eager ones look themselves.
void check_known(const Tensor& x, const Tensor& indices, llvm::function_ref<void(int64_t)> check);

/// `shape` with its -1 replaced by what remains of `elements`.
Shape resolve_extents(const SourceLocation& where, const Tensor& x, const Shape& shape);

} // namespace sinter::trace
