// The weights of all programs of a library, side by side, each once.
#pragma once

#include "sinter/runtime/digest.h"
#include "sinter/runtime/storage.h"

#include <cstdint>
#include <map>
#include <memory>
#include <ostream>
#include <vector>

namespace sinter::codegen::aot {

class PackedWeights {
public:
  /// Vector code may read this far behind the last byte.
  static constexpr uint64_t kSlack = 64;

  /// Where the bytes of `storage` lie; 64-byte aligned.
  uint64_t place(const std::shared_ptr<Storage>& storage);

  /// Of all, without the slack.
  uint64_t bytes() const { return bytes_; }
  rt::Digest digest() const;
  /// All, in order, and zeros for the slack.
  void write(std::ostream& stream) const;

private:
  struct Piece {
    std::shared_ptr<Storage> storage;
    uint64_t offset = 0;
  };

  std::vector<Piece> pieces_;
  std::multimap<uint64_t, size_t> byChecksum_;
  uint64_t bytes_ = 0;
};

} // namespace sinter::codegen::aot
