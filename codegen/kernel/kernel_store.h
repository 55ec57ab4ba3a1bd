// Compiled kernels on disk, for later processes; and what else is made by the same build.
#pragma once

#include "sinter/runtime/disk_cache.h"

#include "llvm/ADT/STLFunctionalExtras.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sinter::codegen {

/// All that a process needs to have a kernel without compiling it.
struct StoredKernel {
  std::string_view symbol;    ///< of the function in `object`
  std::string_view algorithm; ///< for people
  std::string_view target;    ///< for people
  int64_t tasks = 1;
  int64_t grain = 1;
  uint64_t scratchBytes = 0;
  uint32_t untried = 0;    ///< other ways to compute it that are worth measuring, and were not
  std::string_view object; ///< a relocatable ELF object
};

/// `kernel` as bytes. The object begins at a multiple of 16 bytes.
std::string pack(const StoredKernel& kernel);

/// The kernel that `bytes` are, with views into them; nothing for other bytes.
std::optional<StoredKernel> unpack(std::string_view bytes);

/// The process's cache on disk: compiled kernels, and weights as kernels read them.
class KernelStore {
public:
  /// As the environment says when it is first called. Throws Error for settings that cannot be understood.
  static KernelStore& instance();
  /// The same, or null if kernels are not kept.
  static KernelStore* ifOn();

  /// `identity` tells one build of the code generator from all others.
  KernelStore(const rt::DiskCacheSettings& settings, std::string identity);

  /// Why kernels are not kept, in one line; empty if they are.
  std::string off() const;

  /// Where a kernel is kept that was compiled from `key`, the text of all that its code depends on.
  rt::Digest digestOf(std::string_view key) const { return digestOf("kernel", key); }
  /// Where the elements of a constant are kept, told from all others by `identity`.
  rt::Digest digestOfConstant(std::string_view identity) const { return digestOf("constant", identity); }

  /// Hands the kernel kept there to `link`. False if there is none, or if `link` throws Error: it is whole,
  /// but this process cannot have it, and it is removed.
  bool load(const rt::Digest& digest, llvm::function_ref<void(const StoredKernel&)> link) const;

  /// What is kept there; use it if off() is empty.
  rt::DiskCache& cache() { return cache_; }

private:
  rt::Digest digestOf(std::string_view kind, std::string_view key) const;

  std::string off_;
  std::string identity_;
  rt::DiskCache cache_;
};

} // namespace sinter::codegen
