// Models of ONNX in functions that are differentiated or compiled: gradients by inputs and by weights.
#include "support/model_builder.h"
#include "support/tool.h"

#include "frontend/autodiff/recorder.h"
#include "sinter/sinter.h"

#include "unit/error_of.h"
#include "unit/f64_tensors.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>

namespace sinter::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Parameters = std::map<std::string, Tensor>;

/// The model with f64 in the place of f32, for differences.
ModelBuilder in_f64(ModelBuilder model) {
  auto& graph = *model.proto.mutable_graph();
  for (auto& tensor : *graph.mutable_initializer()) {
    if (tensor.data_type() != onnx::TensorProto::FLOAT)
      continue;
    std::string wide;
    for (std::size_t at = 0; at < tensor.raw_data().size(); at += sizeof(float)) {
      float number = 0;
      std::memcpy(&number, tensor.raw_data().data() + at, sizeof number);
      const double same = number;
      wide.append(reinterpret_cast<const char*>(&same), sizeof same);
    }
    tensor.set_raw_data(wide);
    tensor.set_data_type(onnx::TensorProto::DOUBLE);
  }
  for (auto* values : {graph.mutable_input(), graph.mutable_output()})
    for (auto& value : *values)
      value.mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::DOUBLE);
  return model;
}

class OnnxGradient : public testing::Test {
protected:
  Model load(const ModelBuilder& model) {
    model.save(path_);
    return Model::load(path_);
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.path("m.onnx");
};

Tensor images(uint64_t seed) {
  return cast(Tensor::uniform({1, 3, 8, 8}, seed, -1, 1), DType::f64);
}

/// One number of what a classifier gives.
Tensor loss_of(const Tensor& y) {
  return sum(y * y * f64({1, -2, 3, -4, 5}, {5}));
}

/// The derivative of `f` by element `at` of `x`, by central differences.
template <class F>
double difference(F&& f, const Tensor& x, std::size_t at) {
  constexpr double kStep = 1e-5;
  const auto moved = [&](double by) {
    std::vector<double> values = numbers(x);
    values[at] += by;
    return f(f64(values, x.shape())).item();
  };
  return (moved(kStep) - moved(-kStep)) / (2 * kStep);
}

template <class F>
void expect_gradient(const Tensor& gradient, F&& f, const Tensor& x, const std::string& what) {
  const std::vector<double> actual = numbers(gradient);
  ASSERT_EQ(actual.size(), static_cast<std::size_t>(x.elements())) << what;
  double largest = 0;
  for (std::size_t i = 0; i < actual.size(); i += 1 + actual.size() / 40) {
    EXPECT_NEAR(actual[i], difference(f, x, i), 1e-7 * std::max(1.0, std::abs(actual[i])))
        << what << ", element " << i;
    largest = std::max(largest, std::abs(actual[i]));
  }
  EXPECT_GT(largest, 1e-6) << what << " has no derivative to speak of";
}

TEST_F(OnnxGradient, ByTheInputAgreesWithDifferences) {
  Model model = load(in_f64(small_classifier()));
  const auto loss = [&](Tensor x) { return loss_of(model.run({x})[0]); };
  const Tensor x = images(1);
  const Tensor gradient = grad(loss)(x);
  expect_gradient(gradient, loss, x, "x");
  EXPECT_LT(max(abs(compile(grad(loss))(x) - gradient)).item(), 1e-12);

  const Tensor direction = images(2);
  const auto [value, tangent] = jvp(loss)(x, direction);
  EXPECT_NEAR(value.item(), loss(x).item(), 1e-12);
  EXPECT_NEAR(tangent.item(), sum(gradient * direction).item(), 1e-10);
}

TEST_F(OnnxGradient, IsPartOfACompiledFunction) {
  Model model = load(small_classifier());
  const auto function = compile([&](Tensor x) { return model.run({x * 2})[0] + 1; });
  const Tensor x = Tensor::uniform({2, 3, 8, 8}, 1);
  EXPECT_LT(max(abs(function(x) - (model.run({x * 2})[0] + 1))).item(), 1e-5);
}

TEST_F(OnnxGradient, ByWeightsAgreesWithDifferences) {
  Model model = load(in_f64(small_classifier()));
  const Parameters parameters = model.parameters();
  std::vector<std::string> names;
  for (const auto& [name, tensor] : parameters)
    names.push_back(name);
  EXPECT_THAT(names, ElementsAre("b1", "fc", "fcb", "mean", "scale", "shift", "variance", "w1", "w2"));
  const Tensor x = images(1);
  EXPECT_EQ(max(abs(model.run({}, {x})[0] - model.run({x})[0])).item(), 0);
  EXPECT_LT(max(abs(model.run(parameters, {x})[0] - model.run({x})[0])).item(), 1e-12);

  const auto loss = [&](Parameters p) { return loss_of(model.run(p, {x})[0]); };
  const Parameters gradient = grad(loss)(parameters);
  for (const auto& [name, tensor] : parameters)
    expect_gradient(
        gradient.at(name),
        [&](Tensor moved) {
          Parameters all = parameters;
          all[name] = moved;
          return loss(all);
        },
        tensor, name);

  // Those that are not given stay what they are.
  const Parameters some{{"fc", parameters.at("fc")}};
  EXPECT_LT(max(abs(grad(loss)(some).at("fc") - gradient.at("fc"))).item(), 1e-12);
}

TEST_F(OnnxGradient, OtherValuesFindTheProgram) {
  Model model = load(small_classifier());
  Parameters parameters = model.parameters();
  const Tensor target = Tensor::of({0, 0, 1, 0, 0}, {1, 5});
  const auto loss = [&](Parameters p, Tensor x) { return sum(square(model.run(p, {x})[0] - target)); };
  const auto by_input = [&](Tensor x) { return sum(square(model.run({x})[0])); };
  const Tensor x = Tensor::uniform({1, 3, 8, 8}, 1);
  const int64_t before = autodiff::Recorder::compilations();
  std::vector<double> losses;
  for (int i = 0; i < 10; ++i) {
    const auto [value, gradient] = value_and_grad(loss)(parameters, x);
    losses.push_back(value.item());
    parameters = map_tensors(parameters, gradient, [](Tensor p, Tensor g) { return p - g * 0.1; });
  }
  EXPECT_LT(losses.back(), 0.5 * losses.front());
  EXPECT_EQ(autodiff::Recorder::compilations(), before + 1);
  for (int i = 0; i < 3; ++i)
    grad(by_input)(x * (i + 1));
  EXPECT_EQ(autodiff::Recorder::compilations(), before + 2);
}

// Constants of a program are those of the model it was recorded from.
TEST_F(OnnxGradient, ModelsOfTheSameNamesAreNotMistaken) {
  const Tensor x = Tensor::uniform({1, 40}, 1);
  const auto gradient_of = [&](uint64_t seed) {
    ModelBuilder builder;
    builder.input("x", {1, 40}).output("y", {1, 40}).weight("w", {40, 40}, seed);
    builder.node("MatMul", {"x", "w"}, {"y"});
    builder.save(path_);
    // The model is gone before what was recorded is compiled.
    return grad([&](Tensor x) { return sum(Model::load(path_).run({x})[0]); })(x);
  };
  const Tensor first = gradient_of(1), second = gradient_of(2);
  EXPECT_GT(max(abs(first - second)).item(), 0.1);
  EXPECT_EQ(max(abs(gradient_of(1) - first)).item(), 0);
  const Parameters parameters = Model::load(path_).parameters();
  EXPECT_LT(max(abs(first - sum(parameters.at("w"), {1}))).item(), 1e-4);
}

// What says how much is resampled is no weight.
TEST_F(OnnxGradient, SettingsAreNoParameters) {
  ModelBuilder model(13);
  model.input("x", {1, 1, 4, 4}).output("y", {1, 1, 8, 8}).weight("gain", {1, 1, 1, 1}).weight("scales", {4});
  const float scales[] = {1, 1, 2, 2};
  model.last_weight().set_raw_data(std::string(reinterpret_cast<const char*>(scales), sizeof scales));
  model.node("Mul", {"x", "gain"}, {"z"});
  model.node("Resize", {"z", "", "scales"}, {"y"}).attribute("mode", "linear");
  Model loaded = load(model);
  const Parameters parameters = loaded.parameters();
  ASSERT_EQ(parameters.size(), 1U);
  const Tensor x = Tensor::uniform({1, 1, 4, 4}, 1);
  const Parameters gradient = grad([&](Parameters p) { return sum(loaded.run(p, {x})[0]); })(parameters);
  EXPECT_NEAR(gradient.at("gain").item(), 4 * sum(x).item(), 1e-3);
}

TEST_F(OnnxGradient, ErrorsNameTheModelAndTheWeight) {
  Model model = load(small_classifier());
  const Tensor x = Tensor::uniform({1, 3, 8, 8}, 1);
  EXPECT_EQ(error_of([&] { model.run({{"w", x}}, {x}); }), path_ + ": the model has no weight 'w'");
  EXPECT_EQ(error_of([&] { model.run({{"fcb", x}}, {x}); }),
            path_ + ": weight 'fcb' must be f32[5], got f32[1, 3, 8, 8]");
  EXPECT_EQ(error_of([&] { model.run({{"rest", x}}, {x}); }),
            path_ + ": weight 'rest', i64[1], is not of floating-point numbers");
  EXPECT_THAT(error_of([&] { grad([&](Tensor x) { return sum(model.run({x})[0]); })(squeeze(x, 0)); }),
              HasSubstr("input 'x' must be f32[n, 3, 8, 8], got f32[3, 8, 8]"));
  EXPECT_THAT(error_of([&] { compile([&](Tensor x) { return model.interpret({x}); })(x); }),
              HasSubstr("input 'x' has no elements"));
  std::optional<Tensor> leaked;
  compile([&](Tensor x) { return leaked.emplace(x * 2); })(x);
  EXPECT_THAT(error_of([&] { model.run({*leaked}); }), HasSubstr("is used after that was traced"));
}

} // namespace
} // namespace sinter::test
