// Arithmetic on positions during loop emission, beyond what LoopEmitter has.
#pragma once

#include "ir/loop_emitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace sinter::ir {

/// Positions as values: a scalar where all lanes agree (it costs no vector registers and keeps loads
/// contiguous), else a vector of index.
class IndexMath {
public:
  explicit IndexMath(LoopEmitter& emitter) : e(emitter) {}

  mlir::Value of(const Coord& coord);
  Coord coord(mlir::Value value) { return e.fromLanes(value); }

  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  /// For values >= 0 and n >= 1.
  mlir::Value div(mlir::Value value, int64_t n);
  mlir::Value rem(mlir::Value value, int64_t n);
  mlir::Value max(mlir::Value value, int64_t n);
  mlir::Value min(mlir::Value value, int64_t n);
  mlir::Value compare(mlir::arith::CmpIPredicate predicate, mlir::Value a, mlir::Value b);
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value b);
  /// `n` as a scalar or vector as `like` is.
  mlir::Value number(int64_t n, mlir::Value like);
  /// A floating-point number of the element type of `like`.
  mlir::Value real(double n, mlir::Value like);
  /// Positions below 2^31 (`wide`: below 2^63) as numbers of a floating type.
  mlir::Value toFloat(mlir::Value value, mlir::Type element, bool wide);
  /// The other way round; truncates.
  mlir::Value toIndex(mlir::Value value, bool wide);

  Coord divided(const Coord& value, int64_t n) { return coord(div(of(value), n)); }

private:
  void match(mlir::Value& a, mlir::Value& b);

  LoopEmitter& e;
};

} // namespace sinter::ir
