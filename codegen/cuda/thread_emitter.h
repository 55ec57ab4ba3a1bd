// Elements as a thread computes them, alone or together with others.
#pragma once

#include "codegen/cuda/loop_dims.h"
#include "codegen/loops/vector_emitter.h"

namespace sinter::codegen::cuda {

/// Threads that fold what they have made into one value that each of them gets.
struct ThreadGroup {
  enum class Kind : uint8_t {
    none,
    warp,   ///< neighbours in x, a power of two up to 32
    block,  ///< all of a block's x
    column, ///< those of a block that have the same x, a power of two
  };
  Kind kind = Kind::none;
  int64_t size = 1;  ///< how many
  int64_t width = 1; ///< of columns: how many there are beside each other
  mlir::Value rank;  ///< this thread's number in its group, an index
  int64_t lanes = 1; ///< neighbours of what is folded that a thread takes at once: a vector

  /// Vectors of what is folded: `number` is one that there is, even where `inside` (null: true) does not
  /// hold.
  struct Round {
    mlir::Value number, inside;
  };
  /// The thread's own, if they are so few that each has code of its own: what was made of one is still there
  /// for the next fold, and for what becomes of it.
  llvm::SmallVector<Round> rounds;
  int64_t vectors = 0; ///< that all rounds go over

  /// Blocks that each fold a part; the last one to finish folds the parts, in their order.
  struct Parts {
    int64_t count = 1;
    mlir::Value number;           ///< the block's, an index
    mlir::Value line;             ///< of what they fold together, counted from 0
    mlir::Value memory, counters; ///< of the device
  };
  Parts parts;
};

/// Reductions are shared out among the threads of a group, when one is set: only where all of its threads
/// emit the same.
class ThreadEmitter final : public VectorEmitter {
public:
  using VectorEmitter::VectorEmitter;

  mlir::Value reduce(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> axes, const ir::Point& at,
                     ir::Combine how, mlir::Type elementType,
                     llvm::function_ref<mlir::Value(const ir::Point&)> element) override;

  /// Of a group: shared out as reductions are. With a role, what that says.
  mlir::Value products(
      llvm::ArrayRef<int64_t> extents, mlir::Type type,
      llvm::function_ref<std::pair<mlir::Value, mlir::Value>(llvm::ArrayRef<mlir::Value>)> factors) override;

  /// What becomes of sums of products, where a block makes a tile of them (factor_emitter.h).
  struct ProductRole {
    enum class Kind : uint8_t {
      usual,
      first,  ///< `value` becomes the first factor of term `term`; the sum is zero
      second, ///< likewise the second
      sum,    ///< the sum is `value`
    };
    Kind kind = Kind::usual;
    mlir::Value term; ///< its number, counted row by row
    mlir::Value value;
    int64_t innermost = -1; ///< the extent along which terms are counted first, in place of the last
    llvm::SmallVector<int64_t> extents = {}; ///< becomes those of the sum
  };
  ProductRole role;

  void setGroup(const ThreadGroup& group) { this->group = group; }
  void dropGroup() { group = {}; }
  /// The rounds of a thread with that rank in a group of `size`.
  llvm::SmallVector<ThreadGroup::Round> roundsOf(mlir::Value rank, int64_t size, int64_t vectors);
  /// How often a group has folded since it was set up, or would have, had there been one.
  int64_t folds = 0;
  llvm::SmallVector<int64_t> foldedAxes; ///< the last time
  /// Of a group whose lines are folded in parts: if this block has all of the last fold.
  mlir::Value hasAll;

  /// `for (i = low; i < high; i += step)`, in the kernel's text and in `facts`.
  void walk(mlir::Value low, int64_t high, mlir::Value step, llvm::function_ref<void(mlir::Value)> body);
  /// Takes `linear`, a number below total(sides), apart into coordinates of `at`: the last side's positions
  /// follow each other.
  void locate(mlir::Value linear, llvm::ArrayRef<Side> sides, ir::Point& at);

private:
  mlir::Value foldEvery(const ThreadGroup& sharing, int64_t vectors, int64_t unroll, ir::Combine how,
                        mlir::Type elementType, llvm::function_ref<mlir::Value(mlir::Value)> element);
  mlir::Value foldRounds(const ThreadGroup& sharing, ir::Combine how, mlir::Type elementType,
                         llvm::function_ref<mlir::Value(mlir::Value)> element);
  mlir::Value fold(ir::Combine how, mlir::Type elementType, mlir::Value value);
  mlir::Value foldGroup(ir::Combine how, mlir::Type elementType, mlir::Value value);
  mlir::Value foldParts(ir::Combine how, mlir::Type elementType, mlir::Value value);
  mlir::Value foldThreads(ir::Combine how, mlir::Type elementType, mlir::Value value, int64_t count);
  mlir::Value foldNeighbours(ir::Combine how, mlir::Type elementType, mlir::Value vector);
  mlir::Value foldColumn(ir::Combine how, mlir::Type elementType, mlir::Value value);
  mlir::Value eachLane(mlir::Type type, llvm::function_ref<mlir::Value(int64_t)> make);
  mlir::Value laneOf(mlir::Value value, int64_t lane);

  ThreadGroup group;
};

} // namespace sinter::codegen::cuda
