// The LoopEmitter of all targets: elements as scalars or vectors of lanes, loaded from memory or emitted
// where they are needed.
#pragma once

#include "codegen/loops/dimension_groups.h"
#include "codegen/loops/memory.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"

#include <optional>
#include <string>

namespace sinter::codegen {

class VectorEmitter : public ir::LoopEmitter {
public:
  /// `groups` says which dimensions of the kernel's tensors are walked as one, `lanes` how many lanes
  /// reductions take for themselves where it pays.
  VectorEmitter(mlir::OpBuilder& builder, mlir::Location loc, mlir::ModuleOp module, llvm::StringRef name,
                int64_t lanes, const DimensionGroups& groups)
      : LoopEmitter(builder, loc), memory(builder, loc, facts), groups(groups), module(module),
        reductionLanes(lanes), globalPrefix(name.str() + ".constant.") {}

  int64_t width() const override { return width_; }
  mlir::Value element(mlir::Value tensor, const ir::Point& at) override;
  mlir::Value elementOr(mlir::Value tensor, const ir::Point& at, mlir::Value outside) override;
  mlir::Value reduce(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> axes, const ir::Point& at,
                     ir::Combine how, mlir::Type elementType,
                     llvm::function_ref<mlir::Value(const ir::Point&)> element) override;
  llvm::SmallVector<mlir::Value>
  loop(llvm::ArrayRef<int64_t> extents, mlir::ValueRange init,
       llvm::function_ref<llvm::SmallVector<mlir::Value>(llvm::ArrayRef<mlir::Value>, mlir::ValueRange)> body)
      override;

  /// `tensor`, an argument of the kernel, is in memory as `view` says.
  void bind(mlir::Value tensor, MemoryView view) { views[tensor] = std::move(view); }
  /// `tensor` is not emitted: its element, wherever it is asked for, is `value`.
  void bindElement(mlir::Value tensor, mlir::Value value) { elements[tensor] = value; }
  /// Emits the statistics of `op` for the row at `at`, which serve all its elements until they are dropped.
  void bindStatistics(mlir::Operation* op, const ir::Point& at) { statistics[op] = emitStatistics(op, at); }
  void dropStatistics(mlir::Operation* op) { statistics.erase(op); }
  /// `concat`'s element is that of its operand `operand`, which starts at `offset` on its axis.
  void bindSegment(mlir::Operation* concat, unsigned operand, int64_t axis, int64_t offset) {
    segments[concat] = {operand, axis, offset};
  }

  /// From here on positions stand for `width` lanes, of which the first `active` count.
  void setLanes(int64_t width, int64_t active) {
    width_ = width;
    active_ = active;
  }
  int64_t active() const { return active_; }
  void store(const MemoryView& view, const ir::Point& at, mlir::Value value);

  /// scf.for over [low, high); `known` is the variable's fact.
  mlir::scf::ForOp forLoop(mlir::Value low, mlir::Value high, int64_t step, IndexFact known,
                           llvm::function_ref<void(mlir::Value)> body);

  /// Set when lanes past the active ones would have read outside of a tensor, had they been active.
  bool lanesBeyondExtent = false;
  /// Set when lanes were left out because they lie outside of a tensor.
  bool masked = false;
  /// How many vectors were loaded lane by lane.
  int64_t stridedLoads = 0;
  /// Bits of the widest vector of neighbours that was loaded.
  int64_t widestLoad = 0;
  /// Set when a long reduction read its operand lane by lane, with a stride.
  bool stridedReduction = false;
  /// Set when a reduction long enough for lanes of its own had to do without.
  bool hasLongReduction = false;

  IndexFacts facts;
  MemoryAccess memory;

protected:
  llvm::SmallVector<int64_t> shapeOf(mlir::Value tensor) const;
  std::optional<MemoryView> viewOf(mlir::Value tensor);
  /// The operation whose element or statistics are being emitted by its LoopOpInterface.
  mlir::Operation* emittedOperation() const { return emitting; }

  const DimensionGroups& groups;

private:
  struct Remembered {
    ir::Point at;
    int64_t width, active;
    mlir::Value mask, element;
  };
  struct Segment {
    unsigned operand;
    int64_t axis, offset;
  };

  MemoryView globalView(mlir::Operation* constant);
  mlir::Value load(const MemoryView& view, const ir::Point& at);
  mlir::Value emit(mlir::Operation* op, mlir::Value tensor, const ir::Point& at);
  mlir::Value emitConstant(mlir::Operation* op);
  llvm::SmallVector<mlir::Value> emitStatistics(mlir::Operation* op, ir::Point at);
  mlir::Value emitLoopOp(mlir::Operation* op, const ir::Point& at);
  mlir::Value recall(mlir::Value tensor, const ir::Point& at);
  bool reaches(mlir::Value value) const;
  mlir::Value insideMask(const ir::Coord& coord, int64_t extent);

  mlir::Value reduceAcrossLanes(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> axes, size_t laneAxis,
                                const ir::Point& at, ir::Combine how, mlir::Type elementType,
                                llvm::function_ref<mlir::Value(const ir::Point&)> element);
  bool isOneRun(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> axes);
  llvm::SmallVector<mlir::Value> foldVectors(int64_t vectors, mlir::ValueRange accumulators,
                                             llvm::function_ref<mlir::Value(mlir::Value, mlir::Value)> add);
  std::optional<size_t> laneAxis(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> axes) const;
  mlir::Value foldLanes(ir::Combine how, mlir::Type element, mlir::Value vector);
  llvm::SmallVector<mlir::Value>
  forCarrying(int64_t low, int64_t high, int64_t step, mlir::ValueRange init,
              llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value, mlir::ValueRange)> body);

  mlir::ModuleOp module;
  const int64_t reductionLanes;
  int64_t width_ = 1;
  int64_t active_ = 1;
  mlir::Operation* emitting = nullptr;
  int64_t longReduction = 0; // > 0 inside a reduction long enough to be worth lanes of its own
  mlir::Value mask;          // lanes that lie inside, null: all
  llvm::DenseMap<mlir::Value, MemoryView> views;
  llvm::DenseMap<mlir::Value, mlir::Value> elements;
  llvm::DenseMap<mlir::Operation*, llvm::SmallVector<mlir::Value>> statistics;
  llvm::DenseMap<mlir::Operation*, Segment> segments;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<Remembered, 2>> memo;
  llvm::DenseMap<mlir::Operation*, mlir::LLVM::GlobalOp> globals;
  std::string globalPrefix; // keeps the names of several emissions into one program apart
};

} // namespace sinter::codegen
