// Losses of strided views of floats. They accumulate in f64. Error for element types and shapes that do not
// fit.
#pragma once

#include "sinter/runtime/view.h"

namespace sinter::eager {

/// -sum(targets * log_softmax(logits)) along `axis`. Targets are of the type and shape of the logits; the
/// result has that shape without the axis.
void cross_entropy(const View& logits, const View& targets, const View& result, int64_t axis);

/// -log_softmax(logits) along `axis`, at the position that `classes` (i32 or i64) says; 0 where a class is
/// negative. Classes and result have the shape of the logits without the axis. Error for a class past the
/// last.
void sparse_cross_entropy(const View& logits, const View& classes, const View& result, int64_t axis);

} // namespace sinter::eager
