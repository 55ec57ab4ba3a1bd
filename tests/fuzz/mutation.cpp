// Damaging models, first as messages (so that the damage gets past the parser), then as bytes.
#include "fuzz/mutation.h"

#include <algorithm>

namespace sinter::test {

namespace {

class Mutator {
public:
  explicit Mutator(uint64_t seed) : engine_(seed * 0x9E3779B97F4A7C15ULL + 7) {}

  int64_t below(int64_t bound) {
    return bound <= 0 ? 0 : static_cast<int64_t>(engine_() % static_cast<uint64_t>(bound));
  }

  int64_t absurd() {
    constexpr int64_t kNumbers[] = {0,         1,         -1,        2,         3,         7,
                                    8,         -2,        64,        1000,      1 << 16,   1 << 30,
                                    INT32_MAX, INT32_MIN, 1LL << 32, 1LL << 62, INT64_MAX, INT64_MIN};
    return kNumbers[below(std::size(kNumbers))];
  }

  void damageMessage(onnx::ModelProto& model) {
    onnx::GraphProto& graph = *model.mutable_graph();
    switch (below(9)) {
    case 0:
      return damageNumber(*anyNode(graph));
    case 1: {
      onnx::NodeProto* a = anyNode(graph);
      onnx::NodeProto* b = anyNode(graph);
      std::string type = a->op_type();
      a->set_op_type(b->op_type());
      b->set_op_type(type);
      return;
    }
    case 2: {
      onnx::NodeProto* a = anyNode(graph);
      onnx::NodeProto* b = anyNode(graph);
      if (a != b)
        a->mutable_attribute()->Swap(b->mutable_attribute());
      return;
    }
    case 3:
      return damageInputs(graph);
    case 4:
      return damageWeight(*graph.mutable_initializer(static_cast<int>(below(graph.initializer_size()))));
    case 5:
      return damageInterface(graph);
    case 6:
      model.mutable_opset_import(0)->set_version(below(2) != 0 ? below(24) : absurd());
      return;
    case 7:
      if (below(2) != 0)
        graph.mutable_node()->DeleteSubrange(static_cast<int>(below(graph.node_size())), 1);
      else
        *graph.add_node() = *anyNode(graph);
      return;
    default:
      graph.mutable_node()->SwapElements(static_cast<int>(below(graph.node_size())),
                                         static_cast<int>(below(graph.node_size())));
    }
  }

  void damageBytes(std::string& bytes) {
    if (bytes.empty())
      return;
    const auto at = static_cast<std::size_t>(below(static_cast<int64_t>(bytes.size())));
    switch (below(5)) {
    case 0:
      bytes.resize(at);
      return;
    case 1: {
      const auto length = std::min<std::size_t>(static_cast<std::size_t>(below(40)), bytes.size() - at);
      const std::string part = bytes.substr(at, length);
      bytes.replace(static_cast<std::size_t>(below(static_cast<int64_t>(bytes.size() - length + 1))), length,
                    part);
      return;
    }
    default:
      for (int64_t i = below(4); i >= 0; --i)
        bytes[static_cast<std::size_t>(below(static_cast<int64_t>(bytes.size())))] ^=
            static_cast<char>(1 << below(8));
    }
  }

private:
  onnx::NodeProto* anyNode(onnx::GraphProto& graph) {
    return graph.mutable_node(static_cast<int>(below(graph.node_size())));
  }

  void damageNumber(onnx::NodeProto& node) {
    if (node.attribute_size() == 0) {
      onnx::AttributeProto& attribute = *node.add_attribute();
      constexpr const char* kNames[] = {"axis",      "group",        "pads", "strides",
                                        "dilations", "kernel_shape", "to",   "auto_pad"};
      attribute.set_name(kNames[below(std::size(kNames))]);
      attribute.set_type(below(2) != 0 ? onnx::AttributeProto::INT : onnx::AttributeProto::INTS);
    }
    onnx::AttributeProto& attribute = *node.mutable_attribute(static_cast<int>(below(node.attribute_size())));
    if (attribute.ints_size() > 0 && below(4) != 0)
      attribute.set_ints(static_cast<int>(below(attribute.ints_size())), absurd());
    else if (below(3) == 0)
      attribute.add_ints(absurd());
    else if (below(4) == 0)
      attribute.set_type(static_cast<onnx::AttributeProto::AttributeType>(below(13)));
    else
      attribute.set_i(absurd());
  }

  void damageInputs(onnx::GraphProto& graph) {
    onnx::NodeProto& a = *anyNode(graph);
    const onnx::NodeProto& b = *anyNode(graph);
    if (a.input_size() == 0 || b.output_size() == 0)
      return;
    const int at = static_cast<int>(below(a.input_size()));
    switch (below(4)) {
    case 0:
      a.set_input(at, b.output(0)); // a cycle, often
      return;
    case 1:
      a.set_input(at, b.input_size() > 0 ? b.input(0) : "nothing");
      return;
    case 2:
      a.mutable_input()->RemoveLast();
      return;
    default:
      a.add_input(below(2) != 0 ? "" : a.input(at));
    }
  }

  void damageWeight(onnx::TensorProto& tensor) {
    switch (below(5)) {
    case 0:
      tensor.set_data_type(static_cast<int>(below(25)));
      return;
    case 1:
      if (tensor.dims_size() > 0)
        tensor.set_dims(static_cast<int>(below(tensor.dims_size())), absurd());
      return;
    case 2:
      tensor.add_dims(absurd());
      return;
    case 3:
      if (tensor.int64_data_size() > 0)
        tensor.set_int64_data(0, absurd());
      else
        tensor.mutable_raw_data()->resize(
            static_cast<std::size_t>(below(static_cast<int64_t>(tensor.raw_data().size()) + 9)));
      return;
    default:
      if (tensor.dims_size() > 1)
        tensor.mutable_dims()->SwapElements(0, tensor.dims_size() - 1);
    }
  }

  void damageInterface(onnx::GraphProto& graph) {
    onnx::ValueInfoProto& value = below(2) != 0 ? *graph.mutable_input(0) : *graph.mutable_output(0);
    auto& tensor = *value.mutable_type()->mutable_tensor_type();
    switch (below(4)) {
    case 0:
      tensor.set_elem_type(static_cast<int>(below(20)));
      return;
    case 1:
      tensor.mutable_shape()->mutable_dim(0)->set_dim_value(absurd());
      return;
    case 2:
      value.set_name(below(2) != 0 ? "" : "w1");
      return;
    default:
      tensor.mutable_shape()->add_dim()->set_dim_value(absurd());
    }
  }

  std::mt19937_64 engine_;
};

} // namespace

std::string mutate(const onnx::ModelProto& model, uint64_t seed) {
  Mutator mutator(seed);
  if (mutator.below(3) == 0) {
    std::string bytes = model.SerializeAsString();
    mutator.damageBytes(bytes);
    return bytes;
  }
  onnx::ModelProto copy = model;
  for (int64_t i = mutator.below(3); i >= 0; --i)
    mutator.damageMessage(copy);
  std::string bytes = copy.SerializeAsString();
  if (mutator.below(6) == 0)
    mutator.damageBytes(bytes);
  return bytes;
}

} // namespace sinter::test
