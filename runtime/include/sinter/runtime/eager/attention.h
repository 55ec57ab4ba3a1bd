// Eager attention.
#pragma once

#include "sinter/runtime/view.h"

namespace sinter::eager {

/// query [batch..., m, d], key [batch..., n, d], value [batch..., n, e] give result [batch..., m, e]:
/// softmax(scale * query key^T + mask) value, where mask, if not null, broadcasts to [batch..., m, n]. All of
/// one rank but the mask; batch dimensions broadcast to the result's. One floating-point type; the mask of
/// f16 and bf16 may be f32. Computed in f64, and rounded once. Error for shapes and element types that do not
/// fit.
void attention(const View& query, const View& key, const View& value, const View* mask, const View& result,
               double scale);

} // namespace sinter::eager
