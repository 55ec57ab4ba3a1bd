// What layouts the contractions of a backend want, and what lies between them therefore has.
#pragma once

#include "passes/contraction_layout.h"

#include <memory>

namespace sinter::passes {

class LayoutPolicy {
public:
  virtual ~LayoutPolicy() = default;

  /// The layouts of one contraction, or nothing if it is to stay as it is. An operand or result for which
  /// between() says the same is one of those that operations around share.
  virtual std::optional<ContractionLayout> of(mlir::Operation* op) const = 0;
  /// The layout of a tensor between contractions. Null: row-major tensors of this type lie as is wanted.
  virtual ir::LayoutAttr between(mlir::RankedTensorType type) const = 0;
  /// So many channels lie together, for LayoutOpInterface::runsBlocked.
  virtual int64_t block() const = 0;
  /// True if dimensions are only in another order: a reduction over any of them reads the tensor as it lies.
  virtual bool isOrder() const = 0;
};

/// Micro-kernels of the processor: contractionLayout(op, block).
std::unique_ptr<LayoutPolicy> blockedLayouts(int64_t block);

/// Tensor cores: convolutions, their gradients and what lies between them have channels innermost
/// (ir/channels_last.h), filters [M, kernel..., C]. Filters of depthwise convolutions are [1, kernel..., C],
/// so that neighbouring channels are loaded together. An image of three channels is no exception: the
/// elements of a window's row lie together, and where elements become narrower for tensor cores, the same
/// kernel reorders them.
std::unique_ptr<LayoutPolicy> channelsLastLayouts();

} // namespace sinter::passes
