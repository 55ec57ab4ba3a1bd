// An ONNX model as a file, and its weights as another one beside it.
#include "frontend/onnx/export/model_writer.h"

#include "frontend/onnx/export/prepare.h"
#include "ir/constant.h"
#include "sinter/runtime/file_writer.h"

#include "onnx.pb.h"

#include <array>
#include <optional>

namespace sinter::onnx_export {
namespace {

// Smaller tensors stay in the model: they are read while it is loaded, shapes among them.
constexpr uint64_t kLeastExternalBytes = 1024;
// So that they can be mapped.
constexpr uint64_t kAlignment = 4096;

// The version of the file format that came with an opset.
int64_t ir_version(int64_t opset) {
  return opset <= 18 ? 8 : opset <= 20 ? 9 : 10;
}

uint64_t bytes_of(RankedTensorType type) {
  return static_cast<uint64_t>(type.getNumElements()) * size_of(ir::dtypeOf(type.getElementType()));
}

// The elements of an initialiser, dense.
std::shared_ptr<Storage> elements_of(const Initializer& initializer, const std::byte*& begin) {
  if (!initializer.value) {
    begin = initializer.storage->data();
    return initializer.storage;
  }
  const ir::ConstantData data = ir::readElements(initializer.value);
  begin = static_cast<const std::byte*>(data.view.data);
  return data.storage;
}

void set_entry(onnx::TensorProto& tensor, const char* key, const std::string& value) {
  auto& entry = *tensor.add_external_data();
  entry.set_key(key);
  entry.set_value(value);
}

// Weights beside the model, one after the other.
class ExternalData {
public:
  explicit ExternalData(const std::string& path)
      : file_(path), name_(path.substr(path.find_last_of('/') + 1)) {}

  void add(onnx::TensorProto& tensor, const std::byte* elements, uint64_t bytes) {
    static constexpr std::array<char, kAlignment> kZeros{};
    const uint64_t gap = (kAlignment - position_ % kAlignment) % kAlignment;
    file_.write(kZeros.data(), gap);
    position_ += gap;
    tensor.set_data_location(onnx::TensorProto::EXTERNAL);
    set_entry(tensor, "location", name_);
    set_entry(tensor, "offset", std::to_string(position_));
    set_entry(tensor, "length", std::to_string(bytes));
    file_.write(elements, bytes);
    position_ += bytes;
  }
  void put_in_place() { file_.put_in_place(); }

private:
  rt::FileWriter file_;
  const std::string name_;
  uint64_t position_ = 0;
};

void add_initializer(onnx::GraphProto& graph, const Initializer& initializer, ExternalData* external) {
  onnx::TensorProto& tensor = *graph.add_initializer();
  tensor.set_name(initializer.name);
  tensor.set_data_type(onnx_type_of(initializer.type.getElementType()));
  for (int64_t extent : initializer.type.getShape())
    tensor.add_dims(extent);
  const std::byte* begin = nullptr;
  const auto storage = elements_of(initializer, begin);
  const uint64_t bytes = bytes_of(initializer.type);
  if (external && bytes >= kLeastExternalBytes)
    external->add(tensor, begin, bytes);
  else
    tensor.set_raw_data(begin, bytes);
}

} // namespace

void write_model(mlir::ModuleOp module, const std::string& path, const WriteOptions& options) {
  prepare(module);
  onnx::ModelProto model;
  model.set_ir_version(ir_version(options.opset));
  model.set_producer_name("sinter");
  auto& opset = *model.add_opset_import();
  opset.set_domain("");
  opset.set_version(options.opset);
  for (const auto& [key, value] : options.metadata) {
    auto& entry = *model.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
  onnx::GraphProto& graph = *model.mutable_graph();
  graph.set_name(options.name);
  GraphWriter writer(graph, options.opset);
  writer.write(module.lookupSymbol<mlir::func::FuncOp>("main"));

  uint64_t total = model.ByteSizeLong();
  for (const Initializer& initializer : writer.initializers())
    total += bytes_of(initializer.type);
  const bool apart = options.external_data || total > static_cast<uint64_t>(options.most_bytes);
  rt::FileWriter file(path);
  std::optional<ExternalData> external;
  if (apart)
    external.emplace(path + ".data");
  for (const Initializer& initializer : writer.initializers())
    add_initializer(graph, initializer, external ? &*external : nullptr);
  std::string text;
  if (model.ByteSizeLong() >= (uint64_t{1} << 31) || !model.SerializeToString(&text))
    throw Error("the model has more than 2 GiB besides its weights");
  file.write(text.data(), text.size());
  if (external)
    external->put_in_place();
  file.put_in_place();
}

} // namespace sinter::onnx_export
