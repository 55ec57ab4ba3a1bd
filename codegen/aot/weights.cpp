// The weights of all programs of a library.
#include "codegen/aot/weights.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>

namespace sinter::codegen::aot {
namespace {

constexpr uint64_t kAlignment = 64;

std::string_view textOf(const Storage& storage) {
  return {reinterpret_cast<const char*>(storage.data()), storage.bytes()};
}

void writeZeros(std::ostream& stream, uint64_t count) {
  static constexpr std::array<char, kAlignment> kZeros{};
  for (; count > 0; count -= std::min(count, kAlignment))
    stream.write(kZeros.data(), static_cast<std::streamsize>(std::min(count, kAlignment)));
}

} // namespace

uint64_t PackedWeights::place(const std::shared_ptr<Storage>& storage) {
  const uint64_t checksum = rt::checksum(textOf(*storage));
  const auto [first, last] = byChecksum_.equal_range(checksum);
  for (auto known = first; known != last; ++known)
    if (textOf(*pieces_[known->second].storage) == textOf(*storage))
      return pieces_[known->second].offset;
  const uint64_t offset = (bytes_ + kAlignment - 1) / kAlignment * kAlignment;
  byChecksum_.emplace(checksum, pieces_.size());
  pieces_.push_back({storage, offset});
  bytes_ = offset + storage->bytes();
  return offset;
}

rt::Digest PackedWeights::digest() const {
  // Of the pieces' digests: SHA-256 of all in one go would need them in one place.
  std::string digests;
  for (const Piece& piece : pieces_) {
    const rt::Digest digest = rt::sha256(textOf(*piece.storage));
    digests.append(reinterpret_cast<const char*>(digest.data()), digest.size());
    digests += std::to_string(piece.offset) + ";";
  }
  return rt::sha256(digests);
}

void PackedWeights::write(std::ostream& stream) const {
  uint64_t done = 0;
  for (const Piece& piece : pieces_) {
    writeZeros(stream, piece.offset - done);
    const std::string_view text = textOf(*piece.storage);
    stream.write(text.data(), static_cast<std::streamsize>(text.size()));
    done = piece.offset + text.size();
  }
  writeZeros(stream, bytes_ + kSlack - done);
}

} // namespace sinter::codegen::aot
