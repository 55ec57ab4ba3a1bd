// The sizes of an attention, and where its operands' elements lie.
#pragma once

#include "llvm/ADT/SmallVector.h"

#include <cstdint>

namespace sinter::ir {

/// Strides, in elements, of a tensor stored row by row, in the order of the dimensions that are computed
/// with; 0 where an extent of 1 broadcasts.
struct AttentionStrides {
  llvm::SmallVector<int64_t, 4> batch;
  int64_t row = 0, column = 0;
};

struct Attention {
  llvm::SmallVector<int64_t, 4> batch;
  int64_t rows = 0;  ///< of the query, and of the result
  int64_t keys = 0;  ///< rows of key and value
  int64_t depth = 0; ///< columns of query and key
  int64_t width = 0; ///< columns of the value, and of the result
  AttentionStrides query, key, value, result;
  AttentionStrides mask; ///< all 0 without one

  double batches() const {
    double count = 1;
    for (int64_t extent : batch)
      count *= static_cast<double>(extent);
    return count;
  }
  /// Elements of the matrices of scores, of which none is ever whole in memory.
  double scores() const { return batches() * static_cast<double>(rows) * static_cast<double>(keys); }
};

} // namespace sinter::ir
