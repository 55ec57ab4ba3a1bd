// The header of a safetensors file: what lies where.
#pragma once

#include "sinter/runtime/dtype.h"
#include "sinter/runtime/shape.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sinter::data {
class ByteSource;
}

namespace sinter::safetensors {

/// The longest header, the 8 bytes of its length not counted: as the format's own library has it.
inline constexpr uint64_t kMaxHeaderBytes = 100'000'000;

/// A tensor in a file.
struct Entry {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  uint64_t begin = 0; ///< from the start of what follows the header
  uint64_t bytes = 0;
};

struct Header {
  std::vector<Entry> tensors; ///< in the order in which they lie in the file
  std::map<std::string, std::string> metadata;
  uint64_t data_begin = 0; ///< from the start of the file
};

/// Reads and checks the header of a file: the tensors fill it without gaps, and all of it is what it should
/// be. Throws Error that does not name the file.
Header read_header(data::ByteSource& source);

/// True if the file begins as a safetensors file does; looks at its first bytes only.
bool looks_like_safetensors(data::ByteSource& source);

/// The bytes before the data, a multiple of 8: length, and tensors and metadata as JSON. Throws Error for
/// names and texts that cannot be in one.
std::string header_bytes(const std::vector<Entry>& tensors,
                         const std::map<std::string, std::string>& metadata);

/// `name` in quotes for a message: of one line, and not too long.
std::string quoted(std::string_view name);

} // namespace sinter::safetensors
