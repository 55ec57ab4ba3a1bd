// Which attention is computed by one kernel, and which as the products and the softmax it stands for.
#pragma once

#include "ir/ops.h"
#include "passes/pipeline.h"

namespace sinter::passes {

/// Whether `backend` has a kernel for attention of this element type and these sizes: of the query, rows and
/// their length; of the value, the length of its rows.
bool hasAttentionKernel(mlir::Type element, int64_t rows, int64_t depth, int64_t width, Backend backend);
bool hasAttentionKernel(ir::AttentionOp op, Backend backend);

} // namespace sinter::passes
