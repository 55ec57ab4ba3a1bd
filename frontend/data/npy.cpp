// NumPy's .npy files.
#include "sinter/data/npy.h"

#include "frontend/data/byte_source.h"
#include "frontend/data/npy_writer.h"

#include <charconv>
#include <cstring>
#include <string_view>

namespace sinter {
namespace {

constexpr char kMagic[] = "\x93NUMPY";
constexpr std::size_t kMagicBytes = 6;
// NumPy itself refuses longer headers of untrusted files.
constexpr uint64_t kMaxHeaderBytes = 64 * 1024;

struct Header {
  std::string descr;
  bool fortran_order = false;
  Shape shape;
};

// Reads the Python dictionary that is the header: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
class HeaderParser {
public:
  explicit HeaderParser(std::string_view text) : rest_(text) {}

  Header parse() {
    Header header;
    int seen = 0;
    expect('{');
    while (!take('}')) {
      const std::string key = string();
      expect(':');
      if (key == "descr") {
        header.descr = string();
        seen |= 1;
      } else if (key == "fortran_order") {
        header.fortran_order = boolean();
        seen |= 2;
      } else if (key == "shape") {
        header.shape = shape();
        seen |= 4;
      } else {
        throw Error("its header has the unknown entry '" + key + "'");
      }
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    if (seen != 7)
      throw Error("its header lacks descr, fortran_order or shape");
    return header;
  }

private:
  void skip_space() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\n' || rest_.front() == '\t'))
      rest_.remove_prefix(1);
  }
  bool take(char c) {
    skip_space();
    if (rest_.empty() || rest_.front() != c)
      return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!take(c))
      throw Error(std::string("its header lacks a '") + c + "'");
  }
  std::string string() {
    const char quote = take('"') ? '"' : '\'';
    if (quote == '\'')
      expect('\'');
    const std::size_t end = rest_.find(quote);
    if (end == std::string_view::npos)
      throw Error("its header has an open string");
    std::string result(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return result;
  }
  bool boolean() {
    skip_space();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (rest_.substr(0, word.size()) == word) {
        rest_.remove_prefix(word.size());
        return value;
      }
    }
    throw Error("its header's fortran_order is neither True nor False");
  }
  Shape shape() {
    Shape result;
    expect('(');
    while (!take(')')) {
      skip_space();
      int64_t extent = 0;
      const auto [end, code] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), extent);
      if (code != std::errc() || extent < 0)
        throw Error("its header has a bad extent");
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      result.push_back(extent);
      if (!take(',')) {
        expect(')');
        break;
      }
    }
    return result;
  }

  std::string_view rest_;
};

DType dtype_of_descr(const std::string& descr) {
  struct Known {
    const char* descr;
    DType dtype;
  };
  for (const Known& known : {Known{"<f4", DType::f32},
                             {"<f8", DType::f64},
                             {"<f2", DType::f16},
                             {"<i4", DType::i32},
                             {"<i8", DType::i64},
                             {"|b1", DType::boolean},
                             {"|i1", DType::i8},
                             {"|u1", DType::u8},
                             {"<i1", DType::i8},
                             {"<u1", DType::u8},
                             {"<b1", DType::boolean}})
    if (descr == known.descr)
      return known.dtype;
  throw Error("its elements are of type '" + descr + "', which is not supported");
}

std::string descr_of(DType dtype) {
  switch (dtype) {
  case DType::f32:
    return "<f4";
  case DType::f64:
    return "<f8";
  case DType::f16:
    return "<f2";
  case DType::i32:
    return "<i4";
  case DType::i64:
    return "<i8";
  case DType::boolean:
    return "|b1";
  case DType::i8:
    return "|i1";
  case DType::u8:
    return "|u1";
  default:
    throw_unsupported_dtype(dtype, "save_npy");
  }
}

void need(const data::ByteSource& source, uint64_t bytes) {
  if (bytes > source.size() - source.position())
    throw Error("it is truncated: it ends within its header");
}

Header read_header(data::ByteSource& source) {
  char magic[kMagicBytes] = {};
  if (source.size() >= kMagicBytes)
    source.read(magic, kMagicBytes);
  if (std::memcmp(magic, kMagic, kMagicBytes) != 0)
    throw Error("it is not a .npy file");
  need(source, 6); // version and length, and two characters of header where the length takes two
  const int major = source.read_byte();
  source.read_byte(); // minor
  if (major < 1 || major > 3)
    throw Error("it is of format version " + std::to_string(major));
  uint64_t bytes = 0;
  for (int i = 0; i < (major == 1 ? 2 : 4); ++i)
    bytes |= static_cast<uint64_t>(source.read_byte()) << (8 * i);
  if (bytes > kMaxHeaderBytes)
    throw Error("its header is too long");
  need(source, bytes);
  std::string text(bytes, '\0');
  source.read(text.data(), bytes);
  return HeaderParser(text).parse();
}

Shape column_major_strides(const Shape& shape) {
  Shape strides = Shape::filled(shape.rank(), 1);
  for (int i = 1; i < shape.rank(); ++i)
    strides[i] = strides[i - 1] * shape[i - 1];
  return strides;
}

/// What comes before the elements.
std::string header_bytes(const Tensor& tensor) {
  std::string text = "{'descr': '" + descr_of(tensor.dtype()) + "', 'fortran_order': False, 'shape': (";
  for (int i = 0; i < tensor.rank(); ++i)
    text += (i ? ", " : "") + std::to_string(tensor.shape()[i]);
  text += tensor.rank() == 1 ? ",), }" : "), }";
  // The elements start at a multiple of 64 bytes: magic, version and length take 10.
  while ((text.size() + 1 + 10) % 64 != 0)
    text += ' ';
  text += '\n';
  std::string bytes(kMagic, kMagicBytes);
  bytes += {'\1', '\0', static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
  return bytes + text;
}

} // namespace

Tensor load_npy(const std::string& path) {
  data::ByteSource source(path);
  try {
    const Header header = read_header(source);
    const DType dtype = dtype_of_descr(header.descr);
    const auto bytes = static_cast<uint64_t>(checked_bytes(header.shape.dims(), size_of(dtype)));
    if (bytes > source.size() - source.position())
      throw Error("it is truncated: " + to_string(header.shape) + " takes " + std::to_string(bytes) +
                  " bytes, " + std::to_string(source.size() - source.position()) + " are there");
    if (bytes < source.size() - source.position())
      throw Error("it goes on after its " + std::to_string(bytes) + " bytes of elements");
    auto storage = Storage::allocate(bytes);
    source.read(storage->data(), bytes);
    if (dtype == DType::boolean) // a bool other than 0 or 1 is undefined behaviour waiting
      for (uint64_t i = 0; i < bytes; ++i)
        storage->data()[i] = std::byte{storage->data()[i] != std::byte{0}};
    const Shape strides =
        header.fortran_order ? column_major_strides(header.shape) : header.shape.row_major_strides();
    return Tensor::from_storage(std::move(storage), dtype, header.shape, strides);
  } catch (const Error& error) {
    throw Error("cannot read " + path + ": " + error.what(), error.kind());
  }
}

void data::write_npy(rt::FileWriter& file, const Tensor& tensor) {
  const Tensor dense = tensor.to(Device::cpu).contiguous();
  const std::string header = header_bytes(dense);
  file.write(header.data(), header.size());
  file.write(dense.view().data, dense.view().bytes());
}

void save_npy(const std::string& path, const Tensor& tensor) {
  rt::FileWriter file(path);
  data::write_npy(file, tensor);
  file.put_in_place();
}

} // namespace sinter
