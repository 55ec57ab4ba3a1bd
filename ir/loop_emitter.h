// How operations emit themselves as loops: the interface between an operation's `emitElement` and a target's
// loop generator.
//
// Emission pulls: the generator walks the positions of a kernel's result and asks the last operation for the
// element there; the operation asks for the operand elements it needs, which are either loaded or emitted in
// place. A position may stand for several lanes, neighbours along one dimension; then elements are vectors.
#pragma once

#include "mlir/IR/Builders.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"

namespace sinter::ir {

/// Where the lanes of an element are along one dimension.
struct Coord {
  mlir::Value base;       ///< of type index: the position of lane 0
  int64_t laneStride = 0; ///< lane l is at base + l * laneStride
  mlir::Value
      perLane; ///< a vector of index, one per lane, for positions that depend on data; replaces the others
};

/// A position in a tensor's index space, one Coord per logical dimension. With lanes, usually one Coord has
/// stride 1.
using Point = llvm::SmallVector<Coord, 6>;

/// The type elements of a tensor of `element` have in emitted code, where integers carry no sign.
mlir::Type emittedType(mlir::Type element);

/// True for the integers that order and convert as unsigned: ui8 and bool. Only the tensor's element type
/// says so.
bool isUnsignedElement(mlir::Type element);

/// How a reduction folds its elements. The neutral element follows from it and the element type.
enum class Combine : uint8_t { add, mul, max, min };

/// The generator's side of emission, handed to `emitStatistics` and `emitElement`.
class LoopEmitter {
public:
  LoopEmitter(mlir::OpBuilder& builder, mlir::Location loc) : builder(builder), loc(loc) {}
  virtual ~LoopEmitter() = default;

  mlir::OpBuilder& builder;
  mlir::Location loc;

  /// How many lanes a Point stands for just now. Elements are scalars when it is 1, else vector<width x T>.
  /// Changes inside the callback of `reduce`.
  virtual int64_t width() const = 0;

  /// The element(s) of `tensor`, an operand of the operation being emitted, at `at`. Every lane must lie
  /// inside. If the tensor's shape has extent 1 where the result has more, the operation passes coordinate 0
  /// there itself (see `broadcast`).
  virtual mlir::Value element(mlir::Value tensor, const Point& at) = 0;

  /// As `element`, but lanes outside the tensor's shape (below 0 or past the end) yield `outside`, a scalar
  /// or vector of the element type.
  virtual mlir::Value elementOr(mlir::Value tensor, const Point& at, mlir::Value outside) = 0;

  /// Folds `element(p)` over all positions p that agree with `at` except on `axes`, where p runs over the
  /// extents of `shape`. Inside `element` width() may be 1 or more, and differ from outside; use `splat` for
  /// values made before. Returns a value for the lanes of `at`. Folding an empty range gives the neutral
  /// element. `elementType` is the tensor's, with its sign.
  virtual mlir::Value reduce(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> axes, const Point& at,
                             Combine how, mlir::Type elementType,
                             llvm::function_ref<mlir::Value(const Point&)> element) = 0;

  /// Emits nested loops over [0, extents[i]), unrolling small ones, that carry values. Lanes stay as they
  /// are.
  virtual llvm::SmallVector<mlir::Value>
  loop(llvm::ArrayRef<int64_t> extents, mlir::ValueRange init,
       llvm::function_ref<llvm::SmallVector<mlir::Value>(llvm::ArrayRef<mlir::Value> index,
                                                         mlir::ValueRange carried)>
           body) = 0;

  /// The sum, over all positions of `extents`, of the products of the two numbers of `type` that `factors`
  /// emits there. Null, unless the target has a way of its own: then the operation sums them up in a loop.
  virtual mlir::Value products(
      llvm::ArrayRef<int64_t> extents, mlir::Type type,
      llvm::function_ref<std::pair<mlir::Value, mlir::Value>(llvm::ArrayRef<mlir::Value> index)> factors) {
    (void)extents, (void)type, (void)factors;
    return {};
  }

  // Small arithmetic, written once here.

  /// `at` brought to the shape of an operand that broadcasts NumPy-style to the result: leading dimensions
  /// dropped, coordinate 0 where the operand's extent is 1.
  Point broadcast(const Point& at, llvm::ArrayRef<int64_t> operandShape);
  mlir::Value index(int64_t value);
  Coord at(int64_t value) { return {index(value), 0, {}}; }
  Coord at(mlir::Value scalarIndex) { return {scalarIndex, 0, {}}; }
  /// coord * factor + offset, lane by lane.
  Coord affine(const Coord& coord, int64_t factor, int64_t offset);
  Coord add(const Coord& a, const Coord& b);
  /// The lanes of `coord` as vector<width x index>, or the scalar when width() is 1.
  mlir::Value lanes(const Coord& coord);
  /// The other way round: positions as `lanes` gives them.
  Coord fromLanes(mlir::Value lanes);
  /// A scalar repeated to width() lanes; vectors are returned as they are.
  mlir::Value splat(mlir::Value scalar);
  /// A constant for tensors of `elementType` (float or integer) at width() lanes.
  mlir::Value constant(double value, mlir::Type elementType);
  /// The neutral element of `how` for elements of tensors of `elementType`, at width() lanes.
  mlir::Value neutral(Combine how, mlir::Type elementType);
  /// Two elements of tensors of `elementType` folded.
  mlir::Value combine(Combine how, mlir::Type elementType, mlir::Value a, mlir::Value b);
};

} // namespace sinter::ir
