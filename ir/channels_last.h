// Channels innermost in memory: what tensor cores and vendors' libraries read convolutions from.
#pragma once

#include "ir/dialect.h"

namespace sinter::ir {

/// Of a tensor [N, C, spatial...], or a filter [M, C, kernel...], of `rank` >= 2: dimension 1 innermost, the
/// others in order. NHWC, at rank 4.
LayoutAttr channelsLast(mlir::MLIRContext* context, int64_t rank);

/// True if a tensor of `type` has its elements in that order, whatever its layout is called: dimensions of
/// extent 1 may stand anywhere, so that row-major [N, C, 1, 1] and [N, 1, H, W] are such tensors.
bool isChannelsLast(mlir::RankedTensorType type);

/// True if a tensor of `shape` under `layout` has its elements where a row-major one has them.
bool isRowMajor(LayoutAttr layout, llvm::ArrayRef<int64_t> shape);

} // namespace sinter::ir
