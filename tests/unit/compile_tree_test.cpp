// Compiled functions of trees.
#include "error_of.h"

#include "sinter/sinter.h"

#include <gmock/gmock.h>

namespace sinter {
namespace {

using test::error_of;
using testing::ElementsAre;
using testing::HasSubstr;

struct Layer {
  Tensor weight, bias;
};
using Net = std::map<std::string, Layer>;

Net make_net() {
  return {{"first", {Tensor::of({1, 2, 3, 4}, {2, 2}), Tensor::of({1, -1}, {2})}},
          {"second", {Tensor::of({1, -1}, {1, 2}), Tensor::of({2}, {1})}}};
}

Tensor run(const Net& net, Tensor x) {
  for (const auto& [name, layer] : net)
    x = linear(x, layer.weight, layer.bias);
  return x;
}

std::vector<float> all(const Net& net) {
  std::vector<float> numbers;
  for (const Tensor& tensor : tensors_of(net))
    for (const float number : tensor.to_vector<float>())
      numbers.push_back(number);
  return numbers;
}

TEST(CompileTree, AStepOfTraining) {
  const Tensor x = Tensor::of({1, 2, 3, 4}, {2, 2}), target = Tensor::of({1, 2}, {2, 1});
  int traced = 0;
  const auto step = [&](Net net, Tensor x, Tensor target, double rate) {
    ++traced;
    const auto loss = [&](Net n) { return mean(square(run(n, x) - target)); };
    const auto [value, gradient] = value_and_grad(loss)(net);
    return std::pair{map_tensors(net, gradient, [&](Tensor p, Tensor g) { return p - g * rate; }), value};
  };
  const auto compiled = compile(step);
  Net net = make_net(), expected = make_net();
  for (int i = 0; i < 3; ++i) {
    auto [next, value] = compiled(net, x, target, 0.001);
    auto [wanted, wanted_value] = step(expected, x, target, 0.001);
    EXPECT_THAT(all(next), testing::Pointwise(testing::FloatNear(1e-5F), all(wanted)));
    EXPECT_NEAR(value.item(), wanted_value.item(), 1e-4 * wanted_value.item());
    net = std::move(next);
    expected = std::move(wanted);
  }
  EXPECT_EQ(traced, 1 + 3);
  // Another number is another program, however near; so is another structure.
  const double near = 0.001 + 1e-15;
  (void)compiled(net, x, target, near);
  EXPECT_EQ(traced, 1 + 3 + 1);
  net.erase("first");
  (void)compiled(net, x, target, 0.001);
  EXPECT_EQ(traced, 1 + 3 + 2);
  (void)compiled(net, x, target, 0.001);
  EXPECT_EQ(traced, 1 + 3 + 2);
  EXPECT_GT(compiled.executable(net, x, target, 0.001)->steps().size(), 0U);
}

TEST(CompileTree, WhatIsReturnedMayDependOnShapes) {
  const auto rows = compile([](Tensor x) {
    std::vector<Tensor> parts;
    for (int64_t i = 0; i < x.size(0); ++i)
      parts.push_back(slice(x, 0, i, i + 1) * 2);
    return std::pair{parts, static_cast<int>(parts.size())};
  });
  for (const int64_t n : {2, 3, 2}) {
    const auto [parts, count] = rows(Tensor::ones({n, 2}));
    EXPECT_EQ(count, n);
    ASSERT_EQ(parts.size(), static_cast<std::size_t>(n));
    EXPECT_THAT(parts.back().to_vector<float>(), ElementsAre(2, 2));
  }
}

TEST(CompileTree, InsideOfOtherTransforms) {
  const auto f =
      compile([](Layer layer, Tensor x) { return Layer{linear(x, layer.weight), layer.bias * 2}; });
  const Layer layer{Tensor::of({1, 2, 3, 4}, {2, 2}), Tensor::of({1, -1}, {2})};
  const Tensor x = Tensor::ones({1, 2});
  const auto loss = [&](Layer l) {
    const Layer y = f(l, x);
    return sum(y.weight) + sum(y.bias);
  };
  EXPECT_THAT(grad(loss)(layer).bias.to_vector<float>(), ElementsAre(2, 2));
  EXPECT_THAT(compile(grad(loss))(layer).weight.to_vector<float>(), ElementsAre(1, 1, 1, 1));
  EXPECT_THAT(error_of([&] { f(layer, Tensor::ones({1, 3})); }),
              testing::AllOf(HasSubstr("compile_tree_test.cpp:"), HasSubstr("[1, 3]")));
}

TEST(CompileTree, KeepsAsManyProgramsAsItIsTold) {
  int traced = 0;
  const auto f = compile(
      [&](Tensor x, int n) {
        ++traced;
        return x * n;
      },
      {.cached_signatures = 2});
  for (const int n : {1, 2, 1, 2})
    EXPECT_EQ(f(Tensor(3), n).item(), 3 * n);
  EXPECT_EQ(traced, 2);
  for (const int n : {3, 1, 3})
    EXPECT_EQ(f(Tensor(3), n).item(), 3 * n);
  EXPECT_EQ(traced, 4);
}

} // namespace
} // namespace sinter
