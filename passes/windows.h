// Questions about windows that several rewrites of convolutions ask.
#pragma once

#include "passes/passes.h"

namespace sinter::passes {

inline bool allAre(int64_t expected, llvm::ArrayRef<int64_t> values) {
  return llvm::all_of(values, [&](int64_t value) { return value == expected; });
}

/// True if every result of `conv` comes from one position of the input: a kernel of extent 1, and no padding.
inline bool hasOnePosition(ir::ConvOp conv) {
  return allAre(1, ir::tensorType(conv.getFilter()).getShape().drop_front(2)) &&
         allAre(0, conv.getPadBegin()) && allAre(0, conv.getPadEnd());
}

} // namespace sinter::passes
