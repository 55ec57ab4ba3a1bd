// The loops around an element: which dimensions in which order, which of them the tasks share out, which the
// lanes.
#pragma once

#include "codegen/loops/vector_emitter.h"

namespace sinter::codegen::cpu {

/// The dimension lanes run along.
struct LaneChoice {
  int64_t dim = -1;
  int64_t width = 1;
  bool padded = false;  ///< a vector past the extent may be stored whole: the memory is there
  int64_t tileDim = -1; ///< a second dimension walked in steps of `width`, or -1
};

/// The lanes for walking `extents` of a tensor of `type` in its memory order.
LaneChoice chooseLanes(mlir::RankedTensorType type, const DimensionGroups& groups,
                       llvm::ArrayRef<int64_t> extents, const Target& target);

/// Nested loops over a box of positions.
class LoopNest {
public:
  struct Loop {
    int64_t dim;
    int64_t origin;
    int64_t extent;
    int64_t step; ///< lanes along the lane dimension, else 1
    int64_t trips() const { return llvm::divideCeilSigned(extent, step); }
  };

  /// Loops over the dimensions `order` (outermost first) of the box at `origin` of `extents`.
  LoopNest(llvm::ArrayRef<int64_t> order, llvm::ArrayRef<int64_t> origin, llvm::ArrayRef<int64_t> extents,
           LaneChoice lanes);

  /// Makes about `wanted` tasks of the outermost loops, and where that spares cutting a loop, `slack` times
  /// more.
  void share(int64_t wanted, int64_t slack = 8);
  /// Adds loops over whole dimensions, outermost within every task. After `share`.
  void addInsideTasks(llvm::ArrayRef<int64_t> order, llvm::ArrayRef<int64_t> extents);
  int64_t tasks() const { return tasks_; }
  /// While emitting: how many positions along the tile dimension count.
  int64_t tileActive() const { return tileActive_; }

  /// Emits the loops of one task, or all of them if `task` is null, around `body`, which sees `at` with this
  /// nest's dimensions set.
  void emit(VectorEmitter& emitter, mlir::Value task, ir::Point& at, llvm::function_ref<void()> body);

private:
  struct Bounds {
    mlir::Value single;    // the one trip to make, or
    mlir::Value low, high; // the trips to make, or all
  };

  void decompose(VectorEmitter& emitter, mlir::Value task);
  void walk(VectorEmitter& emitter, size_t level, ir::Point& at, llvm::function_ref<void()> body);
  void walkLanes(VectorEmitter& emitter, size_t level, ir::Point& at, llvm::function_ref<void()> body);

  void walkOneVector(VectorEmitter& emitter, size_t level, ir::Point& at, mlir::Value trip,
                     llvm::function_ref<void()> body);
  void vectors(VectorEmitter& emitter, size_t level, ir::Point& at, mlir::Value trip, int64_t active,
               llvm::function_ref<void()> body);

  llvm::SmallVector<Loop> loops;
  LaneChoice lanes;
  size_t flattened = 0; // loops before this one are taken apart from the task's number
  size_t cut = 0;       // the loop of which `chunk` trips, if that is > 0, belong to one task
  int64_t chunk = 0;
  int64_t tasks_ = 1;
  int64_t tileActive_ = 1;
  llvm::SmallVector<Bounds> bounds;
};

} // namespace sinter::codegen::cpu
