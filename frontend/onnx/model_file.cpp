// Reading an ONNX file so that its weights stay there until they are asked for.
//
// Protobuf would put every weight into a std::string first. Instead the file is walked as wire format:
// everything but the raw_data of tensors goes into a small skeleton, which protobuf then parses and checks;
// a mark with its number stands for raw_data in the skeleton. Large ones are passed over: a compiled model
// has its weights in layouts of its own, and needs the file's only while it is compiled.
#include "frontend/onnx/model_file.h"

#include "frontend/data/byte_source.h"
#include "frontend/data/file_identity.h"
#include "sinter/runtime/error.h"

#include "onnx.pb.h"

#include <cstring>
#include <filesystem>
#include <limits>
#include <span>

namespace sinter::onnx_import {
namespace {

// What is smaller takes no memory worth a second read.
constexpr uint64_t kLargeBlob = 64 << 10;
// Messages cost many times their two bytes in memory; more than this is no model.
constexpr int64_t kMaxMessages = int64_t{1} << 22;
// Protobuf's own limit, for what is left when the weights are taken out.
constexpr std::size_t kMaxSkeletonBytes = std::numeric_limits<int32_t>::max();

struct MessageRule;
// A length-delimited field that is itself walked.
struct FieldRule {
  uint32_t number;
  const MessageRule* message; // null: the field is raw_data
};
struct MessageRule {
  std::span<const FieldRule> fields;
};

constexpr FieldRule kTensorFields[] = {{onnx::TensorProto::kRawDataFieldNumber, nullptr}};
constexpr MessageRule kTensor{kTensorFields};
constexpr FieldRule kAttributeFields[] = {{onnx::AttributeProto::kTFieldNumber, &kTensor},
                                          {onnx::AttributeProto::kTensorsFieldNumber, &kTensor}};
constexpr MessageRule kAttribute{kAttributeFields};
constexpr FieldRule kNodeFields[] = {{onnx::NodeProto::kAttributeFieldNumber, &kAttribute}};
constexpr MessageRule kNode{kNodeFields};
constexpr FieldRule kGraphFields[] = {{onnx::GraphProto::kNodeFieldNumber, &kNode},
                                      {onnx::GraphProto::kInitializerFieldNumber, &kTensor}};
constexpr MessageRule kGraph{kGraphFields};
constexpr FieldRule kModelFields[] = {{onnx::ModelProto::kGraphFieldNumber, &kGraph}};
constexpr MessageRule kModel{kModelFields};

void append_varint(std::string& to, uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    to.push_back(static_cast<char>(value | 0x80));
  to.push_back(static_cast<char>(value));
}

class Walker {
public:
  Walker(data::ByteSource& source, std::vector<ModelFile::Blob>& blobs) : source_(source), blobs_(blobs) {}

  // Appends the skeleton of the message that lies in the file up to `end`.
  void walk(const MessageRule& rule, uint64_t end, std::string& skeleton) {
    count();
    while (source_.position() < end) {
      const uint64_t key = read_varint(end);
      switch (key & 7) {
      case 0:
        append_varint(skeleton, key);
        append_varint(skeleton, read_varint(end));
        break;
      case 1:
        append_varint(skeleton, key);
        copy(8, end, skeleton);
        break;
      case 5:
        append_varint(skeleton, key);
        copy(4, end, skeleton);
        break;
      case 2:
        walk_field(rule, key, end, skeleton);
        break;
      default: // groups, which ONNX never used, and nonsense
        throw Error("unknown wire type");
      }
    }
  }

private:
  void walk_field(const MessageRule& rule, uint64_t key, uint64_t end, std::string& skeleton) {
    const uint64_t bytes = read_varint(end);
    if (bytes > end - source_.position())
      throw Error("a field is longer than what holds it");
    for (const FieldRule& field : rule.fields) {
      if (field.number != key >> 3)
        continue;
      std::string inner;
      if (field.message)
        walk(*field.message, source_.position() + bytes, inner);
      else
        inner = take_blob(bytes);
      append_varint(skeleton, key);
      append_varint(skeleton, inner.size());
      skeleton += inner;
      return;
    }
    append_varint(skeleton, key);
    append_varint(skeleton, bytes);
    copy(bytes, end, skeleton);
  }

  // Everything that takes memory of its own, however little the file spends on it.
  void count() {
    if (++messages_ > kMaxMessages)
      throw Error("more than " + std::to_string(kMaxMessages) + " nodes, attributes and tensors");
  }

  // Returns the mark that stands for the raw_data that lies here.
  std::string take_blob(uint64_t bytes) {
    count(); // an empty blob takes two bytes of the file, and many times that here
    const uint64_t number = blobs_.size();
    blobs_.push_back({source_.position(), bytes, nullptr});
    if (bytes >= kLargeBlob) {
      source_.seek(source_.position() + bytes);
    } else {
      blobs_.back().storage = Storage::allocate(bytes);
      source_.read(blobs_.back().storage->data(), bytes);
    }
    std::string mark(sizeof number, '\0');
    std::memcpy(mark.data(), &number, sizeof number);
    return mark;
  }

  uint64_t read_varint(uint64_t end) {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (source_.position() >= end)
        throw Error("a number is cut off");
      const uint8_t byte = source_.read_byte();
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80)
        return value;
    }
    throw Error("a number is longer than 64 bits");
  }

  void copy(uint64_t bytes, uint64_t end, std::string& skeleton) {
    if (bytes > end - source_.position())
      throw Error("a field is cut off");
    if (bytes > kMaxSkeletonBytes || skeleton.size() > kMaxSkeletonBytes - bytes)
      throw Error("more than 2 GiB besides the weights");
    const std::size_t at = skeleton.size();
    skeleton.resize(at + bytes);
    source_.read(skeleton.data() + at, bytes);
  }

  data::ByteSource& source_;
  std::vector<ModelFile::Blob>& blobs_;
  int64_t messages_ = 0;
};

} // namespace

ModelFile::ModelFile() : proto(std::make_unique<onnx::ModelProto>()) {}
ModelFile::ModelFile(ModelFile&&) noexcept = default;
ModelFile& ModelFile::operator=(ModelFile&&) noexcept = default;
ModelFile::~ModelFile() = default;

std::shared_ptr<Storage> read_blob(const data::ByteSource& source, const ModelFile::Blob& blob) {
  return blob.storage ? blob.storage : source.read_part(blob.position, blob.bytes);
}

const ModelFile::Blob& ModelFile::raw_data(const onnx::TensorProto& tensor) const {
  uint64_t number = 0;
  if (tensor.raw_data().size() != sizeof number)
    throw Error("a tensor's raw data lies where it was not expected", ErrorKind::internal);
  std::memcpy(&number, tensor.raw_data().data(), sizeof number);
  if (number >= blobs.size())
    throw Error("a tensor's raw data has no such number", ErrorKind::internal);
  return blobs[number];
}

ModelFile read_model_file(const std::string& path) {
  auto source = std::make_shared<data::ByteSource>(path);
  ModelFile file;
  file.source = source;
  file.identity = std::make_shared<data::FileIdentity>(source);
  file.folder = std::filesystem::path(path).parent_path().string();
  if (file.folder.empty())
    file.folder = ".";
  std::string skeleton;
  try {
    Walker(*source, file.blobs).walk(kModel, source->size(), skeleton);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::system)
      throw;
    throw Error(path + " is not a well-formed ONNX model: " + error.what());
  }
  if (!file.proto->ParseFromString(skeleton))
    throw Error(path + " is not a well-formed ONNX model: its messages cannot be parsed");
  if (!file.proto->has_graph())
    throw Error(path + " is not an ONNX model: it has no graph");
  return file;
}

} // namespace sinter::onnx_import
