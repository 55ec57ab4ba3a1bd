// Large constants that are made when they are asked for.
#pragma once

#include "ir/dialect.h"

#include "mlir/IR/BuiltinAttributes.h"

#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace sinter::ir {

/// An assumption about weights does not hold; see ConstantDeferral::assumesFinite.
class WeightsNotFinite : public std::exception {
public:
  const char* what() const noexcept override { return "weights that were taken for finite are not"; }
};

/// While one exists for a context, its large constants may be promises: attributes without elements, which
/// readElements makes from a file or by evaluating an operation. Passes that rewrite weights then take
/// neither time nor memory; each weight is computed once, when the finished program asks for it, from the
/// file to its final layout. Without a deferral every constant has its elements.
///
/// Must end before its context does; afterwards the promises cannot be read. For one thread at a time.
class ConstantDeferral {
public:
  using Make = std::function<std::shared_ptr<Storage>()>;
  /// What tells the elements of a promise from all others, whatever process asks. May be used when the
  /// deferral and its context are gone.
  struct Identity {
    /// The operations, and with them a text for each source, which it may take long to find: a digest.
    std::string recipe; ///< empty: nothing is known
    std::vector<std::function<std::string()>> sources;

    /// All of it; empty if nothing is known. Throws what sources throw.
    std::string text() const;
  };

  explicit ConstantDeferral(mlir::MLIRContext& context);
  ~ConstantDeferral();
  ConstantDeferral(const ConstantDeferral&) = delete;
  ConstantDeferral& operator=(const ConstantDeferral&) = delete;

  /// The deferral of `context`; null if there is none.
  static ConstantDeferral* of(mlir::MLIRContext* context);

  /// A promise of the elements that `make` returns, dense in the physical order of `type`. `make` may be
  /// called several times, and may throw Error.
  mlir::ElementsAttr promise(mlir::RankedTensorType type, Make make, Identity identity = {});
  /// A promise of the result of `op`, whose operands are constants. `op` may be erased. Null if too much
  /// hangs on it: a promise is kept anew for everybody who asks, and so are those it needs.
  mlir::ElementsAttr promiseResult(mlir::Operation* op);

  /// What `attribute` promises; null if it is no promise.
  const Make* find(mlir::DenseResourceElementsAttr attribute) const;
  Identity identityOf(mlir::DenseResourceElementsAttr attribute) const;

  /// Whether passes may take for granted that weights stay finite when they are scaled or transformed,
  /// instead of reading all of them to decide. Then whoever has the finished program looks at what hangs on
  /// that, and throws WeightsNotFinite if it was wrong: the program must be made again without.
  bool assumesFinite = false;
  /// Set where somebody finds out earlier that it is wrong.
  bool contradicted = false;
  /// Notes that what is made of a promise is taken for finite.
  void relyOn(mlir::DenseResourceElementsAttr attribute);
  /// True if `attribute` promises something that was made of what relyOn was told.
  bool isReliedOn(mlir::DenseResourceElementsAttr attribute) const;

private:
  class Evaluation;
  struct Promise {
    Make make;
    std::function<Identity()> identity;
    int64_t steps = 1;   ///< promises that are kept for it, itself included
    bool relied = false; ///< it, or what it is made of, has been relied on
  };

  mlir::ElementsAttr promise(mlir::RankedTensorType type, Promise promise);
  const Promise* promiseOf(mlir::DenseResourceElementsAttr attribute) const;

  mlir::MLIRContext& context_;
  std::map<const void*, Promise> promises_; ///< by the address that stands for the elements
};

} // namespace sinter::ir
