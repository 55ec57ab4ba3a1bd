// A random program of the sinter dialect and the tensors it runs on.
#pragma once

#include "ir/ops.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <random>
#include <span>
#include <string>
#include <vector>

namespace sinter::differential {

using Dims = llvm::SmallVector<int64_t>;

/// What numbers a tensor holds. Integers are drawn from the whole numbers in between.
struct Range {
  double low = -2;
  double high = 2;
  bool nans = false; ///< now and then a NaN or an infinity
};
inline constexpr Range kPositive{0.25, 2, false};

/// Element types an operand may have.
enum class Elements : uint8_t { floating, number, any, boolean, index };

/// What programs are made for.
enum class Purpose : uint8_t {
  values,      ///< element types as they come
  derivatives, ///< f64 wherever numbers may be of floats, no constants among them, more empty tensors
};

/// Builds @main of a module operation by operation, inventing operands as they are needed.
class Case {
public:
  Case(mlir::MLIRContext& context, uint64_t seed, Purpose purpose = Purpose::values);

  // Randomness.
  int64_t integer(int64_t low, int64_t high); ///< both ends included
  double real(double low, double high);
  bool chance(double probability);
  template <class T>
  T choose(std::initializer_list<T> items) {
    return items.begin()[integer(0, static_cast<int64_t>(items.size()) - 1)];
  }
  mlir::Type elementType(Elements elements);
  /// Odd sizes, seldom 0, not too many elements in all.
  Dims shape(int64_t minRank, int64_t maxRank, bool mayBeEmpty = true);

  // Operands.
  /// The last result if it fits (so that operations form a chain), else a new tensor. Values that do not lie
  /// in `range` are not looked for: operations that care must come first in a chain.
  mlir::Value data(Elements elements, int64_t minRank, int64_t maxRank, Range range = {},
                   bool mayBeEmpty = true);
  /// As above, for operations that need this very element type and shape.
  mlir::Value dataOf(llvm::ArrayRef<int64_t> shape, mlir::Type element, Range range = {});
  /// A new tensor: an argument of the program, or a constant.
  mlir::Value tensor(llvm::ArrayRef<int64_t> shape, mlir::Type element, Range range = {},
                     double constantChance = 0.3);
  /// A tensor of `value`'s element type that broadcasts with it: of the same shape, with fewer dimensions,
  /// with ones.
  mlir::Value broadcastWith(mlir::Value value, Range range = {}, bool onlyToValue = false);
  /// The last result when it has this type (a residual connection), else null.
  mlir::Value earlier(mlir::RankedTensorType type);

  mlir::OpBuilder& builder() { return builder_; }
  mlir::Location location() { return builder_.getUnknownLoc(); }
  mlir::DenseI64ArrayAttr array(llvm::ArrayRef<int64_t> values) {
    return builder_.getDenseI64ArrayAttr(values);
  }

  /// `value` becomes what `data` hands out next. Null: the next operation starts afresh.
  void setCurrent(mlir::Value value);
  /// Ends @main with every result nobody uses, sometimes others too.
  void finish();

  mlir::ModuleOp module() { return *module_; }
  /// The arguments of @main, dense.
  std::vector<View> inputs() const;
  uint64_t seed() const { return seed_; }
  Purpose purpose() const { return purpose_; }

private:
  struct Data {
    std::shared_ptr<Storage> storage;
    View view;
  };
  Data fill(llvm::ArrayRef<int64_t> shape, mlir::Type element, Range range);

  uint64_t seed_;
  Purpose purpose_;
  std::mt19937_64 engine_;
  mlir::OpBuilder builder_;
  mlir::OwningOpRef<mlir::ModuleOp> module_;
  mlir::func::FuncOp main_;
  mlir::Value current_;
  std::vector<mlir::Value> made_;
  std::vector<Data> arguments_;
};

/// How an operation is made: with random operands and attributes, from a Case.
struct Maker {
  mlir::Value (*make)(Case&);
  /// A small change of the operands makes a small change of the result, and results stay moderate: may stand
  /// anywhere in a chain, not only where operands are exact.
  bool smooth = true;
  /// What networks are made of: more frequent in chains, so that they meet each other.
  bool common = false;
};

/// The maker of the operation called `name` ("sinter.add"), or null.
const Maker* findMaker(llvm::StringRef name);

/// Window attributes.
struct Window {
  Dims kernel, strides, dilations, padBegin, padEnd;
};

/// Such that at least one position is left for an input of the extents `spatial`.
Window window(Case& c, llvm::ArrayRef<int64_t> spatial, bool padBelowKernel);

/// A program of concatenations and what networks have between them.
void growConcats(Case& c);

namespace detail {
using Table = llvm::StringMap<Maker>;
void addElementwise(Table& table);
void addStructured(Table& table);
void addWindows(Table& table);
void addMovement(Table& table);
void addControl(Table& table);
} // namespace detail

} // namespace sinter::differential
