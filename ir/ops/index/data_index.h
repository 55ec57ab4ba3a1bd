// Positions that are elements of a tensor.
#pragma once

#include "ir/loop_emitter.h"

namespace sinter::ir {

/// The coordinate along a dimension of `extent` that the element of `indices` at `position` names, the
/// nearest one where there is none of that number. Negative ones count from the end.
Coord indexAt(LoopEmitter& emitter, mlir::Value indices, const Point& position, int64_t extent);

} // namespace sinter::ir
