// Small ONNX models made by the tests themselves.
#include "support/model_builder.h"

#include <cstring>
#include <fstream>
#include <stdexcept>

namespace sinter::test {

namespace {

void declare(onnx::ValueInfoProto& value, const std::string& name, const std::vector<int64_t>& dims,
             onnx::TensorProto::DataType type) {
  value.set_name(name);
  auto* tensor = value.mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(type);
  auto* shape = tensor->mutable_shape();
  std::string parameter = "n";
  for (int64_t extent : dims) {
    auto* dim = shape->add_dim();
    if (extent >= 0)
      dim->set_dim_value(extent);
    else
      dim->set_dim_param(parameter);
    ++parameter[0];
  }
}

} // namespace

ModelBuilder::ModelBuilder(int64_t opset) {
  proto.set_ir_version(7);
  auto* import = proto.add_opset_import();
  import->set_domain("");
  import->set_version(opset);
  proto.mutable_graph()->set_name("test");
}

ModelBuilder& ModelBuilder::input(const std::string& name, std::vector<int64_t> dims,
                                  onnx::TensorProto::DataType type) {
  declare(*proto.mutable_graph()->add_input(), name, dims, type);
  return *this;
}

ModelBuilder& ModelBuilder::output(const std::string& name, std::vector<int64_t> dims,
                                   onnx::TensorProto::DataType type) {
  declare(*proto.mutable_graph()->add_output(), name, dims, type);
  return *this;
}

ModelBuilder& ModelBuilder::weight(const std::string& name, std::vector<int64_t> dims, uint64_t seed) {
  onnx::TensorProto& tensor = *proto.mutable_graph()->add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  std::size_t elements = 1;
  for (int64_t extent : dims) {
    tensor.add_dims(extent);
    elements *= static_cast<std::size_t>(extent);
  }
  std::string raw(elements * sizeof(float), '\0');
  uint64_t state = seed * 0x9E3779B97F4A7C15ULL + 1;
  for (std::size_t i = 0; i < elements; ++i) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    const float value = static_cast<float>(static_cast<double>(state >> 40) / (1 << 24)) - 0.25F;
    std::memcpy(raw.data() + i * sizeof(float), &value, sizeof(float));
  }
  tensor.set_raw_data(raw);
  return *this;
}

ModelBuilder& ModelBuilder::integers(const std::string& name, std::vector<int64_t> values, bool scalar) {
  onnx::TensorProto& tensor = *proto.mutable_graph()->add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::INT64);
  if (!scalar)
    tensor.add_dims(static_cast<int64_t>(values.size()));
  for (int64_t value : values)
    tensor.add_int64_data(value);
  return *this;
}

ModelBuilder& ModelBuilder::node(const std::string& op, std::vector<std::string> inputs,
                                 std::vector<std::string> outputs) {
  onnx::NodeProto& node = *proto.mutable_graph()->add_node();
  node.set_op_type(op);
  node.set_name(op + std::to_string(proto.graph().node_size()));
  for (std::string& name : inputs)
    node.add_input(std::move(name));
  for (std::string& name : outputs)
    node.add_output(std::move(name));
  return *this;
}

onnx::AttributeProto& ModelBuilder::add_attribute(const std::string& name,
                                                  onnx::AttributeProto::AttributeType type) {
  onnx::AttributeProto& attribute = *last().add_attribute();
  attribute.set_name(name);
  attribute.set_type(type);
  return attribute;
}

ModelBuilder& ModelBuilder::attribute(const std::string& name, int64_t value) {
  add_attribute(name, onnx::AttributeProto::INT).set_i(value);
  return *this;
}

ModelBuilder& ModelBuilder::attribute(const std::string& name, float value) {
  add_attribute(name, onnx::AttributeProto::FLOAT).set_f(value);
  return *this;
}

ModelBuilder& ModelBuilder::attribute(const std::string& name, std::vector<int64_t> values) {
  onnx::AttributeProto& attribute = add_attribute(name, onnx::AttributeProto::INTS);
  for (int64_t value : values)
    attribute.add_ints(value);
  return *this;
}

ModelBuilder& ModelBuilder::attribute(const std::string& name, const std::string& value) {
  add_attribute(name, onnx::AttributeProto::STRING).set_s(value);
  return *this;
}

void ModelBuilder::save(const std::string& path) const {
  std::ofstream file(path, std::ios::binary);
  file << bytes();
  if (!file.flush())
    throw std::runtime_error("cannot write " + path);
}

ModelBuilder small_classifier() {
  ModelBuilder model;
  model.input("x", {-1, 3, 8, 8}).output("y", {-1, 5});
  model.weight("w1", {8, 3, 3, 3}, 1).weight("b1", {8}, 2).weight("w2", {8, 8, 3, 3}, 3);
  model.weight("scale", {8}, 4).weight("shift", {8}, 5).weight("mean", {8}, 6).weight("variance", {8}, 7);
  model.weight("fc", {32, 5}, 8).weight("fcb", {5}, 9);
  for (char& byte : *model.proto.mutable_graph()->mutable_initializer(6)->mutable_raw_data())
    byte = static_cast<char>(byte & 0x7f); // variances are not negative: clears sign bits, among others
  model.integers("zero", {0}, true).integers("axes", {0}).integers("rest", {-1});
  model.node("Conv", {"x", "w1", "b1"}, {"c1"}).attribute("pads", std::vector<int64_t>{1, 1, 1, 1});
  model.node("Relu", {"c1"}, {"r1"});
  model.node("Conv", {"r1", "w2"}, {"c2"}).attribute("pads", std::vector<int64_t>{1, 1, 1, 1});
  model.node("BatchNormalization", {"c2", "scale", "shift", "mean", "variance"}, {"n2"})
      .attribute("epsilon", 1e-3F);
  model.node("Add", {"n2", "r1"}, {"s2"});
  model.node("Relu", {"s2"}, {"r2"});
  model.node("MaxPool", {"r2"}, {"p2"})
      .attribute("kernel_shape", std::vector<int64_t>{4, 4})
      .attribute("strides", std::vector<int64_t>{4, 4});
  model.node("Shape", {"p2"}, {"shape"});
  model.node("Gather", {"shape", "zero"}, {"batch"});
  model.node("Unsqueeze", {"batch", "axes"}, {"batch1"});
  model.node("Concat", {"batch1", "rest"}, {"flat"}).attribute("axis", int64_t{0});
  model.node("Reshape", {"p2", "flat"}, {"f"});
  model.node("Gemm", {"f", "fc", "fcb"}, {"g"}).attribute("alpha", 0.1F);
  model.node("Softmax", {"g"}, {"y"}).attribute("axis", int64_t{1});
  return model;
}

} // namespace sinter::test
