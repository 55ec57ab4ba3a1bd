// The JSON of a safetensors header, and nothing else that JSON can say.
#pragma once

#include "frontend/safetensors/header.h"

#include <set>
#include <string_view>

namespace sinter::safetensors {

/// Reads {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ..., "__metadata__": {"key":
/// "value", ...}}. What may be nested in what is known, so that nothing in the text makes it go deep.
class HeaderParser {
public:
  /// `text` is well-formed UTF-8.
  explicit HeaderParser(std::string_view text) : text_(text) {}

  /// Tensors as they come. Throws Error.
  Header parse();

private:
  void read_entry(Header& header, std::string name);
  void read_field(Entry& entry, const std::string& key);
  void read_metadata(Header& header);
  /// Calls `read` with every key of an object, which must be different ones.
  template <class Read>
  void read_object(Read&& read);
  /// Calls `read` for every element of a list.
  template <class Read>
  void read_list(Read&& read);
  std::string read_string();
  void read_escape(std::string& to);
  uint32_t read_hex4();
  uint64_t read_number();

  void skip_space();
  bool take(char c);
  void expect(char c);
  [[noreturn]] void fail(const std::string& what) const;

  std::string_view text_;
  std::size_t at_ = 0;
};

} // namespace sinter::safetensors
