// The programs compiled for the signatures seen last.
#pragma once

#include "sinter/runtime/executable.h"
#include "sinter/tensor.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

namespace sinter::trace {

/// Programs by the element types and shapes of their inputs, and where they run; the least recently used goes
/// first. May be used
/// from several threads: nobody waits for a compilation but those who want its program.
class ProgramCache {
public:
  using Program = std::shared_ptr<const rt::Executable>;

  /// Keeps up to `capacity` programs; with 0 none, so that every request compiles.
  explicit ProgramCache(std::size_t capacity) : capacity_(capacity) {}

  /// The program kept for such inputs, or null.
  Program find(std::span<const Tensor> inputs, Device device);

  /// The program kept for such inputs, or what `compile` makes. Threads that want the same program at the
  /// same time compile it once; what `compile` throws goes to the thread that ran it, and the others try
  /// themselves. Null if it is the calling thread that is just compiling that program.
  Program get(std::span<const Tensor> inputs, Device device, llvm::function_ref<Program()> compile);

  /// How many programs were made.
  int64_t compilations() const;

private:
  struct Argument {
    DType dtype;
    Shape shape;
  };
  struct Signature {
    Device device;
    llvm::SmallVector<Argument, 4> arguments;
  };

  struct Kept {
    Signature signature;
    Program program;
    uint64_t last_use = 0;
  };
  struct Compilation {
    Signature signature;
    std::thread::id thread;
    bool ended = false;
    Program program; // null: it failed
  };

  static Signature signature_of(std::span<const Tensor> inputs, Device device);
  static bool matches(const Signature& signature, std::span<const Tensor> inputs, Device device);
  Program find_locked(std::span<const Tensor> inputs, Device device);
  std::shared_ptr<Compilation> under_way(std::span<const Tensor> inputs, Device device) const;
  /// Returns what had to go.
  Program keep(Signature signature, Program program);
  void end(const std::shared_ptr<Compilation>& compilation, Program program);

  const std::size_t capacity_;
  mutable std::mutex mutex_; // of all that follows; held for moments only
  std::condition_variable ended_;
  std::vector<Kept> kept_;
  std::vector<std::shared_ptr<Compilation>> compilations_under_way_;
  uint64_t clock_ = 0;
  int64_t compilations_ = 0;
};

} // namespace sinter::trace
