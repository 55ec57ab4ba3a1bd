// Compiled functions in files: saved, opened by standard tools, loaded, run, differentiated.
#include "error_of.h"
#include "support/tool.h"

#include "frontend/model/source/program_source.h"
#include "frontend/saved/saved_program.h"
#include "ir/dialect.h"
#include "sinter/sinter.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"

#include <gmock/gmock.h>

#include <algorithm>

namespace sinter {
namespace {

using test::error_of;
using test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Key;
using testing::Not;
using testing::UnorderedElementsAre;

struct Layer {
  Tensor weight, bias;
};
struct Net {
  std::vector<Layer> layers;
};

Net make_net() {
  Net net;
  for (uint64_t i = 0; i < 2; ++i)
    net.layers.push_back({Tensor::normal({16, 16}, i + 1, 0, 0.3), Tensor::normal({16}, i + 10)});
  return net;
}

Tensor run(const Net& net, Tensor x) {
  for (const Layer& layer : net.layers)
    x = gelu(linear(x, layer.weight, layer.bias));
  return x;
}

void expect_near(const Tensor& a, const Tensor& b, float tolerance = 1e-5F) {
  ASSERT_EQ(a.shape(), b.shape());
  EXPECT_THAT(a.to_vector<float>(), testing::Pointwise(testing::FloatNear(tolerance), b.to_vector<float>()));
}

class SavedFunction : public testing::Test {
protected:
  TemporaryFolder folder_;
  const std::string path_ = folder_.path("f.sinter");
  const Net net_ = make_net();
  const Tensor x_ = Tensor::uniform({4, 16}, 5);
};

TEST_F(SavedFunction, RunsWithoutItsSource) {
  const auto f = compile([net = net_](Tensor x) { return run(net, x); });
  f.save(path_, x_, {.inputs = {"x"}, .outputs = {"y"}, .weights = named_tensors(net_)});
  const auto loaded = load_compiled<Tensor(Tensor)>(path_);
  expect_near(loaded(x_), f(x_));
  const CompiledFunction untyped = CompiledFunction::load(path_);
  const Tensor inputs[] = {x_};
  expect_near(untyped.call(inputs)[0], f(x_));
  EXPECT_EQ(untyped.executable(inputs)->inputs()[0].name, "arg0");
}

TEST_F(SavedFunction, IsAFileOfTensorsForOthers) {
  compile([net = net_](Tensor x) {
    return run(net, x);
  }).save(path_, x_, {.weights = named_tensors(net_), .metadata = {{"author", "me"}}});
  const auto tensors = load_safetensors(path_);
  EXPECT_THAT(tensors, ElementsAre(Key("layers.0.weight"), Key("layers.1.weight")))
      << "what is small is in the program";
  expect_near(tensors.at("layers.1.weight"), net_.layers[1].weight, 0);
  const auto metadata = safetensors_metadata(path_);
  EXPECT_EQ(metadata.at("author"), "me");
  EXPECT_EQ(metadata.at("sinter.version"), "1");
  EXPECT_THAT(metadata.at("sinter.program"), HasSubstr("sinter.weight = \"layers.0.weight\""));
  EXPECT_THAT(metadata.at("sinter.program"), HasSubstr("saved_function_test.cpp"));
  const test::ToolResult python = test::run_program(
      SINTER_SOURCE_DIR "/build/python/bin/python",
      {"-c", "from safetensors.numpy import load_file; print(sorted(load_file('" + path_ + "')))"});
  EXPECT_EQ(python.out, "['layers.0.weight', 'layers.1.weight']\n") << python.err;
}

TEST_F(SavedFunction, IsDifferentiatedAndCompiledInOthers) {
  const auto f = compile([net = net_](Tensor x) { return run(net, x); });
  f.save(path_, x_);
  const auto loaded = load_compiled<Tensor(Tensor)>(path_);
  const auto loss = [](const auto& g) { return [g](Tensor x) { return sum(square(g(x))); }; };
  const Tensor expected = grad(loss(f))(x_);
  expect_near(grad(loss(loaded))(x_), expected, 1e-4F);
  expect_near(compile([&](Tensor x) { return loaded(x) + loaded(x * 0.5); })(x_), f(x_) + f(x_ * 0.5));
  expect_near(compile([&](Tensor x) { return grad(loss(loaded))(x); })(x_), expected, 1e-4F);
  Tensor leaf = x_.clone();
  leaf.set_requires_grad();
  for (int i = 0; i < 2; ++i) {
    leaf.zero_grad();
    sum(square(loaded(leaf))).backward();
    expect_near(leaf.grad(), expected, 1e-4F);
  }
}

TEST_F(SavedFunction, HasSeveralInputsTypesAndBodies) {
  const Tensor table = Tensor::normal({300, 2}, 3);
  const auto f = compile([&](Tensor x, Tensor i, Tensor flag) {
    const Tensor rows = gather(table, i, 0);
    const auto carried = cond(flag, [&] { return x * 2 + max(table); }, [&] { return -x; });
    return std::pair{carried, where(rows > 0, rows, rows * 0.5)};
  });
  const Tensor x = Tensor::of({1, 2}, {2}), i = Tensor::of(std::vector<int64_t>{5, 299, 0}, {3});
  f.save(path_, x, i, Tensor::full({}, 1, DType::boolean),
         {.inputs = {"x", "i", "flag"}, .outputs = {"a", "b"}});
  const auto loaded = load_compiled<std::pair<Tensor, Tensor>(Tensor, Tensor, Tensor)>(path_);
  for (const double flag : {0, 1}) {
    const Tensor condition = Tensor::full({}, flag, DType::boolean);
    const auto [a, b] = loaded(x, i, condition);
    const auto [wanted_a, wanted_b] = f(x, i, condition);
    expect_near(a, wanted_a);
    expect_near(b, wanted_b);
  }
  EXPECT_THAT(load_safetensors(path_), ElementsAre(Key("weight0"))) << "used twice, stored once";
}

TEST_F(SavedFunction, MayTakeATree) {
  const auto f = compile([](const Net& net, Tensor x) { return run(net, x); });
  f.save(path_, net_, x_);
  Model model = Model::load(path_);
  std::vector<std::string> names;
  for (const ModelValue& input : model.inputs())
    names.push_back(input.name);
  EXPECT_THAT(names, ElementsAre("0.layers.0.weight", "0.layers.0.bias", "0.layers.1.weight",
                                 "0.layers.1.bias", "1"));
  std::vector<Tensor> inputs = tensors_of(net_);
  inputs.push_back(x_);
  expect_near(model.run(inputs)[0], f(net_, x_));
}

TEST_F(SavedFunction, IsAModel) {
  const auto f = compile([net = net_](Tensor x) { return run(net, x); });
  f.save(
      path_, x_,
      {.inputs = {"x"}, .outputs = {"y"}, .weights = named_tensors(net_), .metadata = {{"labels", "a b"}}});
  Model model = Model::load(path_);
  EXPECT_EQ(model.inputs()[0].name, "x");
  EXPECT_THAT(model.inputs()[0].dims, ElementsAre(4, 16));
  EXPECT_EQ(model.outputs()[0].name, "y");
  EXPECT_EQ(model.metadata("labels"), "a b");
  expect_near(model.run({x_})[0], f(x_));
  expect_near(model.interpret({x_})[0], f(x_));
  EXPECT_THAT(model.inspect({x_}, "fused"), HasSubstr("sinter.fusion"));
  auto parameters = model.parameters();
  EXPECT_THAT(parameters, UnorderedElementsAre(Key("layers.0.weight"), Key("layers.1.weight")));
  Net other = net_;
  other.layers[0].weight = parameters.at("layers.0.weight") = Tensor::normal({16, 16}, 77);
  expect_near(model.run(parameters, {x_})[0], run(other, x_), 1e-4F);
  EXPECT_THAT(error_of([&] { model.run({Tensor::zeros({5, 16})}); }),
              HasSubstr("input 'x' must be f32[4, 16], got f32[5, 16]"));
}

TEST_F(SavedFunction, LoadedMayBeSavedAgain) {
  compile([net = net_](Tensor x) { return run(net, x); }).save(path_, x_, {.weights = named_tensors(net_)});
  const auto loaded = load_compiled<Tensor(Tensor)>(path_);
  loaded.save(folder_.path("again.sinter"), x_);
  EXPECT_THAT(load_safetensors(folder_.path("again.sinter")),
              ElementsAre(Key("layers.0.weight"), Key("layers.1.weight")));
  expect_near(load_compiled<Tensor(Tensor)>(folder_.path("again.sinter"))(x_), run(net_, x_));
  // ... over the file that it is read from, too.
  loaded.save(path_, x_);
  expect_near(load_compiled<Tensor(Tensor)>(path_)(x_), run(net_, x_));
}

TEST_F(SavedFunction, LargeWeightsStayInTheFileUntilItIsCompiled) {
  const Tensor weight = Tensor::normal({256, 256}, 1);
  const Tensor x = Tensor::ones({1, 256});
  const auto f = compile([&](Tensor a) { return matmul(a, weight); });
  f.save(path_, x);
  const auto loaded = load_compiled<Tensor(Tensor)>(path_), late = load_compiled<Tensor(Tensor)>(path_);
  std::rename(path_.c_str(), folder_.path("elsewhere").c_str());
  expect_near(loaded(x), f(x), 1e-3F);
  std::string bytes = test::read_file(folder_.path("elsewhere"));
  folder_.write("elsewhere", bytes.substr(0, bytes.size() / 2));
  EXPECT_THAT(error_of([&] { late(x); }), HasSubstr("was changed after it was opened"));
}

TEST_F(SavedFunction, GivesItsModule) {
  compile([net = net_](Tensor x) { return run(net, x); }).save(path_, x_);
  const auto program = saved::SavedProgram::load(path_);
  mlir::MLIRContext context;
  context.loadDialect<ir::SinterDialect, mlir::func::FuncDialect>();
  const rt::TensorSpec input{"arg0", DType::f32, {4, 16}};
  const auto module = model::import_program(context, *program, std::span(&input, 1));
  EXPECT_TRUE(mlir::succeeded(mlir::verify(*module)));
}

TEST_F(SavedFunction, SaysWhatItWasSavedFor) {
  compile([](Tensor a, Tensor b) {
    return a + b;
  }).save(path_, x_, Tensor(1), {.inputs = {"a", "b"}, .outputs = {"sum"}});
  const auto f = load_compiled<Tensor(Tensor, Tensor)>(path_);
  const std::string expected = path_ + " was saved for (a f32[4, 16], b f32[]), got (f32[4, 16], f32[2])";
  const Tensor two = Tensor::zeros({2});
  EXPECT_THAT(error_of([&] { f(x_, two); }), HasSubstr(expected));
  EXPECT_THAT(error_of([&] { grad([&](Tensor a) { return sum(f(a, two)); })(x_); }), HasSubstr(expected));
  EXPECT_THAT(error_of([&] { f.save(path_, x_, two); }), HasSubstr(expected));
  EXPECT_THAT(error_of([&] { load_compiled<Tensor(Tensor)>(path_); }),
              HasSubstr("load_compiled: the function was saved with 2 inputs, and is loaded as one of 1"));
  EXPECT_THAT(error_of([&] { load_compiled<std::vector<Tensor>(Tensor)>(path_); }), HasSubstr("2 inputs"));
}

TEST_F(SavedFunction, WhatCannotBeSavedSaysWhy) {
  const auto f = compile([](Tensor a) { return a + 1; });
  EXPECT_THAT(error_of([&] { f.save(path_, x_, {.inputs = {"a", "b"}}); }),
              HasSubstr("the function has 1 input, but 2 names are given"));
  EXPECT_THAT(error_of([&] { f.save(path_, x_, {.outputs = {""}}); }),
              HasSubstr("output name '' is empty or given twice"));
  EXPECT_THAT(error_of([&] { f.save(path_, x_, {.metadata = {{"sinter.program", ""}}}); }),
              HasSubstr("keys that begin with 'sinter.' are Sinter's own"));
  const std::string unwritten = error_of([&] { f.save(folder_.path("no/f.sinter"), x_); });
  EXPECT_THAT(unwritten, HasSubstr("cannot write"));
  EXPECT_EQ(unwritten.find("saved_function_test.cpp:"), unwritten.rfind("saved_function_test.cpp:"))
      << unwritten;
}

} // namespace
} // namespace sinter
