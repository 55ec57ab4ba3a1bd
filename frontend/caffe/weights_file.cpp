// Reading a .caffemodel file so that large weights stay there until they are asked for.
//
// The file is a serialised NetParameter. It is walked as wire format, for of all its fields only a layer's
// name and blobs matter, and the elements of a blob lie in it as they lie in memory. Numbers of fields are
// the format's.
#include "frontend/caffe/weights_file.h"

#include "frontend/data/byte_source.h"
#include "frontend/data/file_identity.h"
#include "sinter/runtime/error.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

static_assert(std::endian::native == std::endian::little, "elements are used as they lie in the file");

namespace sinter::caffe_import {
namespace {

// What is smaller takes no memory worth a second read.
constexpr uint64_t kLargeBlob = 64 << 10;
// Layers and blobs cost many times their two bytes in memory; more than this is no network.
constexpr int64_t kMaxMessages = int64_t{1} << 20;
constexpr uint64_t kMaxName = 1 << 16;
constexpr uint64_t kMaxBytes = uint64_t{1} << 40;

enum Wire : uint32_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

// Where the current message ends, and what its fields are.
struct Tag {
  uint32_t number;
  uint32_t wire;
};

class Reader {
public:
  Reader(const std::string& path)
      : source_(std::make_shared<data::ByteSource>(path)),
        identity_(std::make_shared<data::FileIdentity>(source_)) {}

  WeightsFile read() {
    const uint64_t end = source_->size();
    while (source_->position() < end) {
      const Tag tag = read_tag(end);
      if (tag.wire == Wire::bytes && tag.number == 100) // layer
        read_layer(read_end(end), 1, 7);
      else if (tag.wire == Wire::bytes && tag.number == 2) // layers, as they were before 2014
        read_layer(read_end(end), 4, 6);
      else
        skip(tag, end);
    }
    return std::move(file_);
  }

private:
  void read_layer(uint64_t end, uint32_t name_field, uint32_t blobs_field) {
    count();
    std::string name;
    std::vector<Blob> blobs;
    while (source_->position() < end) {
      const Tag tag = read_tag(end);
      if (tag.wire == Wire::bytes && tag.number == name_field)
        name = read_text(read_end(end));
      else if (tag.wire == Wire::bytes && tag.number == blobs_field)
        blobs.push_back(read_blob(read_end(end)));
      else
        skip(tag, end);
    }
    if (!blobs.empty() && !file_.layers.emplace(name, std::move(blobs)).second)
      file_.ambiguous.push_back(name);
  }

  // A run of elements in the file.
  struct Piece {
    uint64_t position, bytes;
  };
  // The elements of one of the fields data and double_data.
  struct Elements {
    std::size_t size; // of an element
    std::vector<Piece> pieces;
    uint64_t total = 0;
  };

  Blob read_blob(uint64_t end) {
    count();
    Blob blob;
    std::array<int64_t, 4> legacy{1, 1, 1, 1};
    bool has_shape = false, has_legacy = false;
    Elements floats{4, {}}, doubles{8, {}};
    while (source_->position() < end) {
      const Tag tag = read_tag(end);
      if (tag.wire == Wire::varint && tag.number >= 1 && tag.number <= 4) { // num, channels, height, width
        legacy[tag.number - 1] = static_cast<int64_t>(read_varint(end));
        has_legacy = true;
      } else if (tag.wire == Wire::bytes && tag.number == 7) { // shape
        read_dims(read_end(end), blob.dims);
        has_shape = true;
      } else if (tag.number == 5) { // data
        read_elements(tag, Wire::fixed32, end, floats);
      } else if (tag.number == 8) { // double_data
        read_elements(tag, Wire::fixed64, end, doubles);
      } else {
        skip(tag, end);
      }
    }
    if (has_legacy && !has_shape)
      blob.dims.assign(legacy.begin(), legacy.end());
    const uint64_t position = source_->position();
    blob.elements = elements_of(blob.dims, doubles.total > 0 ? doubles : floats);
    source_->seek(position);
    return blob;
  }

  // A BlobShape.
  void read_dims(uint64_t end, std::vector<int64_t>& dims) {
    while (source_->position() < end) {
      const Tag tag = read_tag(end);
      if (tag.number != 1) {
        skip(tag, end);
        continue;
      }
      if (tag.wire == Wire::bytes)
        for (const uint64_t last = read_end(end); source_->position() < last;)
          add_dim(dims, read_varint(last));
      else if (tag.wire == Wire::varint)
        add_dim(dims, read_varint(end));
      else
        throw Error("a dimension is no integer");
    }
  }

  static void add_dim(std::vector<int64_t>& dims, uint64_t dim) {
    if (dims.size() == static_cast<std::size_t>(kMaxRank))
      throw Error("a blob has more than " + std::to_string(kMaxRank) + " dimensions");
    dims.push_back(static_cast<int64_t>(dim));
  }

  // Packed, as Caffe writes them, or one by one.
  void read_elements(const Tag& tag, uint32_t single, uint64_t end, Elements& elements) {
    if (tag.wire != Wire::bytes && tag.wire != single)
      throw Error("a blob's data has an unknown form");
    const uint64_t last = tag.wire == Wire::bytes ? read_end(end) : source_->position() + elements.size;
    if (last > end)
      throw Error("a field is longer than what holds it");
    const Piece piece{source_->position(), last - source_->position()};
    if (piece.bytes % elements.size != 0)
      throw Error("a blob's data has " + std::to_string(piece.bytes) +
                  " bytes, which is no number of elements");
    if (piece.bytes > 0)
      elements.pieces.push_back(piece);
    elements.total += piece.bytes;
    source_->seek(last);
  }

  onnx_import::StoredWeight elements_of(const std::vector<int64_t>& dims, const Elements& elements) {
    const auto count = static_cast<int64_t>(elements.total / elements.size);
    for (const int64_t dim : dims)
      if (dim < 1)
        throw Error("a blob has a dimension of extent " + std::to_string(dim));
    if (elements.total > kMaxBytes || checked_bytes(dims, 1) != count)
      throw Error("a blob of shape " + to_string(Shape(dims)) + " has " + std::to_string(count) +
                  " elements");
    if (elements.size == 4 && elements.pieces.size() == 1 && elements.total >= kLargeBlob) {
      const onnx_import::ModelFile::Blob place{elements.pieces[0].position, elements.pieces[0].bytes,
                                               nullptr};
      return {DType::f32,
              {count},
              [source = source_, place] { return onnx_import::read_blob(*source, place); },
              [identity = identity_, place] {
                return identity->text() + " from " + std::to_string(place.position);
              }};
    }
    return onnx_import::StoredWeight({read_now(elements), DType::f32, {count}});
  }

  std::shared_ptr<Storage> read_now(const Elements& elements) {
    auto read = Storage::allocate(elements.total);
    std::byte* to = read->data();
    for (const Piece& piece : elements.pieces) {
      source_->seek(piece.position);
      source_->read(to, piece.bytes);
      to += piece.bytes;
    }
    if (elements.size == 4)
      return read;
    const uint64_t count = elements.total / sizeof(double);
    auto rounded = Storage::allocate(count * sizeof(float));
    for (uint64_t i = 0; i < count; ++i) {
      const double wide = reinterpret_cast<const double*>(read->data())[i];
      // Beyond float's range a conversion is undefined behaviour.
      reinterpret_cast<float*>(rounded->data())[i] =
          wide > std::numeric_limits<float>::max()      ? std::numeric_limits<float>::infinity()
          : wide < std::numeric_limits<float>::lowest() ? -std::numeric_limits<float>::infinity()
                                                        : static_cast<float>(wide);
    }
    return rounded;
  }

  // Everything that takes memory of its own, however little the file spends on it.
  void count() {
    if (++messages_ > kMaxMessages)
      throw Error("more than " + std::to_string(kMaxMessages) + " layers and blobs");
  }

  Tag read_tag(uint64_t end) {
    const uint64_t key = read_varint(end);
    if (key >> 3 == 0 || key >> 3 >= (1U << 29))
      throw Error("a field has no valid number");
    return {static_cast<uint32_t>(key >> 3), static_cast<uint32_t>(key & 7)};
  }

  // The end of a field of bytes that starts here.
  uint64_t read_end(uint64_t end) {
    const uint64_t length = read_varint(end);
    if (length > end - source_->position())
      throw Error("a field is longer than what holds it");
    return source_->position() + length;
  }

  std::string read_text(uint64_t end) {
    const uint64_t length = end - source_->position();
    if (length > kMaxName)
      throw Error("a layer's name has " + std::to_string(length) + " bytes");
    std::string text(length, '\0');
    source_->read(text.data(), length);
    return text;
  }

  void skip(const Tag& tag, uint64_t end) {
    if (tag.wire == Wire::varint) {
      read_varint(end);
      return;
    }
    if (tag.wire != Wire::bytes && tag.wire != Wire::fixed32 && tag.wire != Wire::fixed64)
      throw Error("unknown wire type");
    const uint64_t last =
        tag.wire == Wire::bytes ? read_end(end) : source_->position() + (tag.wire == Wire::fixed32 ? 4 : 8);
    if (last > end)
      throw Error("a field is longer than what holds it");
    source_->seek(last);
  }

  uint64_t read_varint(uint64_t end) {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (source_->position() >= end)
        throw Error("a number is cut off");
      const uint8_t byte = source_->read_byte();
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80)
        return value;
    }
    throw Error("a number is longer than 64 bits");
  }

  std::shared_ptr<data::ByteSource> source_;
  std::shared_ptr<const data::FileIdentity> identity_;
  WeightsFile file_;
  int64_t messages_ = 0;
};

} // namespace

WeightsFile read_weights_file(const std::string& path) {
  Reader reader(path); // names the path itself
  try {
    WeightsFile file = reader.read();
    file.path = path;
    if (file.layers.empty())
      throw Error("no layer of it has weights");
    return file;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::system)
      throw;
    throw Error(path + " is not a well-formed .caffemodel: " + error.what());
  }
}

} // namespace sinter::caffe_import
