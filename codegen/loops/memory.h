// Tensors in memory: where an element lies, and how the lanes of a vector are loaded and stored.
#pragma once

#include "codegen/loops/index_facts.h"
#include "ir/ops.h"

namespace sinter::codegen {

/// A tensor's elements in memory, dimension by dimension. Strides are in elements; that of the blocked
/// dimension is the stride of a whole block.
struct MemoryView {
  mlir::Value pointer;
  mlir::Type element; ///< as the tensor's type has it: i1 is a byte in memory, ui8 an i8 in code
  llvm::SmallVector<int64_t> shape;
  llvm::SmallVector<int64_t> strides;
  int64_t blocked = -1; ///< the dimension whose positions are stored in blocks, or -1
  int64_t block = 1;
  bool invariant = false; ///< no store of the kernel can change it

  /// A view without a pointer, from the type alone.
  static MemoryView of(mlir::RankedTensorType type);
  bool isEmpty() const { return llvm::is_contained(shape, 0); }
};

/// The type one element has in memory.
mlir::Type memoryType(mlir::Type element);

/// Where the lanes of one access are. Offsets are in elements from the view's pointer.
struct Lanes {
  mlir::Value offset;      ///< index of lane 0; or a vector of indices, one per lane
  int64_t stride = 0;      ///< between lanes, when `offset` is a scalar
  bool wholeBlock = false; ///< contiguous inside one stored block, padding included
};

/// Emits loads and stores of `width` lanes at a builder's insertion point.
class MemoryAccess {
public:
  MemoryAccess(mlir::OpBuilder& builder, mlir::Location loc, IndexFacts& facts)
      : builder(builder), loc(loc), facts(facts) {}

  /// True: vectors whose offset is a multiple of their size are accessed as aligned ones. Whoever sets it
  /// sees to it that such code runs only where the buffers begin at multiples of that, too.
  bool alignedBuffers = false;

  Lanes locate(const MemoryView& view, const ir::Point& at, int64_t width);

  /// Loads in the type of code. Lanes from `active` on and lanes whose `mask` (a vector of i1; null: all set)
  /// is false are not read; what they hold is unspecified.
  mlir::Value load(const MemoryView& view, const Lanes& lanes, int64_t width, int64_t active,
                   mlir::Value mask);

  /// Stores the first `active` lanes.
  void store(const MemoryView& view, const Lanes& lanes, mlir::Value value, int64_t width, int64_t active);

  /// The first `active` of `width` lanes, as a vector of i1.
  mlir::Value prefixMask(int64_t width, int64_t active);

private:
  mlir::Value index(int64_t value);
  mlir::Value number(mlir::Type indexLike, int64_t value);
  mlir::Value plus(mlir::Value a, mlir::Value b);
  mlir::Value times(mlir::Value a, int64_t factor);
  mlir::Value spread(mlir::Value scalar, int64_t width);
  mlir::Value coordLanes(const ir::Coord& coord, int64_t width);
  mlir::Value blockedOffset(const MemoryView& view, size_t dim, mlir::Value position);
  mlir::Value address(const MemoryView& view, mlir::Value offset, int64_t extra = 0);
  unsigned alignment(const MemoryView& view, const Lanes& lanes, int64_t width);
  mlir::Value toCode(mlir::Value loaded, mlir::Type element);
  mlir::Value toMemory(mlir::Value value, mlir::Type element);

  mlir::OpBuilder& builder;
  mlir::Location loc;
  IndexFacts& facts;
};

} // namespace sinter::codegen
