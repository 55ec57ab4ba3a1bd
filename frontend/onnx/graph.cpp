// A model in memory, checked: every name defined once and before its use, every operator known.
#include "frontend/onnx/graph.h"

#include "frontend/onnx/operators.h"
#include "sinter/runtime/error.h"

#include "onnx.pb.h"

#include <algorithm>
#include <unordered_set>

namespace sinter::onnx_import {
namespace {

bool is_onnx_domain(const std::string& domain) {
  return domain.empty() || domain == "ai.onnx";
}

// Runs `read`, naming `what` in the errors it throws.
template <class F>
auto naming(const std::string& what, F&& read) {
  try {
    return read();
  } catch (const Error& error) {
    throw Error(what + ": " + error.what(), error.kind());
  }
}

int64_t find_opset(const onnx::ModelProto& model) {
  int64_t opset = 0;
  for (const auto& import : model.opset_import()) {
    if (!is_onnx_domain(import.domain()))
      continue;
    if (opset != 0 && opset != import.version())
      throw Error("the model imports both opset " + std::to_string(opset) + " and opset " +
                  std::to_string(import.version()));
    opset = import.version();
  }
  if (opset <= 0)
    throw Error("the model does not say which opset it uses");
  if (opset < kFirstOpset || opset > kLastOpset)
    throw Error("the model uses opset " + std::to_string(opset) + "; opsets from " +
                std::to_string(kFirstOpset) + " to " + std::to_string(kLastOpset) + " are understood");
  return opset;
}

ModelValue read_value(const onnx::ValueInfoProto& info) {
  ModelValue value;
  value.name = info.name();
  if (!info.has_type() || !info.type().has_tensor_type())
    throw Error("it is not declared as a tensor");
  const auto& type = info.type().tensor_type();
  value.dtype = dtype_of_onnx(type.elem_type());
  value.has_shape = type.has_shape();
  if (type.shape().dim_size() > kMaxRank)
    throw Error("it has " + std::to_string(type.shape().dim_size()) + " dimensions; at most " +
                std::to_string(kMaxRank) + " are supported");
  for (const auto& dim : type.shape().dim()) {
    if (dim.has_dim_value() && dim.dim_value() < 0 && dim.dim_value() != -1)
      throw Error("it has a dimension of extent " + std::to_string(dim.dim_value()));
    value.dims.push_back(dim.has_dim_value() ? dim.dim_value() : -1);
    value.dim_names.push_back(dim.dim_param());
  }
  return value;
}

// The tensor that a Constant node holds in one of its attributes.
StoredWeight read_constant(const ModelFile& file, const onnx::NodeProto& node) {
  Weight weight;
  auto store = [&]<class T>(const T* values, int count, const Shape& shape) {
    weight = {Storage::allocate(static_cast<std::size_t>(count) * sizeof(T)), dtype_of<T>, shape};
    std::copy_n(values, count, reinterpret_cast<T*>(weight.storage->data()));
  };
  for (const auto& attribute : node.attribute()) {
    if (attribute.name() == "value" && attribute.has_t())
      return find_weight(file, attribute.t());
    const float number = attribute.f();
    const int64_t integer = attribute.i();
    if (attribute.name() == "value_float")
      return store(&number, 1, {}), StoredWeight(weight);
    if (attribute.name() == "value_int")
      return store(&integer, 1, {}), StoredWeight(weight);
    if (attribute.name() == "value_floats")
      return store(attribute.floats().data(), attribute.floats_size(), {attribute.floats_size()}),
             StoredWeight(weight);
    if (attribute.name() == "value_ints")
      return store(attribute.ints().data(), attribute.ints_size(), {attribute.ints_size()}),
             StoredWeight(weight);
  }
  throw Error("it has no dense number or tensor as its value; strings and sparse tensors are not supported");
}

class GraphBuilder {
public:
  explicit GraphBuilder(ModelFile file) { model_.file = std::move(file); }

  ModelGraph build() {
    const onnx::GraphProto& graph = model_.file.proto->graph();
    model_.opset = find_opset(*model_.file.proto);
    if (graph.sparse_initializer_size() > 0)
      throw Error("sparse initialisers are not supported");
    read_initializers(graph);
    read_inputs(graph);
    read_nodes(graph);
    read_outputs(graph);
    order_nodes();
    return std::move(model_);
  }

private:
  enum class Mark : uint8_t { unseen, open, done };

  void define(const std::string& name, const std::string& by) {
    if (!defined_.insert(name).second)
      throw Error(by + " defines '" + name + "', which is defined already");
  }

  void read_initializers(const onnx::GraphProto& graph) {
    for (const onnx::TensorProto& tensor : graph.initializer()) {
      const std::string what = "initialiser '" + tensor.name() + "'";
      if (tensor.name().empty())
        throw Error("an initialiser has no name");
      define(tensor.name(), what);
      model_.weights[tensor.name()] = naming(what, [&] { return find_weight(model_.file, tensor); });
    }
  }

  void read_inputs(const onnx::GraphProto& graph) {
    for (const onnx::ValueInfoProto& info : graph.input()) {
      if (model_.weights.count(info.name())) // before IR version 4 every initialiser was listed as an input
        continue;
      const std::string what = "input '" + info.name() + "'";
      define(info.name(), what);
      model_.inputs.push_back(naming(what, [&] { return read_value(info); }));
    }
  }

  void read_nodes(const onnx::GraphProto& graph) {
    for (int i = 0; i < graph.node_size(); ++i) {
      const onnx::NodeProto& proto = graph.node(i);
      all_.push_back(
          {&proto, proto.name().empty() ? proto.op_type() + "#" + std::to_string(i) : proto.name()});
      const std::string what = describe(all_.back());
      for (const std::string& output : proto.output()) {
        if (output.empty())
          continue;
        define(output, what);
        producers_[output] = i;
      }
      if (proto.op_type() != "Constant" || !is_onnx_domain(proto.domain()))
        continue;
      if (proto.output_size() != 1)
        throw Error(what + ": it must have one output");
      model_.weights[proto.output(0)] = naming(what, [&] { return read_constant(model_.file, proto); });
      producers_.erase(proto.output(0));
    }
  }

  void read_outputs(const onnx::GraphProto& graph) {
    std::unordered_set<std::string> names;
    for (const onnx::ValueInfoProto& info : graph.output()) {
      const std::string what = "output '" + info.name() + "'";
      if (!names.insert(info.name()).second)
        throw Error(what + " is listed twice");
      if (!defined_.count(info.name()))
        throw Error(what + " is not computed by any node");
      // What the outputs are is known from the graph itself; many writers leave their types out.
      ModelValue value;
      value.name = info.name();
      value.has_shape = false;
      if (info.has_type())
        value = naming(what, [&] { return read_value(info); });
      model_.outputs.push_back(std::move(value));
    }
    if (model_.outputs.empty())
      throw Error("the model has no outputs");
  }

  // Keeps the nodes that the outputs need, in an order in which operands come first: the file's if it is one.
  void order_nodes() {
    marks_.assign(all_.size(), Mark::unseen);
    for (const ModelValue& output : model_.outputs)
      if (auto found = producers_.find(output.name); found != producers_.end())
        visit(found->second);
    if (file_order_holds_)
      std::sort(order_.begin(), order_.end());
    for (int i : order_) {
      GraphNode& node = all_[static_cast<std::size_t>(i)];
      node.import = handler_of(node);
      model_.nodes.push_back(node);
    }
  }

  // Depth first from `root`, without recursion: a chain may be as long as the file.
  void visit(int root) {
    struct Frame {
      int node;
      int next_input = 0;
    };
    std::vector<Frame> stack;
    auto enter = [&](int node) {
      Mark& mark = marks_[static_cast<std::size_t>(node)];
      if (mark == Mark::open)
        throw Error(describe(all_[static_cast<std::size_t>(node)]) + " depends on its own output");
      if (mark == Mark::done)
        return;
      mark = Mark::open;
      stack.push_back({node});
    };
    enter(root);
    while (!stack.empty()) {
      Frame& frame = stack.back();
      const GraphNode& node = all_[static_cast<std::size_t>(frame.node)];
      if (frame.next_input == node.proto->input_size()) {
        marks_[static_cast<std::size_t>(frame.node)] = Mark::done;
        order_.push_back(frame.node);
        stack.pop_back();
        continue;
      }
      const std::string& input = node.proto->input(frame.next_input++);
      if (input.empty())
        continue;
      if (!defined_.count(input))
        throw Error(describe(node) + " uses '" + input + "', which nothing defines");
      if (auto found = producers_.find(input); found != producers_.end()) {
        file_order_holds_ &= found->second < frame.node;
        enter(found->second);
      }
    }
  }

  Handler handler_of(const GraphNode& node) const {
    const onnx::NodeProto& proto = *node.proto;
    const bool own = is_onnx_domain(proto.domain());
    const Handler handler = own ? find_operator(proto.op_type(), model_.opset) : nullptr;
    if (!handler)
      throw Error("operator " + (own ? "" : proto.domain() + ".") + proto.op_type() + " (opset " +
                  std::to_string(model_.opset) + "), node '" + node.label + "', is not supported");
    return handler;
  }

  ModelGraph model_;
  std::vector<GraphNode> all_;
  std::unordered_set<std::string> defined_;
  std::unordered_map<std::string, int> producers_; // of values computed by nodes
  std::vector<Mark> marks_;
  std::vector<int> order_;
  bool file_order_holds_ = true;
};

} // namespace

std::string describe(const GraphNode& node) {
  return std::string(node.format) + " '" + node.label + "' (" + node.proto->op_type() + ")";
}

ModelGraph build_graph(ModelFile file) {
  return GraphBuilder(std::move(file)).build();
}

} // namespace sinter::onnx_import
