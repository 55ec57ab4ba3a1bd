// A file's digest: BLAKE3 of the digests of its pieces, so that threads share the work.
#include "frontend/data/file_identity.h"

#include "frontend/data/byte_source.h"
#include "sinter/runtime/thread_pool.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/BLAKE3.h"

#include <algorithm>
#include <vector>

namespace sinter::data {
namespace {

constexpr uint64_t kPieceBytes = 1 << 20;
constexpr uint64_t kReadBytes = 64 << 10; // stays in the nearest caches between reading and digesting

using Piece = llvm::BLAKE3Result<>;

Piece digest_piece(const ByteSource& source, uint64_t begin, uint64_t end, std::vector<uint8_t>& buffer) {
  llvm::BLAKE3 digest;
  buffer.resize(kReadBytes);
  for (uint64_t at = begin; at < end; at += kReadBytes) {
    const uint64_t bytes = std::min(kReadBytes, end - at);
    source.read_again(buffer.data(), bytes, at);
    digest.update(llvm::ArrayRef(buffer.data(), bytes));
  }
  return digest.final();
}

std::string digest_of(const ByteSource& source) {
  std::vector<Piece> pieces((source.size() + kPieceBytes - 1) / kPieceBytes);
  rt::current_thread_pool().try_parallel_for(
      static_cast<int64_t>(pieces.size()), 1, [&](int64_t begin, int64_t end, int) {
        std::vector<uint8_t> buffer;
        for (auto i = static_cast<uint64_t>(begin); i < static_cast<uint64_t>(end); ++i)
          pieces[i] =
              digest_piece(source, i * kPieceBytes, std::min((i + 1) * kPieceBytes, source.size()), buffer);
      });
  llvm::BLAKE3 whole;
  for (const Piece& piece : pieces)
    whole.update(piece);
  return "file of " + std::to_string(source.size()) + " bytes, " +
         llvm::toHex(whole.final(), /*LowerCase=*/true);
}

} // namespace

const std::string& FileIdentity::text() const {
  std::call_once(once_, [this] { text_ = digest_of(*source_); });
  return text_;
}

} // namespace sinter::data
