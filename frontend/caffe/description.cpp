// What a .prototxt says, whatever the age of its form.
#include "frontend/caffe/description.h"

#include "sinter/runtime/error.h"

namespace sinter::caffe_import {
namespace {

// The types of `layers`, whose place in the list is their number, and what they are called as `layer`.
constexpr std::pair<const char*, const char*> kOldTypes[] = {
    {"NONE", ""},
    {"ACCURACY", "Accuracy"},
    {"BNLL", "BNLL"},
    {"CONCAT", "Concat"},
    {"CONVOLUTION", "Convolution"},
    {"DATA", "Data"},
    {"DROPOUT", "Dropout"},
    {"EUCLIDEAN_LOSS", "EuclideanLoss"},
    {"FLATTEN", "Flatten"},
    {"HDF5_DATA", "HDF5Data"},
    {"HDF5_OUTPUT", "HDF5Output"},
    {"IM2COL", "Im2col"},
    {"IMAGE_DATA", "ImageData"},
    {"INFOGAIN_LOSS", "InfogainLoss"},
    {"INNER_PRODUCT", "InnerProduct"},
    {"LRN", "LRN"},
    {"MULTINOMIAL_LOGISTIC_LOSS", "MultinomialLogisticLoss"},
    {"POOLING", "Pooling"},
    {"RELU", "ReLU"},
    {"SIGMOID", "Sigmoid"},
    {"SOFTMAX", "Softmax"},
    {"SOFTMAX_LOSS", "SoftmaxWithLoss"},
    {"SPLIT", "Split"},
    {"TANH", "TanH"},
    {"WINDOW_DATA", "WindowData"},
    {"ELTWISE", "Eltwise"},
    {"POWER", "Power"},
    {"SIGMOID_CROSS_ENTROPY_LOSS", "SigmoidCrossEntropyLoss"},
    {"HINGE_LOSS", "HingeLoss"},
    {"MEMORY_DATA", "MemoryData"},
    {"ARGMAX", "ArgMax"},
    {"THRESHOLD", "Threshold"},
    {"DUMMY_DATA", "DummyData"},
    {"SLICE", "Slice"},
    {"MVN", "MVN"},
    {"ABSVAL", "AbsVal"},
    {"SILENCE", "Silence"},
    {"CONTRASTIVE_LOSS", "ContrastiveLoss"},
    {"EXP", "Exp"},
    {"DECONVOLUTION", "Deconvolution"},
};

std::string type_of(const Settings& settings, bool old) {
  const std::string type = settings.text("type", "");
  if (!old)
    return type;
  for (std::size_t i = 0; i < std::size(kOldTypes); ++i)
    if (type == kOldTypes[i].first || type == std::to_string(i))
      return kOldTypes[i].second;
  throw Error("type " + type + " is none that 'layers' may have");
}

// A rule for the state in which a network is used: phase TEST, level 0, no stages.
bool holds(const Message* message) {
  static constexpr const char* kPhases[] = {"TRAIN", "TEST"};
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  const Settings rule(message, "");
  return rule.word("phase", kPhases, 1) == 1 && rule.integer("min_level", 0, -kMost - 1, kMost) <= 0 &&
         rule.integer("max_level", 0, -kMost - 1, kMost) >= 0 && rule.texts("stage").empty();
}

bool is_used(const Settings& layer) {
  const auto include = layer.messages("include"), exclude = layer.messages("exclude");
  if (!include.empty() && !exclude.empty())
    throw Error("it has both include and exclude");
  const auto& rules = include.empty() ? exclude : include;
  bool any = false;
  for (const Message* rule : rules)
    any |= holds(rule);
  return include.empty() ? !any : any;
}

std::vector<int64_t> read_shape(const Message* shape) {
  const std::vector<int64_t> dims = Settings(shape, "shape").integers("dim", 1, kMostExtent);
  if (dims.size() > static_cast<std::size_t>(kMaxRank))
    throw Error("the shape has " + std::to_string(dims.size()) + " dimensions; at most " +
                std::to_string(kMaxRank) + " are supported");
  return dims;
}

// One shape for all of `names`, or one for each, or none.
void add_inputs(const std::vector<std::string>& names, const std::vector<std::vector<int64_t>>& shapes,
                std::vector<Input>& inputs) {
  if (shapes.size() > 1 && shapes.size() != names.size())
    throw Error(std::to_string(shapes.size()) + " shapes are given for " + std::to_string(names.size()) +
                " inputs");
  for (std::size_t i = 0; i < names.size(); ++i) {
    inputs.push_back({names[i], std::nullopt});
    if (!shapes.empty())
      inputs.back().dims = shapes.size() == 1 ? shapes[0] : shapes[i];
  }
}

// Inputs that are no layers: `input` with `input_shape`, or with four times `input_dim`.
void read_old_inputs(const Settings& root, std::vector<Input>& inputs) {
  std::vector<std::vector<int64_t>> shapes;
  for (const Message* shape : root.messages("input_shape"))
    shapes.push_back(read_shape(shape));
  const std::vector<int64_t> dims = root.integers("input_dim", 1, kMostExtent);
  const std::vector<std::string> names = root.texts("input");
  if (!dims.empty() && (!shapes.empty() || dims.size() != 4 * names.size()))
    throw Error(std::to_string(dims.size()) + " times input_dim are given for " +
                std::to_string(names.size()) + " inputs; each needs four");
  for (auto at = dims.begin(); at != dims.end(); at += 4)
    shapes.emplace_back(at, at + 4);
  add_inputs(names, shapes, inputs);
}

// Adds the layer, or the inputs it stands for, if it is one of those used.
void read_layer(const Message* message, bool old, Description& description) {
  const Settings settings(message, "");
  Layer layer;
  layer.name = settings.text("name", "");
  if (old && settings.has("layer"))
    throw Error("layer '" + layer.name +
                "' is in the form of before 2014; Caffe's tool upgrade_net_proto_text writes it anew");
  layer.type = "?";
  try {
    layer.type = type_of(settings, old);
    if (!is_used(settings))
      return;
    layer.bottoms = settings.texts("bottom");
    layer.tops = settings.texts("top");
    layer.message = message;
    if (layer.type == "Input") {
      const Settings input = settings.message("input_param");
      std::vector<std::vector<int64_t>> shapes;
      for (const Message* shape : input.messages("shape"))
        shapes.push_back(read_shape(shape));
      return add_inputs(layer.tops, shapes, description.inputs);
    }
  } catch (const Error& error) {
    throw Error(describe(layer) + ": " + error.what(), error.kind());
  }
  description.layers.push_back(std::move(layer));
}

} // namespace

Description describe_network(const std::string& text) {
  Description description;
  description.message = parse_text_format(text);
  const Settings root(&description.message, "");
  read_old_inputs(root, description.inputs);
  const auto layers = root.messages("layer"), old_layers = root.messages("layers");
  if (!layers.empty() && !old_layers.empty())
    throw Error("it has both 'layer' and 'layers', the old form");
  if (layers.empty() && old_layers.empty())
    throw Error("it is no description of a Caffe network: it has no layers");
  for (const Message* layer : layers)
    read_layer(layer, false, description);
  for (const Message* layer : old_layers)
    read_layer(layer, true, description);
  return description;
}

} // namespace sinter::caffe_import
