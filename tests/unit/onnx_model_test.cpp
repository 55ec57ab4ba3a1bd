// Importing whole graphs, and the Model around them.
#include "support/model_builder.h"
#include "support/tool.h"

#include "sinter/onnx.h"
#include "sinter/ops.h"
#include "sinter/tape.h"

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <limits>
#include <stdexcept>
#include <thread>

namespace sinter::test {
namespace {

class OnnxModel : public testing::Test {
protected:
  Model load(const ModelBuilder& model, ModelOptions options = {}) {
    model.save(folder_.path("m.onnx"));
    return Model::load(folder_.path("m.onnx"), std::move(options));
  }
  // The message of the error that `f` throws, without the path.
  template <class F>
  std::string error(F&& f) {
    try {
      f();
    } catch (const Error& error) {
      return std::string(error.what()).substr(folder_.path("m.onnx: ").size());
    }
    return "no error";
  }

  TemporaryFolder folder_;
};

ModelBuilder adder() {
  ModelBuilder model(13);
  model.input("a", {-1, 3}).input("b", {-1, 3}).output("y", {-1, 3}).node("Add", {"a", "b"}, {"y"});
  return model;
}

TEST_F(OnnxModel, SaysWhatItTakes) {
  const Model model = load(small_classifier());
  ASSERT_EQ(model.inputs().size(), 1U);
  EXPECT_EQ(model.inputs()[0].name, "x");
  EXPECT_THAT(model.inputs()[0].dims, testing::ElementsAre(-1, 3, 8, 8));
  EXPECT_EQ(model.inputs()[0].dim_names[0], "n");
  EXPECT_EQ(model.outputs()[0].name, "y");
}

TEST_F(OnnxModel, IsRecordedOnTapes) {
  Model model = load(adder());
  const Tensor leaf = Tensor::ones({1, 3}).set_requires_grad(), x = Tensor::ones({1, 3});
  const Tensor y = model.run({leaf * 2, x}).front();
  EXPECT_TRUE(y.requires_grad());
  sum(y * y).backward();
  EXPECT_THAT(leaf.grad().to_vector<float>(), testing::Each(12));
  EXPECT_THAT(y.to_vector<float>(), testing::Each(3));
  EXPECT_THAT(model.run({(leaf * 2).detach(), x}).front().to_vector<float>(), testing::Each(3));
  const NoGrad no_grad;
  EXPECT_THAT(model.run({leaf, x}).front().to_vector<float>(), testing::Each(2));
  EXPECT_FALSE(model.run({leaf, x}).front().requires_grad());
}

TEST_F(OnnxModel, InitialisersListedAsInputsAreConstants) {
  ModelBuilder model(9);
  model.input("x", {4}).input("w", {4}).output("y", {4}).weight("w", {4}).node("Add", {"x", "w"}, {"y"});
  EXPECT_EQ(load(model).inputs().size(), 1U);
}

TEST_F(OnnxModel, ShapeSubgraphsFoldAway) {
  const std::string text = load(small_classifier()).inspect({Tensor::zeros({2, 3, 8, 8})}, "imported");
  EXPECT_THAT(text, testing::HasSubstr("sinter.reshape"));
  EXPECT_THAT(text, testing::HasSubstr("tensor<2x32xf32>"));
  EXPECT_THAT(text, testing::HasSubstr("sinter.name = \"x\""));
  EXPECT_THAT(text, testing::HasSubstr("sinter.name = \"y\""));
  for (const char* gone : {"sinter.gather", "sinter.concat", "xi64"})
    EXPECT_THAT(text, testing::Not(testing::HasSubstr(gone)));
}

TEST_F(OnnxModel, WeightsAreElided) {
  ModelBuilder model(13);
  model.input("x", {1, 1000})
      .output("y", {1, 1000})
      .weight("w", {1000, 1000})
      .node("MatMul", {"x", "w"}, {"y"});
  EXPECT_LT(load(model).inspect({Tensor::zeros({1, 1000})}, "imported").size(), 4000U);
}

ModelBuilder large_product() {
  ModelBuilder model(13);
  model.input("x", {-1, 300}).output("y", {-1, 200}).weight("w", {300, 200}).weight("s", {200}, 2);
  model.node("MatMul", {"x", "w"}, {"product"}).node("Mul", {"product", "s"}, {"y"});
  return model;
}

TEST_F(OnnxModel, LargeWeightsAreReadWhenTheyAreNeeded) {
  const std::vector<Tensor> inputs{Tensor::uniform({3, 300}, 1, -1, 1)};
  Model model = load(large_product());
  const Tensor expected = model.interpret(inputs).at(0);
  EXPECT_LT(max(abs(model.run(inputs).at(0) - expected)).item(), 1e-3);
  // In full, and readable again: the text has the scaled weights, eight digits a number.
  EXPECT_GT(model.inspect(inputs, "planned", InspectFormat::text_with_weights).size(), 300U * 200U * 8U);
  EXPECT_LT(model.inspect(inputs, "planned").size(), 20000U);

  Model deleted = load(large_product());
  std::filesystem::remove(folder_.path("m.onnx"));
  EXPECT_LT(max(abs(deleted.run(inputs).at(0) - expected)).item(), 1e-3);

  Model changed = load(large_product());
  std::ofstream(folder_.path("m.onnx"), std::ios::app) << "x";
  EXPECT_THAT(error([&] { changed.run(inputs); }), testing::EndsWith("was changed after it was opened"));
}

// As exporters write it: numbers as raw data of no dimensions.
TEST_F(OnnxModel, NumbersOfTheFileAreKnownToPasses) {
  ModelBuilder model(13);
  model.input("x", {4, 300}).output("y", {4, 300});
  for (const auto& [name, value] :
       {std::pair{"root", 1.41421356F}, std::pair{"one", 1.0F}, std::pair{"half", 0.5F}}) {
    model.weight(name, {});
    model.last_weight().set_raw_data(&value, sizeof value);
  }
  model.node("Div", {"x", "root"}, {"scaled"}).node("Erf", {"scaled"}, {"erf"});
  model.node("Add", {"erf", "one"}, {"sum"}).node("Mul", {"x", "sum"}, {"product"});
  model.node("Mul", {"product", "half"}, {"y"});
  EXPECT_THAT(load(model).inspect({Tensor::zeros({4, 300})}, "optimized"), testing::HasSubstr("sinter.gelu"));
}

// Weights that hang on many others are not computed again for each of them.
TEST_F(OnnxModel, LongChainsOfConstantsEnd) {
  ModelBuilder model(13);
  model.input("x", {1000}).output("y", {1100, 1000}).weight("w0", {1100, 1000});
  for (int i = 0; i < 60; ++i)
    model.node(i % 2 ? "Add" : "Mul", {"w" + std::to_string(i), "w" + std::to_string(i)},
               {"w" + std::to_string(i + 1)});
  model.node("Add", {"x", "w60"}, {"y"});
  EXPECT_EQ(load(model).run({Tensor::zeros({1000})}).at(0).shape()[0], 1100);
}

TEST_F(OnnxModel, ErrorsNameTheNode) {
  ModelBuilder model(13);
  model.input("x", {2, 3}).output("y", {2, 3}).weight("w", {4, 5}).node("MatMul", {"x", "w"}, {"y"});
  EXPECT_THAT(error([&] { load(model).interpret({Tensor::zeros({2, 3})}); }),
              testing::StartsWith("node 'MatMul1' (MatMul): "));
  model.last().clear_name();
  EXPECT_THAT(error([&] { load(model).interpret({Tensor::zeros({2, 3})}); }),
              testing::StartsWith("node 'MatMul#0' (MatMul): "));
}

TEST_F(OnnxModel, InputsAreChecked) {
  const Model model = load(adder());
  const Tensor good = Tensor::zeros({2, 3});
  EXPECT_EQ(error([&] { model.check_inputs({good, good}); }), "no error");
  EXPECT_EQ(error([&] { model.check_inputs({good}); }), "the model takes 2 inputs, got 1");
  EXPECT_EQ(error([&] { model.check_inputs({good, Tensor::zeros({2, 4})}); }),
            "input 'b' must be f32[n, 3], got f32[2, 4]");
  EXPECT_EQ(error([&] { model.check_inputs({good, Tensor::zeros({3})}); }),
            "input 'b' must be f32[n, 3], got f32[3]");
  EXPECT_EQ(error([&] { model.check_inputs({good, Tensor::zeros({2, 3}, DType::f64)}); }),
            "input 'b' must be f32[n, 3], got f64[2, 3]");
  EXPECT_EQ(error([&] { model.check_inputs({good, Tensor::zeros({4, 3})}); }),
            "input 'b' must be f32[n, 3], got f32[4, 3]: dimension n is 2 elsewhere");
}

TEST_F(OnnxModel, StridedInputsAreFine) {
  Model model = load(adder());
  const Tensor a = Tensor::of({1, 4, 2, 5, 3, 6}, {3, 2}).transpose(0, 1);
  EXPECT_THAT(model.interpret({a, a}).front().to_vector<float>(), testing::ElementsAre(2, 4, 6, 8, 10, 12));
  EXPECT_THAT(model.run({a, a}).front().to_vector<float>(), testing::ElementsAre(2, 4, 6, 8, 10, 12));
}

TEST_F(OnnxModel, RunsAsInterpreted) {
  Model model = load(small_classifier());
  const Tensor x = Tensor::normal({3, 3, 8, 8}, 1);
  EXPECT_THAT(model.run({x}).front().to_vector<float>(),
              testing::Pointwise(testing::FloatNear(1e-4F), model.interpret({x}).front().to_vector<float>()));
}

TEST_F(OnnxModel, EveryShapeIsCompiledOnceAndTheOldestGoes) {
  ModelOptions options;
  options.cached_shapes = 2;
  Model model = load(adder(), options);
  auto compile = [&](int64_t n) { return model.compile({Tensor::zeros({n, 3}), Tensor::zeros({n, 3})}); };
  const auto one = compile(1), two = compile(2);
  EXPECT_EQ(compile(1), one);
  compile(3); // drops 2
  EXPECT_EQ(compile(1), one);
  EXPECT_NE(compile(2), two);
}

TEST_F(OnnxModel, MayBeRunFromSeveralThreads) {
  Model model = load(adder());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&model] {
      for (int64_t n = 1; n < 6; ++n) {
        const Tensor x = Tensor::ones({n, 3});
        EXPECT_THAT(model.run({x, x}).front().to_vector<float>(), testing::Each(2)) << n;
      }
    });
  for (std::thread& thread : threads)
    thread.join();
}

TEST_F(OnnxModel, KeepsNothingIfToldSo) {
  ModelOptions options;
  options.cached_shapes = 0;
  Model model = load(adder(), options);
  const Tensor x = Tensor::ones({2, 3});
  EXPECT_NE(model.compile({x, x}), model.compile({x, x}));
  EXPECT_THAT(model.run({x, x}).front().to_vector<float>(), testing::Each(2));
}

// The callback holds up the compilation of one shape until a program for another has run.
// Kernels the process has compiled before report no progress, and tests may be repeated in one process.
int64_t newExtent() {
  static int64_t extent = 1000;
  return ++extent;
}

TEST_F(OnnxModel, KnownShapesRunWhileAnotherIsCompiled) {
  std::promise<void> compiling, ran;
  std::atomic<bool> hold{false};
  auto has_run = ran.get_future();
  ModelOptions options;
  options.progress = [&](int64_t, int64_t) {
    if (hold.exchange(false)) {
      compiling.set_value();
      EXPECT_EQ(has_run.wait_for(std::chrono::seconds(60)), std::future_status::ready);
    }
  };
  Model model = load(adder(), options);
  const Tensor known = Tensor::ones({1, 3}), fresh = Tensor::ones({newExtent(), 3});
  model.compile({known, known});
  hold = true;
  std::thread other([&] { model.compile({fresh, fresh}); });
  compiling.get_future().wait();
  model.run({known, known});
  ran.set_value();
  other.join();
}

TEST_F(OnnxModel, WhatProgressThrowsFailsTheCompilation) {
  bool stop = true;
  ModelOptions options;
  options.progress = [&](int64_t, int64_t) {
    if (stop)
      throw std::runtime_error("enough");
  };
  Model model = load(adder(), options);
  const Tensor x = Tensor::ones({newExtent(), 3});
  EXPECT_EQ(error([&] { model.compile({x, x}); }), "enough");
  stop = false;
  EXPECT_THAT(model.run({x, x}).front().to_vector<float>(), testing::Each(2));
}

TEST_F(OnnxModel, AMovedModelSaysSo) {
  Model model = load(adder());
  const Model taken = std::move(model);
  EXPECT_EQ(taken.inputs().size(), 2U);
  const auto& left = model; // NOLINT(bugprone-use-after-move): that is what is tested
  EXPECT_THROW(left.inputs(), Error);
  EXPECT_THROW(model.run({}), Error);
}

TEST_F(OnnxModel, StagesAreKnownByName) {
  Model model = load(adder());
  const std::vector<Tensor> inputs{Tensor::zeros({2, 3}), Tensor::zeros({2, 3})};
  EXPECT_THAT(model.inspect(inputs, "imported"), testing::HasSubstr("sinter.add"));
  EXPECT_THAT(model.inspect(inputs, "fused"), testing::HasSubstr("sinter.fusion"));
  EXPECT_THAT(model.inspect(inputs, "planned"), testing::HasSubstr("sinter.launch"));
  EXPECT_THAT(model.inspect(inputs, "llvm"), testing::HasSubstr("define "));
  EXPECT_THAT(model.inspect(inputs, "fused", InspectFormat::dot), testing::HasSubstr("digraph"));
  EXPECT_EQ(error([&] { model.inspect(inputs, "molten"); }),
            "there is no stage 'molten'; there are imported, optimized, fused, planned and llvm, or, for a "
            "GPU, cuda");
  EXPECT_EQ(error([&] { model.inspect(inputs, "llvm", InspectFormat::dot); }), "stage llvm cannot be drawn");
}

TEST_F(OnnxModel, OutputsMayBeInputsOrConstants) {
  ModelBuilder model(13);
  model.input("x", {2}).output("x", {2}).output("w", {2}).output("same", {2}).weight("w", {2});
  model.node("Identity", {"x"}, {"same"});
  Model loaded = load(model);
  const Tensor x = Tensor::of({7, 8}, {2});
  for (const auto& outputs : {loaded.interpret({x}), loaded.run({x})}) {
    ASSERT_EQ(outputs.size(), 3U);
    EXPECT_THAT(outputs[0].to_vector<float>(), testing::ElementsAre(7, 8));
    EXPECT_THAT(outputs[2].to_vector<float>(), testing::ElementsAre(7, 8));
  }
}

// A convolution of weights large enough to be read late, all of them `weight`, and a batch-norm that scales
// by `scale`.
ModelBuilder late_weights(float weight, float scale) {
  ModelBuilder model(13);
  model.input("x", {1, 64, 8, 8}).output("y", {1, 64, 8, 8}).weight("w", {64, 64, 3, 3});
  const auto fill = [&](float value) {
    std::string& raw = *model.last_weight().mutable_raw_data();
    for (std::size_t at = 0; at < raw.size(); at += sizeof value)
      std::memcpy(raw.data() + at, &value, sizeof value);
  };
  fill(weight);
  for (const auto& [name, value] :
       {std::pair("scale", scale), {"shift", 1.F}, {"mean", 0.F}, {"variance", 1.F}}) {
    model.weight(name, {64});
    fill(value);
  }
  model.node("Conv", {"x", "w"}, {"c"}).attribute("pads", std::vector<int64_t>{1, 1, 1, 1});
  model.node("BatchNormalization", {"c", "scale", "shift", "mean", "variance"}, {"y"})
      .attribute("epsilon", 0.F);
  return model;
}

// Products of weights and scales, and Winograd's transforms of weights, may overflow where the results do
// not.
TEST_F(OnnxModel, WeightsThatOverflowWhenTheyAreFoldedAreNot) {
  constexpr float kInfinite = std::numeric_limits<float>::infinity();
  for (const auto& [weight, scale] : {std::pair(0.5F, 2.F), {1e38F, 1e3F}, {3e38F, 1.F}, {kInfinite, 1.F}}) {
    SCOPED_TRACE(testing::Message() << "weight " << weight << ", scale " << scale);
    Model model = load(late_weights(weight, scale));
    const Tensor x = Tensor::full({1, 64, 8, 8}, 1e-36F);
    const Tensor compiled = model.run({x}).front(), expected = model.interpret({x}).front();
    const auto* got = compiled.view().as<float>();
    const auto* wanted = expected.view().as<float>();
    for (int64_t i = 0; i < compiled.shape().elements(); ++i)
      if (weight == kInfinite)
        ASSERT_EQ(got[i], kInfinite) << i;
      else
        ASSERT_NEAR(got[i], wanted[i], 1e-5F * std::abs(wanted[i])) << i;
  }
}

// A few nodes that ask for astronomical work are refused, or at least not done while importing.
TEST_F(OnnxModel, SmallFilesCannotAskForHugeResults) {
  ModelBuilder model(13);
  model.input("x", {1}).output("y", {-1, -1}).integers("shape", {int64_t{1} << 35, int64_t{1} << 35});
  model.node("Expand", {"x", "shape"}, {"y"});
  EXPECT_THAT(error([&] { load(model).interpret({Tensor::zeros({1})}); }),
              testing::StartsWith("node 'Expand1' (Expand): "));
  model = ModelBuilder(13);
  model.input("x", {1})
      .output("y", {-1})
      .integers("shape", {int64_t{1} << 41})
      .node("ConstantOfShape", {"shape"}, {"y"});
  EXPECT_THAT(error([&] { load(model).interpret({Tensor::zeros({1})}); }),
              testing::StartsWith("node 'ConstantOfShape1' (ConstantOfShape): "));
  model = ModelBuilder(13);
  model.input("x", {2})
      .output("y", {-1})
      .integers("pads", {0, int64_t{1} << 62})
      .node("Pad", {"x", "pads"}, {"y"});
  EXPECT_THAT(error([&] { load(model).interpret({Tensor::zeros({2})}); }),
              testing::StartsWith("node 'Pad1' (Pad): "));
}

} // namespace
} // namespace sinter::test
