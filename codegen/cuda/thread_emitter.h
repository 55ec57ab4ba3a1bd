// Elements as a thread computes them, alone or together with others.
#pragma once

#include "codegen/loops/vector_emitter.h"

namespace sinter::codegen::cuda {

inline constexpr int64_t kWarp = 32;

/// Threads that fold what they have made into one value that each of them gets.
struct ThreadGroup {
  enum class Kind : uint8_t {
    none,
    warp,   ///< 32 neighbours in x
    block,  ///< all of a block's x
    column, ///< those of a block that have the same x
  };
  Kind kind = Kind::none;
  int64_t size = 1;  ///< how many
  int64_t width = 1; ///< of columns: how many there are beside each other
  mlir::Value rank;  ///< this thread's number in its group, an index
};

/// The functions of the prelude (prelude.cuh), called.
class DeviceCalls {
public:
  DeviceCalls(mlir::OpBuilder& builder, mlir::Location loc) : builder(builder), loc(loc) {}

  mlir::Value index(llvm::StringRef function);
  void barrier();
  mlir::Value areAligned(mlir::ValueRange pointers);
  mlir::Value laneXor(mlir::Value value, int64_t mask);
  mlir::Value sharedSlots(int64_t count);
  void setSlot(mlir::Value slots, mlir::Value number, mlir::Value value);
  mlir::Value slot(mlir::Value slots, mlir::Value number, mlir::Type type);
  /// `width` neighbours, of which `number`, a multiple of `width`, is the first.
  llvm::SmallVector<mlir::Value> slotsFrom(mlir::Value slots, mlir::Value number, mlir::Type type,
                                           int64_t width);

private:
  mlir::OpBuilder& builder;
  mlir::Location loc;
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

  /// What becomes of sums of products, where a block makes a tile of them (emit_tiles.cpp).
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

  void setGroup(ThreadGroup group) { this->group = group; }
  void dropGroup() { group = {}; }

  /// `for (i = low; i < high; i += step)`, in the kernel's text and in `facts`.
  void walk(mlir::Value low, int64_t high, mlir::Value step, llvm::function_ref<void(mlir::Value)> body);
  /// Takes `linear`, a number below the product of `extents` (of dimensions, outermost first), apart into
  /// coordinates of `at`: `origin` + number * `step` of each dimension.
  struct Side {
    int64_t dim, origin, count, step;
  };
  void locate(mlir::Value linear, llvm::ArrayRef<Side> sides, ir::Point& at);

private:
  llvm::SmallVector<int64_t> memoryOrder(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> axes) const;
  mlir::Value foldEvery(const ThreadGroup& sharing, int64_t count, ir::Combine how, mlir::Type elementType,
                        llvm::function_ref<mlir::Value(mlir::Value)> element);
  mlir::Value fold(ir::Combine how, mlir::Type elementType, mlir::Value value);
  mlir::Value foldLanes(ir::Combine how, mlir::Type elementType, mlir::Value value);
  mlir::Value foldSlots(ir::Combine how, mlir::Type elementType, mlir::Value value, mlir::Value slots,
                        mlir::Value first, int64_t count, int64_t stride);

  ThreadGroup group;
};

} // namespace sinter::codegen::cuda
