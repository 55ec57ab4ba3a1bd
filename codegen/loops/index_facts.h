// What is known of index values while loops are generated: their range, and a number they are multiples of.
#pragma once

#include "mlir/IR/Value.h"
#include "llvm/ADT/DenseMap.h"

#include <cstdint>
#include <optional>

namespace sinter::codegen {

struct IndexFact {
  static constexpr int64_t kFar = int64_t{1} << 60;
  int64_t low = -kFar;
  int64_t high = kFar;
  int64_t multiple = 1; ///< 0: a multiple of everything, that is, zero

  static IndexFact constant(int64_t value) { return {value, value, value < 0 ? -value : value}; }
  bool isMultipleOf(int64_t n) const { return multiple % n == 0; }
};

/// Facts are set for loop variables and follow for what is computed from them.
class IndexFacts {
public:
  void set(mlir::Value value, IndexFact fact) { known_[value] = fact; }
  IndexFact of(mlir::Value value);

private:
  IndexFact derive(mlir::Value value);

  llvm::DenseMap<mlir::Value, IndexFact> known_;
};

/// The number `value` always is, if it is a constant.
std::optional<int64_t> constantIndex(mlir::Value value);

/// True if both are the same number by construction: the same value, or the same arithmetic on the same
/// values.
bool sameIndex(mlir::Value a, mlir::Value b, int depth = 4);

} // namespace sinter::codegen
