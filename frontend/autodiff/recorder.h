// Where functions are recorded, and the programs made of those seen before.
#pragma once

#include "sinter/device.h"
#include "sinter/runtime/executable.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <cstdint>
#include <list>
#include <memory>
#include <string>

namespace sinter::autodiff {

/// What is computed of a recorded function. Its results are values that are wanted, then the outputs to be
/// differentiated, then the seeds: cotangents of the outputs, or tangents of the variables. A program without
/// derivatives does not take the seeds that are arguments of the function, its last ones.
struct Derivation {
  enum class Mode : uint8_t {
    none,     ///< the values only
    reverse,  ///< the values, and the cotangents of the variables
    pullback, ///< the cotangents of the variables only
    forward,  ///< the values, and the tangents of the outputs
  };
  Mode mode = Mode::none;
  unsigned values = 0;
  unsigned outputs = 0;
  unsigned variables = 0;        ///< the first arguments of the function
  int64_t memory_limit = 0;      ///< CompileOptions::memory_limit of the program
  Device device = {};            ///< where it runs
  std::string precision = "f32"; ///< CompileOptions::precision

  bool operator==(const Derivation&) const = default;
};

/// An MLIR context in which functions are recorded again and again, and the programs compiled of them. A
/// recorded function that equals an earlier one in all but source locations finds its program. Used by one
/// thread at a time.
class Recorder {
public:
  /// A recorder of one's own, given back to the pool of those that wait when the lease ends: the same one is
  /// used again and again where calls do not overlap.
  class Lease {
  public:
    Lease();
    ~Lease();
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    Recorder* operator->() const { return recorder_.get(); }

  private:
    std::unique_ptr<Recorder> recorder_;
  };

  Recorder();
  ~Recorder();

  mlir::MLIRContext& context() { return *context_; }
  /// How many programs all recorders have compiled.
  static int64_t compilations();

  /// The program that computes `derivation` of @main of `recorded`. `name`: what is logged when functions
  /// recorded at one place keep differing. Throws Error.
  std::shared_ptr<const rt::Executable> program(mlir::OwningOpRef<mlir::ModuleOp> recorded,
                                                const Derivation& derivation, const std::string& name);

private:
  struct Entry {
    uint64_t hash;
    Derivation derivation;
    mlir::OwningOpRef<mlir::ModuleOp> recorded;
    std::shared_ptr<const rt::Executable> program;
  };

  const std::unique_ptr<mlir::MLIRContext> context_;
  std::list<Entry> entries_; // the one used last first
  int64_t recordings_ = 0;
};

} // namespace sinter::autodiff
