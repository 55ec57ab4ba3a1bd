// Models of one node, run by the reference interpreter.
#pragma once

#include "sinter/onnx.h"
#include "support/model_builder.h"
#include "support/tool.h"

#include <gmock/gmock.h>

#include <functional>

namespace sinter::test {

/// Builds a model of one node. Inputs are x0, x1, ... in the order of the calls.
class OneNode {
public:
  OneNode(const std::string& op, int64_t opset) : model_(opset) { model_.node(op, {}, {"y"}); }

  OneNode& x(const Tensor& value) {
    const std::string name = "x" + std::to_string(inputs_.size());
    const Shape& shape = value.shape();
    const auto type = value.dtype() == DType::f32       ? onnx::TensorProto::FLOAT
                      : value.dtype() == DType::i64     ? onnx::TensorProto::INT64
                      : value.dtype() == DType::boolean ? onnx::TensorProto::BOOL
                                                        : onnx::TensorProto::UNDEFINED;
    model_.input(name, {shape.begin(), shape.end()}, type);
    model_.last().add_input(name);
    inputs_.push_back(value);
    return *this;
  }
  OneNode& x(std::initializer_list<float> values, const Shape& shape) { return x(Tensor::of(values, shape)); }
  /// An i64 initialiser, of rank 1 unless `scalar`.
  OneNode& integers(const std::vector<int64_t>& values, bool scalar = false) {
    const std::string name = "c" + std::to_string(model_.proto.graph().initializer_size());
    model_.integers(name, values, scalar);
    model_.last().add_input(name);
    return *this;
  }
  /// An f32 initialiser.
  OneNode& numbers(const std::vector<float>& values, bool scalar = false) {
    onnx::TensorProto& tensor = *model_.proto.mutable_graph()->add_initializer();
    tensor.set_name("c" + std::to_string(model_.proto.graph().initializer_size() - 1));
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    if (!scalar)
      tensor.add_dims(static_cast<int64_t>(values.size()));
    tensor.mutable_float_data()->Assign(values.begin(), values.end());
    model_.last().add_input(tensor.name());
    return *this;
  }
  OneNode& absent() {
    model_.last().add_input("");
    return *this;
  }
  OneNode& set(const std::string& name, int64_t value) { return model_.attribute(name, value), *this; }
  OneNode& set(const std::string& name, float value) { return model_.attribute(name, value), *this; }
  OneNode& set(const std::string& name, const char* value) {
    return model_.attribute(name, std::string(value)), *this;
  }
  OneNode& set(const std::string& name, std::vector<int64_t> values) {
    return model_.attribute(name, std::move(values)), *this;
  }
  OneNode& set_numbers(const std::string& name, const std::vector<float>& values) {
    onnx::AttributeProto& attribute = *model_.last().add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::FLOATS);
    attribute.mutable_floats()->Assign(values.begin(), values.end());
    return *this;
  }

  ModelBuilder& model() { return model_; }

  /// The first of `outputs` outputs.
  Tensor run() { return run_all(1).front(); }
  std::vector<Tensor> run_all(int outputs) {
    for (int i = 1; i < outputs; ++i)
      model_.last().add_output("y" + std::to_string(i));
    for (const std::string& name : model_.last().output())
      model_.proto.mutable_graph()->add_output()->set_name(name);
    const TemporaryFolder folder;
    model_.save(folder.path("model.onnx"));
    return Model::load(folder.path("model.onnx")).interpret(inputs_);
  }
  /// The message of the error that running throws.
  std::string error() {
    try {
      run();
    } catch (const Error& error) {
      const std::string text = error.what();
      return text.substr(text.find("model.onnx: ") + std::string("model.onnx: ").size());
    }
    return "no error";
  }

private:
  ModelBuilder model_;
  std::vector<Tensor> inputs_;
};

inline void expect_tensor(const Tensor& actual, const Shape& shape, const std::vector<float>& values) {
  EXPECT_EQ(to_string(actual.shape()), to_string(shape));
  ASSERT_EQ(actual.dtype(), DType::f32);
  EXPECT_THAT(actual.to_vector<float>(), testing::Pointwise(testing::FloatNear(1e-5F), values));
}

inline void expect_tensor(const Tensor& actual, const Shape& shape, const std::vector<int64_t>& values) {
  EXPECT_EQ(to_string(actual.shape()), to_string(shape));
  ASSERT_EQ(actual.dtype(), DType::i64);
  EXPECT_THAT(actual.to_vector<int64_t>(), testing::ElementsAreArray(values));
}

} // namespace sinter::test
