// Tensors that are slices of one another's memory, because concatenations find them in place.
#pragma once

#include "passes/passes.h"

namespace sinter::passes {

/// A computed tensor and the bytes of its group it takes.
struct Slice {
  mlir::Value value;
  int64_t offset = 0;
  int64_t bytes = 0;
};

/// Groups of tensors whose places are fixed relative to each other. Every byte of a group belongs to one
/// computed tensor: the *leaves*, of which all concatenations in the group are made. A group that holds an
/// output of the program is that output.
class MemoryGroups {
public:
  struct Group {
    llvm::SmallVector<Slice> leaves;
    llvm::SmallVector<Slice> concats;
    mlir::Value returned; ///< the one output of the program in the group, or null
    int64_t begin = 0, end = 0;
  };

  /// Fixes the operands of `concat` to their places in its result, as far as that can be: of an operand it
  /// cannot be said if it is not computed by a kernel, if its elements do not lie together in the result, if
  /// another concatenation (or this one, at another place) has it elsewhere, or if an output would hold more
  /// than it should. One answer per operand.
  llvm::SmallVector<bool> add(ir::ConcatOp concat);

  /// Gives `leaf`, a kernel's result, a group of its own if it has none.
  size_t groupOf(mlir::Value leaf);
  llvm::ArrayRef<Group> all() const { return groups; }

private:
  struct Place {
    size_t group = 0;
    int64_t offset = 0;
  };
  bool join(mlir::Value operand, Place place, llvm::ArrayRef<Slice> wanted, int64_t bytes);
  bool mayMerge(const Group& into, const Group& from, int64_t shift, llvm::ArrayRef<Slice> wanted,
                int64_t bytes) const;

  llvm::SmallVector<Group> groups; // those merged into others are left empty
  llvm::DenseMap<mlir::Value, Place> places;
};

/// The computed tensors `value` is made of, and where: itself, or the leaves of a concatenation in place,
/// seen through reshapes.
llvm::SmallVector<Slice> leavesOf(mlir::Value value, int64_t offset = 0);

} // namespace sinter::passes
