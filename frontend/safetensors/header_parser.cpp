// The JSON of a safetensors header, and nothing else that JSON can say.
#include "frontend/safetensors/header_parser.h"

#include "sinter/runtime/error.h"

#include "llvm/Support/ConvertUTF.h"

#include <charconv>

namespace sinter::safetensors {
namespace {

constexpr std::string_view kMetadata = "__metadata__";

struct Known {
  std::string_view name;
  DType dtype;
};

DType dtype_named(const std::string& name) {
  for (const Known& known : {Known{"F32", DType::f32},
                             {"F64", DType::f64},
                             {"I32", DType::i32},
                             {"I64", DType::i64},
                             {"BOOL", DType::boolean},
                             {"I8", DType::i8},
                             {"U8", DType::u8},
                             {"F16", DType::f16},
                             {"BF16", DType::bf16}})
    if (known.name == name)
      return known.dtype;
  throw Error("its elements are of type " + quoted(name) + ", which is not supported");
}

void append_utf8(std::string& to, uint32_t point) {
  char bytes[UNI_MAX_UTF8_BYTES_PER_CODE_POINT];
  char* end = bytes;
  llvm::ConvertCodePointToUTF8(point, end);
  to.append(bytes, end);
}

} // namespace

Header HeaderParser::parse() {
  Header header;
  read_object([&](std::string key) {
    if (key == kMetadata)
      read_metadata(header);
    else
      read_entry(header, std::move(key));
  });
  skip_space();
  if (at_ != text_.size())
    fail("there is more after its end");
  return header;
}

void HeaderParser::read_entry(Header& header, std::string name) {
  Entry entry;
  entry.name = std::move(name);
  int fields = 0;
  try {
    read_object([&](const std::string& key) {
      ++fields;
      read_field(entry, key);
    });
    if (fields != 3)
      throw Error("it lacks dtype, shape or data_offsets");
  } catch (const Error& error) {
    throw Error("tensor " + quoted(entry.name) + ": " + error.what());
  }
  header.tensors.push_back(std::move(entry));
}

void HeaderParser::read_field(Entry& entry, const std::string& key) {
  if (key == "dtype") {
    entry.dtype = dtype_named(read_string());
  } else if (key == "shape") {
    read_list([&] {
      const uint64_t extent = read_number();
      if (extent > INT64_MAX)
        throw Error("a dimension of " + std::to_string(extent) + " is not a size");
      if (entry.shape.rank() == kMaxRank)
        throw Error("it has more than " + std::to_string(kMaxRank) + " dimensions");
      entry.shape.push_back(static_cast<int64_t>(extent));
    });
  } else if (key == "data_offsets") {
    uint64_t offsets[2] = {}, count = 0;
    read_list([&] {
      const uint64_t offset = read_number();
      if (count < 2)
        offsets[count] = offset;
      ++count;
    });
    if (count != 2)
      throw Error("data_offsets has " + std::to_string(count) + " numbers instead of 2");
    if (offsets[1] < offsets[0])
      throw Error("its data ends at " + std::to_string(offsets[1]) + ", before it begins at " +
                  std::to_string(offsets[0]));
    entry.begin = offsets[0];
    entry.bytes = offsets[1] - offsets[0];
  } else {
    throw Error("it has the unknown entry " + quoted(key));
  }
}

void HeaderParser::read_metadata(Header& header) {
  read_object([&](std::string key) { header.metadata.emplace(std::move(key), read_string()); });
}

template <class Read>
void HeaderParser::read_object(Read&& read) {
  std::set<std::string> keys;
  expect('{');
  if (take('}'))
    return;
  do {
    std::string key = read_string();
    if (!keys.insert(key).second)
      fail("the key " + quoted(key) + " is there twice");
    expect(':');
    read(std::move(key));
  } while (take(','));
  expect('}');
}

template <class Read>
void HeaderParser::read_list(Read&& read) {
  expect('[');
  if (take(']'))
    return;
  do
    read();
  while (take(','));
  expect(']');
}

std::string HeaderParser::read_string() {
  expect('"');
  std::string result;
  while (true) {
    if (at_ == text_.size())
      fail("a string does not end");
    const char c = text_[at_++];
    if (c == '"')
      return result;
    if (static_cast<unsigned char>(c) < 0x20)
      fail("a string holds a control character");
    if (c == '\\')
      read_escape(result);
    else
      result += c;
  }
}

void HeaderParser::read_escape(std::string& to) {
  constexpr std::string_view kEscapes = "\"\\/bfnrt", kMeant = "\"\\/\b\f\n\r\t";
  const char c = at_ < text_.size() ? text_[at_++] : '\0';
  if (const auto found = kEscapes.find(c); c != '\0' && found != std::string_view::npos) {
    to += kMeant[found];
    return;
  }
  if (c != 'u')
    fail("a string has an unknown escape");
  uint32_t point = read_hex4();
  if (point >= 0xd800 && point < 0xdc00) { // the first half of a pair
    if (text_.substr(at_, 2) != "\\u")
      fail("a string has half of a surrogate pair");
    at_ += 2;
    const uint32_t second = read_hex4();
    if (second < 0xdc00 || second > 0xdfff)
      fail("a string has half of a surrogate pair");
    point = 0x10000 + ((point - 0xd800) << 10) + (second - 0xdc00);
  } else if (point >= 0xdc00 && point <= 0xdfff) {
    fail("a string has half of a surrogate pair");
  }
  append_utf8(to, point);
}

uint32_t HeaderParser::read_hex4() {
  const std::string_view digits = text_.substr(at_, 4);
  uint32_t value = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (digits.size() != 4 || code != std::errc() || end != digits.data() + 4)
    fail("a string has an unknown escape");
  at_ += 4;
  return value;
}

uint64_t HeaderParser::read_number() {
  skip_space();
  const char *first = text_.data() + at_, *last = text_.data() + text_.size();
  uint64_t value = 0;
  const auto [end, code] = std::from_chars(first, last, value);
  if (code == std::errc::result_out_of_range)
    fail("a number is too large");
  const bool zeros = end - first > 1 && *first == '0';
  const bool fraction = end != last && (*end == '.' || *end == 'e' || *end == 'E');
  if (code != std::errc() || zeros || fraction)
    fail("a number is no natural number");
  at_ += static_cast<std::size_t>(end - first);
  return value;
}

void HeaderParser::skip_space() {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r'))
    ++at_;
}

bool HeaderParser::take(char c) {
  skip_space();
  if (at_ == text_.size() || text_[at_] != c)
    return false;
  ++at_;
  return true;
}

void HeaderParser::expect(char c) {
  if (!take(c))
    fail(std::string("a '") + c + "' is missing");
}

void HeaderParser::fail(const std::string& what) const {
  throw Error("its header is not as it should be: " + what + " (byte " + std::to_string(at_) + ")");
}

} // namespace sinter::safetensors
