// The weights of a model, wherever they are.
#pragma once

#include "sinter/runtime/aot/model.h"

namespace sinter::rt::aot {

/// Where they lie in memory: 64-byte aligned, with as many readable bytes behind them. Mapped when the first
/// context asks, for all contexts. Null after a failure, whose status is in `status`. `path` may be null.
const void* acquire_weights(const Model& model, const char* path, int& status);

/// Each acquire_weights() that gave weights is to be followed by one of these.
void release_weights(const Model& model, const void* weights);

} // namespace sinter::rt::aot
