// Plain data that points at itself and at symbols, on its way into an object file.
#pragma once

#include "llvm/IR/Module.h"

#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

namespace sinter::codegen::aot {

/// Bytes as they will lie in memory, and the addresses among them. The structures that are put in must be
/// laid out alike on this machine and the target's: plain data of 64-bit little-endian ABIs.
class Image {
public:
  /// Where something lies.
  using Place = uint64_t;

  /// Puts `count` items there, one after the other; the place of the first.
  template <class T>
  Place add(const T* items, size_t count = 1) {
    // No padding: what lies in it would differ from run to run.
    static_assert(std::is_trivially_copyable_v<T> && std::has_unique_object_representations_v<T>);
    return addBytes(items, count * sizeof(T), alignof(T));
  }
  template <class T>
  Place add(const std::vector<T>& items) {
    return add(items.data(), items.size());
  }
  /// With its terminator. Equal texts are one.
  Place addText(const std::string& text);

  /// Makes the pointer that lies at `from` the address of `to`.
  void point(Place from, Place to) { links_.push_back({from, to, {}}); }
  /// ... of a symbol.
  void point(Place from, const std::string& symbol) { links_.push_back({from, 0, symbol}); }

  /// The whole as a constant of `module`, aligned to 64 bytes.
  llvm::GlobalVariable* emit(llvm::Module& module, llvm::StringRef name) const;

private:
  struct Link {
    Place from;
    Place to;
    std::string symbol; ///< instead of `to`, if not empty
  };

  Place addBytes(const void* bytes, size_t count, size_t alignment);

  std::vector<char> bytes_;
  std::vector<Link> links_;
  std::vector<std::pair<std::string, Place>> texts_;
};

} // namespace sinter::codegen::aot
