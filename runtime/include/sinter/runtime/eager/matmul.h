// Eager matrix products.
#pragma once

#include "sinter/runtime/view.h"

namespace sinter::eager {

/// lhs [batch..., m, k] times rhs [batch..., k, n] gives result [batch..., m, n]; batch dimensions broadcast
/// NumPy-style. A transposed operand is stored with its last two dimensions the other way round.
/// Number types but f16 and bf16; integers wrap around. Error for shapes and element types that do not fit.
void matmul(const View& lhs, const View& rhs, const View& result, bool transpose_lhs = false,
            bool transpose_rhs = false);

} // namespace sinter::eager
