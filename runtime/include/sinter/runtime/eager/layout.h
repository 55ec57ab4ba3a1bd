// Reordering a tensor from one physical layout to another.
#pragma once

#include "sinter/runtime/view.h"

namespace sinter::eager {

/// How a logical tensor is stored: its dimensions from the outermost to the innermost, and `block` positions
/// of dimension `blocked` innermost of all (no block if 1).
struct Layout {
  Shape order;
  int blocked = 0;
  int64_t block = 1;

  static Layout row_major(int rank);
};

/// Copies a tensor of shape `logical`. The views are of the physical shapes: the dimensions in the order of
/// the layout, the blocked one divided by the block and rounded up, then the block if it is not 1. Padding of
/// the result is written as zero. Error if the views are not of those shapes.
void convert_layout(const View& input, const Layout& from, const View& result, const Layout& to,
                    const Shape& logical);

} // namespace sinter::eager
