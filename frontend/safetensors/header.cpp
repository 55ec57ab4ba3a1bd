// The header of a safetensors file: what lies where.
#include "frontend/safetensors/header.h"

#include "frontend/data/byte_source.h"
#include "frontend/safetensors/header_parser.h"
#include "sinter/runtime/error.h"

#include "llvm/Support/ConvertUTF.h"

#include <algorithm>
#include <tuple>

namespace sinter::safetensors {
namespace {

constexpr uint64_t kLengthBytes = 8;

bool is_utf8(std::string_view text) {
  const auto* first = reinterpret_cast<const llvm::UTF8*>(text.data());
  return llvm::isLegalUTF8String(&first, first + text.size());
}

uint64_t read_length(data::ByteSource& source) {
  uint64_t length = 0;
  for (int i = 0; i < 8; ++i)
    length |= static_cast<uint64_t>(source.read_byte()) << (8 * i);
  return length;
}

std::string read_text(data::ByteSource& source) {
  if (source.size() < kLengthBytes)
    throw Error("it is no safetensors file: it has only " + std::to_string(source.size()) + " bytes");
  const uint64_t length = read_length(source);
  if (length > kMaxHeaderBytes)
    throw Error("it is no safetensors file: its header would have " + std::to_string(length) +
                " bytes; at most " + std::to_string(kMaxHeaderBytes) + " are allowed");
  if (length > source.size() - kLengthBytes)
    throw Error("it is truncated: its header has " + std::to_string(length) + " bytes, " +
                std::to_string(source.size() - kLengthBytes) + " are there");
  std::string text(length, '\0');
  source.read(text.data(), length);
  if (text.empty() || text[0] != '{')
    throw Error("it is no safetensors file: its header does not begin with '{'");
  if (!is_utf8(text))
    throw Error("its header is not well-formed UTF-8");
  return text;
}

// The tensors lie one behind the other, and fill the file.
void check_places(const std::vector<Entry>& tensors, uint64_t data_bytes) {
  uint64_t at = 0;
  for (const Entry& entry : tensors) {
    const auto fail = [&](const std::string& what) {
      throw Error("tensor " + quoted(entry.name) + ": " + what);
    };
    if (entry.begin > data_bytes || entry.bytes > data_bytes - entry.begin)
      fail("it is truncated: its data lies at " + std::to_string(entry.begin) + " to " +
           std::to_string(entry.begin + entry.bytes) + ", " + std::to_string(data_bytes) +
           " bytes are there");
    uint64_t needed = 0;
    try {
      needed = static_cast<uint64_t>(checked_bytes(entry.shape.dims(), size_of(entry.dtype)));
    } catch (const Error& error) {
      fail(error.what());
    }
    if (needed != entry.bytes)
      fail(std::string(name_of(entry.dtype)) + to_string(entry.shape) + " takes " + std::to_string(needed) +
           " bytes, but its data has " + std::to_string(entry.bytes));
    if (entry.begin != at)
      fail("its data begins at " + std::to_string(entry.begin) + ", but what comes before it ends at " +
           std::to_string(at));
    at += entry.bytes;
  }
  if (at != data_bytes)
    throw Error("it goes on after its " + std::to_string(at) + " bytes of data");
}

std::string_view safetensors_name(DType dtype) {
  switch (dtype) {
  case DType::f32:
    return "F32";
  case DType::f64:
    return "F64";
  case DType::i32:
    return "I32";
  case DType::i64:
    return "I64";
  case DType::boolean:
    return "BOOL";
  case DType::i8:
    return "I8";
  case DType::u8:
    return "U8";
  case DType::f16:
    return "F16";
  case DType::bf16:
    return "BF16";
  }
  throw_unsupported_dtype(dtype, "save_safetensors");
}

void append_string(std::string& to, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  if (!is_utf8(text))
    throw Error(quoted(text) + " is not well-formed UTF-8");
  to += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\')
      (to += '\\') += c;
    else if (c == '\n')
      to += "\\n";
    else if (static_cast<unsigned char>(c) < 0x20)
      ((to += "\\u00") += kHex[c >> 4]) += kHex[c & 15];
    else
      to += c;
  }
  to += '"';
}

void append_entry(std::string& to, const Entry& entry) {
  append_string(to, entry.name);
  ((to += ":{\"dtype\":\"") += safetensors_name(entry.dtype)) += "\",\"shape\":[";
  for (int i = 0; i < entry.shape.rank(); ++i)
    (to += i > 0 ? "," : "") += std::to_string(entry.shape[i]);
  (to += "],\"data_offsets\":[") += std::to_string(entry.begin);
  ((to += ',') += std::to_string(entry.begin + entry.bytes)) += "]}";
}

} // namespace

Header read_header(data::ByteSource& source) {
  const std::string text = read_text(source);
  Header header = HeaderParser(text).parse();
  header.data_begin = kLengthBytes + text.size();
  // Those without elements before what begins where they do.
  std::sort(header.tensors.begin(), header.tensors.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.begin, a.bytes, a.name) < std::tie(b.begin, b.bytes, b.name);
  });
  check_places(header.tensors, source.size() - header.data_begin);
  return header;
}

bool looks_like_safetensors(data::ByteSource& source) {
  if (source.size() < kLengthBytes + 2)
    return false;
  source.seek(0);
  const uint64_t length = read_length(source);
  const bool opens = source.read_byte() == '{';
  source.seek(0);
  return opens && length >= 2 && length <= kMaxHeaderBytes;
}

std::string header_bytes(const std::vector<Entry>& tensors,
                         const std::map<std::string, std::string>& metadata) {
  std::string text = "{";
  const auto separate = [&] { text += text.size() > 1 ? "," : ""; };
  if (!metadata.empty()) {
    text += "\"__metadata__\":{";
    for (const auto& [key, value] : metadata) {
      text += text.back() == '{' ? "" : ",";
      append_string(text, key);
      text += ':';
      append_string(text, value);
    }
    text += '}';
  }
  for (const Entry& entry : tensors) {
    if (entry.name == "__metadata__")
      throw Error("a tensor cannot have the name '__metadata__', which the format uses itself");
    separate();
    append_entry(text, entry);
  }
  text += '}';
  text.resize((text.size() + 7) / 8 * 8, ' '); // so that the data is aligned
  if (text.size() > kMaxHeaderBytes)
    throw Error("its header would have " + std::to_string(text.size()) + " bytes; at most " +
                std::to_string(kMaxHeaderBytes) + " are allowed");
  std::string bytes;
  for (uint64_t i = 0, length = text.size(); i < 8; ++i)
    bytes += static_cast<char>(length >> (8 * i));
  return bytes + text;
}

std::string quoted(std::string_view name) {
  constexpr std::size_t kMost = 80;
  const bool cut = name.size() > kMost;
  while (cut && name.size() > kMost - 3)
    name.remove_suffix(1);
  std::string text = "'" + std::string(name) + (cut ? "..." : "") + "'";
  std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c < 32 || c == 127; }, ' ');
  return text;
}

} // namespace sinter::safetensors
