// Files of weights and inputs.
#include "inputs.h"

#include <map>
#include <sstream>

namespace sinter::bench {

namespace {

constexpr uint64_t kWeightsSeed = 1, kInputSeed = 1000003, kTargetSeed = 1000033;

std::string setting(const std::string& path, const std::string& name) {
  const std::map<std::string, std::string> settings = safetensors_metadata(path);
  const auto found = settings.find(name);
  if (found == settings.end())
    throw Error(path + " does not say what '" + name + "' is in its metadata");
  return found->second;
}

std::vector<int64_t> numbers(const std::string& text) {
  std::vector<int64_t> result;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');)
    result.push_back(std::stoll(part));
  return result;
}

std::string text_of(const std::vector<int64_t>& numbers) {
  std::string text;
  for (const int64_t number : numbers)
    text += (text.empty() ? "" : ",") + std::to_string(number);
  return text;
}

void write_resnet50(Size size, const std::string& path) {
  resnet50::Sizes sizes;
  int64_t batch = 64;
  if (size == Size::tiny) {
    sizes = {.blocks = {1, 2, 1, 1}, .width = 8, .classes = 10, .image = 32};
    batch = 4;
  }
  const Shape classes{batch, sizes.classes};
  const ResNetFile file{resnet50::random_weights(sizes, kWeightsSeed),
                        Tensor::normal({batch, 3, sizes.image, sizes.image}, kInputSeed),
                        softmax(4 * Tensor::normal(classes, kTargetSeed))};
  save_safetensors(path, file, {{"blocks", text_of(sizes.blocks)}});
}

void write_bert(Size size, const std::string& path) {
  bert::Sizes sizes;
  int64_t batch = 32, sequence = 128;
  if (size == Size::tiny) {
    sizes = {.layers = 2, .hidden = 32, .heads = 2, .inner = 64, .vocabulary = 50, .positions = 16};
    batch = 4, sequence = 8;
  }
  std::map<std::string, Tensor> tensors;
  for (const auto& [name, tensor] : named_tensors(bert::random_weights(sizes, kWeightsSeed)))
    tensors.emplace("model." + name, tensor);
  tensors.emplace(
      "input", cast(Tensor::uniform({batch, sequence}, kInputSeed, 0, static_cast<double>(sizes.vocabulary)),
                    DType::i64));
  save_safetensors(path, tensors,
                   {{"heads", std::to_string(sizes.heads)}, {"layers", std::to_string(sizes.layers)}});
}

void write_elements(Size size, const std::string& path) {
  const int64_t rows = size == Size::full ? 16384 : 24, columns = size == Size::full ? 4096 : 80;
  const ElementsFile file{Tensor::normal({rows, columns}, kInputSeed),
                          Tensor::uniform({columns}, kWeightsSeed, 0.5, 1.5),
                          Tensor::normal({columns}, kWeightsSeed + 1)};
  save_safetensors(path, file);
}

} // namespace

ResNetFile read_resnet50(const std::string& path) {
  ResNetFile file{resnet50::structure(numbers(setting(path, "blocks"))), Tensor(), Tensor()};
  load_into(file, path);
  return file;
}

BertFile read_bert(const std::string& path) {
  BertFile file{bert::structure(numbers(setting(path, "layers")).at(0)), Tensor(),
                numbers(setting(path, "heads")).at(0)};
  load_into(file, path);
  return file;
}

ElementsFile read_elements(const std::string& path) {
  ElementsFile file;
  load_into(file, path);
  return file;
}

void write_inputs(const std::string& kind, Size size, const std::string& path) {
  const std::map<std::string, void (*)(Size, const std::string&)> kinds = {
      {"resnet50", write_resnet50}, {"bert", write_bert}, {"elements", write_elements}};
  const auto found = kinds.find(kind);
  if (found == kinds.end())
    throw Error("there are no inputs '" + kind + "': resnet50, bert and elements are known");
  found->second(size, path);
}

} // namespace sinter::bench
