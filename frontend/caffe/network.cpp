// From a Caffe network to the graph that the importer of models takes.
#include "frontend/caffe/network.h"

#include "frontend/caffe/description.h"
#include "frontend/caffe/layers.h"
#include "frontend/caffe/weights_file.h"
#include "frontend/data/byte_source.h"

#include "onnx.pb.h"

#include <algorithm>
#include <unordered_set>

namespace sinter::caffe_import {
namespace {

constexpr uint64_t kMaxTextBytes = uint64_t{1} << 28;

bool is_one_of(const std::string& type, std::span<const char* const> types) {
  return std::find(types.begin(), types.end(), type) != types.end();
}

// Types that a network has while it is trained.
void check_is_no_training(const std::string& type) {
  static constexpr const char* kData[] = {"Data",       "ImageData", "HDF5Data",      "MemoryData",
                                          "WindowData", "DummyData", "AnnotatedData", "VideoData"};
  static constexpr const char* kLosses[] = {"EuclideanLoss",           "HingeLoss",       "InfogainLoss",
                                            "SigmoidCrossEntropyLoss", "ContrastiveLoss", "SmoothL1Loss",
                                            "MultinomialLogisticLoss"};
  if (is_one_of(type, kData))
    throw Error("it reads the data of a training; give the network's deploy file, which has inputs instead");
  if (type == "SoftmaxWithLoss")
    throw Error("a loss is for training; for use, a Softmax layer takes its place");
  if (is_one_of(type, kLosses))
    throw Error("a loss is for training; give the network's deploy file, which has none");
}

void check_count(std::size_t given, const Count& count, const char* what) {
  if (given >= count.least && given <= count.most)
    return;
  throw Error("it has " + std::to_string(given) + " " + what + "; " +
              (count.least == count.most ? std::to_string(count.least) + " are"
               : given < count.least     ? "at least " + std::to_string(count.least) + " are"
                                         : "at most " + std::to_string(count.most) + " are") +
              " needed");
}

class NetworkBuilder {
public:
  NetworkBuilder(Description description, const std::string& caffemodel)
      : network_(std::make_shared<const Description>(std::move(description))) {
    if (!caffemodel.empty())
      weights_ = read_weights_file(caffemodel);
  }

  onnx_import::ModelGraph build() {
    count_writers();
    for (const Layer& layer : network_->layers)
      if (find_layer_type(layer.type) && !layer.name.empty() && !names_.insert(layer.name).second)
        repeated_.insert(layer.name);
    for (const Input& input : network_->inputs)
      add_input(input);
    for (const Layer& layer : network_->layers)
      try {
        add_layer(layer);
      } catch (const Error& error) {
        throw Error(describe(layer) + ": " + error.what(), error.kind());
      }
    for (const std::string& value : made_)
      if (!read_.contains(value)) {
        graph_.outputs.emplace_back();
        graph_.outputs.back().name = value;
        graph_.outputs.back().has_shape = false;
      }
    if (graph_.outputs.empty())
      throw Error("the network has no outputs: every top is the bottom of another layer");
    drop_labels();
    return std::move(graph_);
  }

private:
  void count_writers() {
    for (const Input& input : network_->inputs) {
      ++writers_[input.name];
      taken_.insert(input.name);
    }
    for (const Layer& layer : network_->layers)
      for (const std::string& top : layer.tops) {
        ++writers_[top];
        taken_.insert(top);
      }
  }

  // A name that no value has.
  std::string fresh(std::string name) {
    while (!taken_.insert(name).second)
      name += "'";
    return name;
  }

  void add_input(const Input& input) {
    if (input.name.empty())
      throw Error("an input has no name");
    if (!current_.emplace(input.name, input.name).second)
      throw Error("input '" + input.name + "' is defined twice");
    ++written_[input.name];
    plain_.insert(input.name);
    ModelValue value;
    value.name = input.name;
    value.has_shape = input.dims.has_value();
    value.dims_may_differ = true;
    value.dims = input.dims.value_or(std::vector<int64_t>());
    value.dim_names.resize(value.dims.size());
    graph_.inputs.push_back(std::move(value));
  }

  void add_layer(const Layer& layer) {
    if (layer.type == "Accuracy") {
      for (const std::string& bottom : layer.bottoms)
        dropped_readers_.insert(bottom);
      return;
    }
    check_is_no_training(layer.type);
    const bool silence = layer.type == "Silence";
    const LayerType* type = find_layer_type(layer.type);
    if (!type && !silence)
      throw Error("layers of this type are not supported");
    auto* proto = silence ? nullptr : graph_.file.proto->mutable_graph()->add_node();
    for (const std::string& bottom : layer.bottoms) {
      const auto found = current_.find(bottom);
      if (found == current_.end())
        throw Error("its bottom '" + bottom + "' is no input, nor the top of a layer before it");
      read_.insert(found->second);
      if (proto)
        proto->add_input(found->second);
    }
    if (silence)
      return;
    check_count(layer.bottoms.size(), type->bottoms, "bottoms");
    check_count(layer.tops.size(), type->tops, "tops");
    proto->set_name(layer.name);
    proto->set_op_type(layer.type);
    add_blobs(layer, *type, *proto);
    for (std::size_t i = 0; i < layer.tops.size(); ++i)
      proto->add_output(add_top(layer, i));
    graph_.nodes.push_back({proto, layer.name.empty() ? layer.type : layer.name, "layer",
                            [network = network_, &layer, type](NodeContext& node) {
                              const Settings settings = Settings(layer.message, "").message(type->settings);
                              LayerContext context(layer, settings, node);
                              type->import(context);
                              settings.check_all_read();
                            }});
  }

  // Returns the name of the value that top `i` is.
  std::string add_top(const Layer& layer, std::size_t i) {
    const std::string& top = layer.tops[i];
    if (top.empty())
      throw Error("a top has no name");
    const bool in_place = i < layer.bottoms.size() && layer.bottoms[i] == top;
    if (written_[top]++ > 0 && !in_place)
      throw Error("its top '" + top + "' is the top of a layer before it, too");
    const bool last = written_[top] == writers_[top];
    const std::string value = last && plain_.insert(top).second ? top : fresh(top + "@" + layer.name);
    current_[top] = value;
    made_.push_back(value);
    return value;
  }

  void add_blobs(const Layer& layer, const LayerType& type, onnx::NodeProto& proto) {
    const BlobRanks ranks =
        type.blobs ? type.blobs(layer, Settings(layer.message, "").message(type.settings)) : BlobRanks{};
    if (ranks.empty())
      return;
    if (!weights_)
      throw Error("it has weights: give the .caffemodel file that holds them (ModelOptions::caffemodel, "
                  "--caffemodel)");
    const auto found = weights_->layers.find(layer.name);
    if (found == weights_->layers.end())
      throw Error(weights_->path + " has no weights for it");
    if (repeated_.contains(layer.name) || std::find(weights_->ambiguous.begin(), weights_->ambiguous.end(),
                                                    layer.name) != weights_->ambiguous.end())
      throw Error("several layers have this name, so that it does not say which weights are whose");
    const std::vector<Blob>& blobs = found->second;
    if (blobs.size() != ranks.size())
      throw Error(weights_->path + " has " + std::to_string(blobs.size()) + " blobs for it where " +
                  std::to_string(ranks.size()) + " are needed");
    for (std::size_t i = 0; i < blobs.size(); ++i) {
      const std::string name = fresh(layer.name + ".blobs[" + std::to_string(i) + "]");
      graph_.weights[name] = blobs[i].elements.reshaped(shape_of(blobs[i], ranks[i], i));
      graph_.file.proto->mutable_graph()->add_initializer()->set_name(name);
      proto.add_input(name);
    }
  }

  // Old files have extents of 1 in front of those that count.
  Shape shape_of(const Blob& blob, int rank, std::size_t i) const {
    std::span<const int64_t> dims = blob.dims;
    while (rank >= 0 && dims.size() > static_cast<std::size_t>(rank) && dims.front() == 1)
      dims = dims.subspan(1);
    if (rank >= 0 && dims.size() != static_cast<std::size_t>(rank))
      throw Error("blob " + std::to_string(i) + " in " + weights_->path + " has shape " +
                  to_string(Shape(blob.dims)) + " where " + std::to_string(rank) + " dimensions are needed");
    return Shape(dims);
  }

  // Inputs that only layers read which are left out.
  void drop_labels() {
    std::erase_if(graph_.inputs, [&](const ModelValue& input) {
      return dropped_readers_.contains(input.name) && !read_.contains(input.name);
    });
  }

  std::shared_ptr<const Description> network_;
  std::optional<WeightsFile> weights_;
  onnx_import::ModelGraph graph_;
  std::unordered_map<std::string, int> writers_, written_; // of a blob, in all and so far
  std::unordered_map<std::string, std::string> current_;   // the value that a blob is so far
  std::unordered_set<std::string> taken_;                  // names of blobs, values and weights
  std::unordered_set<std::string> plain_;                  // blobs of which a value has the name
  std::unordered_set<std::string> read_;                   // values
  std::unordered_set<std::string> dropped_readers_;        // blobs
  std::unordered_set<std::string> names_, repeated_;       // of layers
  std::vector<std::string> made_;                          // values, in their order
};

std::string read_text(const std::string& path) {
  data::ByteSource source(path);
  if (source.size() > kMaxTextBytes)
    throw Error(path + " has " + std::to_string(source.size()) + " bytes, too many for a description");
  std::string text(source.size(), '\0');
  source.read(text.data(), text.size());
  return text;
}

} // namespace

bool is_network(const std::string& path) {
  return path.ends_with(".prototxt");
}

onnx_import::ModelGraph read_network(const std::string& path, const std::string& caffemodel) {
  const std::string text = read_text(path); // names the path itself
  const auto named = [&](auto&& step) {
    try {
      return step();
    } catch (const Error& error) {
      throw Error(path + ": " + error.what(), error.kind());
    }
  };
  Description description = named([&] { return describe_network(text); });
  NetworkBuilder builder(std::move(description), caffemodel); // names the path of the weights
  return named([&] { return builder.build(); });
}

} // namespace sinter::caffe_import
