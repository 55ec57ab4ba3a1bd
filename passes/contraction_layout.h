// Which layouts the contraction micro-kernels compute in: agreed between layout assignment and code
// generation.
#pragma once

#include "ir/ops.h"

namespace sinter::passes {

/// The layouts of one contraction computed by micro-kernels whose vectors have `block` lanes of f32.
///
/// Convolution: result NC[spatial] with `block` channels innermost; filter ordered [out channels / block,
/// kernel..., in channels of the group] with `block` output channels innermost; the input either the same as
/// the result or row-major (read by broadcast loads, so that the first layer needs no conversion). Depthwise
/// convolution takes its input blocked. Winograd convolution: input and result as of a convolution; the
/// filter [points, out channels / block, in channels] with `block` output channels innermost. Matrix product:
/// lhs and result row-major; a constant rank-2 rhs ordered [n / block, k] with `block` columns innermost, any
/// other rhs row-major. Gradient of a filter: the batch innermost of the input, and of the cotangent but for
/// `block` of its channels; the result as the filter of a convolution.
struct ContractionLayout {
  ir::LayoutAttr lhs;            ///< null: row-major
  ir::LayoutAttr rhs;            ///< null: row-major
  ir::LayoutAttr result;         ///< null: row-major
  bool lhsMayBeRowMajor = false; ///< the input is also taken as it comes
};

/// The layout for `op` (a ContractionOpInterface), or nothing if there is no micro-kernel for it: element
/// type other than f32, transposed convolution, gradients of filters of three spatial dimensions, groups
/// whose channels are not multiples of `block` (unless depthwise), a transposed matmul operand that is not
/// constant.
std::optional<ContractionLayout> contractionLayout(mlir::Operation* op, int64_t block);

/// True if there is a micro-kernel for `op`, and its operands and its result lie as it takes them.
bool hasMicroKernelLayouts(mlir::Operation* op, int64_t block);

} // namespace sinter::passes
