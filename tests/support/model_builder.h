// Small ONNX models made by the tests themselves.
#pragma once

#include <onnx.pb.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace sinter::test {

/// Builds a model node by node; every part of it stays open to be spoiled through `proto`.
class ModelBuilder {
public:
  explicit ModelBuilder(int64_t opset = 13);

  /// A value of the graph's interface. Negative extents become named dimensions ("n", "m", ...).
  ModelBuilder& input(const std::string& name, std::vector<int64_t> dims,
                      onnx::TensorProto::DataType type = onnx::TensorProto::FLOAT);
  ModelBuilder& output(const std::string& name, std::vector<int64_t> dims,
                       onnx::TensorProto::DataType type = onnx::TensorProto::FLOAT);
  /// An initialiser with the given elements, or with small numbers made up from `seed`.
  ModelBuilder& weight(const std::string& name, std::vector<int64_t> dims, uint64_t seed = 1);
  ModelBuilder& integers(const std::string& name, std::vector<int64_t> values, bool scalar = false);
  /// The node made last is `last()`.
  ModelBuilder& node(const std::string& op, std::vector<std::string> inputs,
                     std::vector<std::string> outputs);
  ModelBuilder& attribute(const std::string& name, int64_t value);
  ModelBuilder& attribute(const std::string& name, float value);
  ModelBuilder& attribute(const std::string& name, std::vector<int64_t> values);
  ModelBuilder& attribute(const std::string& name, const std::string& value);

  onnx::NodeProto& last() { return *proto.mutable_graph()->mutable_node(proto.graph().node_size() - 1); }
  onnx::TensorProto& last_weight() {
    return *proto.mutable_graph()->mutable_initializer(proto.graph().initializer_size() - 1);
  }
  std::string bytes() const { return proto.SerializeAsString(); }
  void save(const std::string& path) const;

  onnx::ModelProto proto;

private:
  onnx::AttributeProto& add_attribute(const std::string& name, onnx::AttributeProto::AttributeType type);
};

/// A convolutional classifier with everything that makes models hard to read: a shape subgraph, a residual
/// connection, pooling, batch-norm, softmax. Input x [n, 3, 8, 8], output y [n, 5].
ModelBuilder small_classifier();

} // namespace sinter::test
