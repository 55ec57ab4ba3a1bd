// Transforms of C++ functions: gradients of the classics, composition, errors.
#include "sinter/sinter.h"

#include "frontend/autodiff/recorder.h"

#include "unit/error_of.h"
#include "unit/f64_tensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

namespace sinter {
namespace {

using test::error_of;
using test::f64;
using test::numbers;
using testing::ElementsAre;
using testing::HasSubstr;

/// The derivative of `f`, of one f64 tensor to one number, by central differences.
template <class F>
std::vector<double> differences(F&& f, const Tensor& x, double step = 1e-5) {
  std::vector<double> result;
  const std::vector<double> at = numbers(x);
  for (std::size_t i = 0; i < at.size(); ++i) {
    const auto moved = [&](double by) {
      std::vector<double> values = at;
      values[i] += by;
      return f(f64(values, x.shape())).item();
    };
    result.push_back((moved(step) - moved(-step)) / (2 * step));
  }
  return result;
}

void expect_near(const std::vector<double>& actual, const std::vector<double>& expected,
                 double tolerance = 1e-7) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i)
    EXPECT_NEAR(actual[i], expected[i], tolerance * std::max(1.0, std::abs(expected[i]))) << "element " << i;
}

template <class F>
void expect_gradient(F&& f, const Tensor& x) {
  expect_near(numbers(grad(f)(x)), differences(f, x));
}

TEST(Grad, OfASum) {
  expect_gradient([](Tensor x) { return sum(sin(x) * x); }, f64({1, 2, 3}, {3}));
}

TEST(Grad, OfF32) {
  const Tensor gradient = grad([](Tensor x) { return sum(x * x); })(Tensor::of({1, -2}, {2}));
  EXPECT_THAT(gradient.to_vector<float>(), ElementsAre(2.0F, -4.0F));
}

TEST(Grad, ThroughAnIfOnValues) {
  const auto f = [](Tensor x) { return sum(x).item() > 0 ? sum(x * x) : sum(exp(x)); };
  expect_gradient(f, f64({1, 2}, {2}));
  expect_gradient(f, f64({-1, -2}, {2}));
}

TEST(Grad, ThroughALoopOfALengthThatDependsOnData) {
  const auto f = [](Tensor x) {
    Tensor y = x;
    for (int i = 0; i < static_cast<int>(sum(x).item()); ++i)
      y = sin(y) + x;
    return sum(y);
  };
  expect_gradient(f, f64({1.2, 2.1}, {2}));
  expect_gradient(f, f64({2.2, 3.1}, {2}));
}

TEST(Grad, ThroughAWhileOnValues) {
  expect_gradient(
      [](Tensor x) {
        Tensor y = x;
        while (max(y) < 100)
          y = y * y + x;
        return sum(log(y));
      },
      f64({1.5, 2.5}, {2}));
}

Tensor factorial_like(const Tensor& x, int depth) {
  return depth == 0 ? x : factorial_like(tanh(x), depth - 1) * x;
}

TEST(Grad, ThroughRecursion) {
  expect_gradient([](Tensor x) { return sum(factorial_like(x, 5)); }, f64({0.5, -0.7}, {2}));
}

// Newton's iteration for the square root, until it no longer changes.
TEST(Grad, ThroughAFixedPointLoop) {
  const auto root = [](Tensor x) {
    Tensor y = x;
    for (Tensor last = y + 1; max(abs(y - last)) > 1e-12;) {
      last = y;
      y = (y + x / y) * 0.5;
    }
    return sum(y);
  };
  const Tensor x = f64({2, 9}, {2});
  expect_near(numbers(grad(root)(x)), {0.5 / std::sqrt(2.0), 1.0 / 6}, 1e-9);
}

struct Layer {
  Tensor weight;
  Tensor bias;
};
struct Net {
  std::vector<Layer> layers;
  std::map<std::string, Tensor> scales;
  int calls = 0; // not a tensor: left alone
};

Net small_net() {
  Net net;
  net.layers.push_back({Tensor::normal({4, 3}, 1), Tensor::normal({4}, 2)});
  net.layers.push_back({Tensor::normal({2, 4}, 3), Tensor::normal({2}, 4)});
  net.scales["out"] = Tensor::normal({2}, 5);
  net.calls = 7;
  return net;
}

Tensor apply_net(const Net& net, Tensor x) {
  for (const Layer& layer : net.layers)
    x = tanh(linear(x, layer.weight, layer.bias));
  return x * net.scales.at("out");
}

TEST(Grad, ElementsMayBeReadInEveryWay) {
  const auto f = [](Tensor x) {
    const Tensor y = x.transpose(0, 1) * 2;
    EXPECT_THAT(numbers(y), ElementsAre(2, 6, 4, 8));
    EXPECT_EQ(y.data<double>()[1], 6);
    EXPECT_EQ(y.view().as<double>()[2], 4);
    EXPECT_EQ(numbers(grad([](Tensor z) { return sum(z * z); })(y)), (std::vector<double>{4, 12, 8, 16}));
    EXPECT_EQ(y.contiguous().clone().storage()->bytes(), 4 * sizeof(double));
    return sum(y);
  };
  EXPECT_THAT(numbers(grad(f)(f64({1, 2, 3, 4}, {2, 2}))), ElementsAre(2, 2, 2, 2));
}

TEST(Grad, OfNestedStructures) {
  const Tensor x = Tensor::normal({5, 3}, 6);
  const auto loss = [&](const Net& net) { return mean(square(apply_net(net, x))); };
  const Net net = small_net();
  const Net gradient = grad(loss)(net);
  EXPECT_EQ(gradient.calls, 7);
  ASSERT_EQ(gradient.layers.size(), 2U);
  // A step along the gradient changes the loss by its square.
  const double step = 1e-3;
  double square_sum = 0;
  for (const Tensor& g : tensors_of(gradient))
    square_sum += sum(g * g).item();
  const Net less = map_tensors(net, gradient, [&](const Tensor& p, const Tensor& g) { return p - g * step; });
  const Net more = map_tensors(net, gradient, [&](const Tensor& p, const Tensor& g) { return p + g * step; });
  EXPECT_NEAR((loss(more).item() - loss(less).item()) / (2 * step), square_sum, 1e-2 * square_sum);
}

TEST(Grad, ByChosenParametersOfSeveral) {
  const auto f = [](Tensor a, int times, Tensor b) { return sum(a * b * times); };
  const Tensor a = f64({1, 2}, {2}), b = f64({3, 4}, {2});
  EXPECT_THAT(numbers(grad(f)(a, 2, b)), ElementsAre(6, 8));
  const auto [by_a, by_b] = grad<0, 2>(f)(a, 2, b);
  EXPECT_THAT(numbers(by_a), ElementsAre(6, 8));
  EXPECT_THAT(numbers(by_b), ElementsAre(2, 4));
}

TEST(Grad, ValueAndWhateverElse) {
  const auto f = [](Tensor x) {
    const Tensor y = x * x;
    return std::tuple(sum(y), y, std::string("note"));
  };
  const auto [result, gradient] = value_and_grad(f)(f64({1, 2}, {2}));
  EXPECT_EQ(std::get<0>(result).item(), 5);
  EXPECT_THAT(numbers(std::get<1>(result)), ElementsAre(1, 4));
  EXPECT_EQ(std::get<2>(result), "note");
  EXPECT_THAT(numbers(gradient), ElementsAre(2, 4));
}

TEST(Grad, WhatIsKeptFromInsideHasElementsAfterwards) {
  Tensor kept;
  const Tensor gradient = grad([&](Tensor x) {
    kept = exp(x);
    return sum(kept);
  })(f64({0, 1}, {2}));
  EXPECT_FALSE(kept.is_traced());
  expect_near(numbers(kept), numbers(gradient), 1e-14);
}

TEST(Grad, OfAGrad) {
  const auto f = [](Tensor x) { return sum(x * x * x); };
  const auto first = [&](Tensor x) { return sum(grad(f)(x)); };
  const auto second = [&](Tensor x) { return sum(grad(first)(x)); };
  const Tensor x = f64({1, 2}, {2});
  EXPECT_THAT(numbers(grad(f)(x)), ElementsAre(3, 12));
  EXPECT_THAT(numbers(grad(first)(x)), ElementsAre(6, 12));
  EXPECT_THAT(numbers(grad(second)(x)), ElementsAre(6, 6));
}

TEST(Grad, OfAGradOfASmallNet) {
  const Tensor weight = f64({0.3, -0.8, 0.5, 0.9, -0.2, 0.4}, {2, 3});
  const auto f = [&](Tensor x) { return sum(tanh(linear(tanh(linear(x, weight)), weight.transpose(0, 1)))); };
  expect_gradient([&](Tensor x) { return sum(square(grad(f)(x))); }, f64({0.1, 0.2, -0.4}, {1, 3}));
}

// d/dx (x * d/dy (x y)) at y = x: the inner derivative takes x for a constant.
TEST(Grad, VariablesOfInnerAndOuterDerivativesDoNotMix) {
  const auto f = [](Tensor x) { return x * grad([&](Tensor y) { return x * y; })(x); };
  EXPECT_EQ(grad(f)(f64({3}, {})).item(), 6);
}

TEST(Grad, InnerArgumentsMayBeConstantsOfTheOuterFunction) {
  const Tensor w = f64({2, 5}, {2});
  const auto f = [&](Tensor x) { return sum(grad([&](Tensor v) { return sum(v * v * x); })(w)); };
  EXPECT_THAT(numbers(grad(f)(f64({1, 1}, {2}))), ElementsAre(4, 10));
}

TEST(Grad, OfACompiledFunctionAndCompiled) {
  const auto square_sum = compile([](Tensor x) { return sum(x * x); });
  const Tensor x = Tensor::of({1, 2}, {2});
  EXPECT_THAT(grad([&](Tensor x) { return square_sum(x); })(x).to_vector<float>(), ElementsAre(2, 4));
  const auto fast = compile(grad([](Tensor x) { return sum(x * x * x); }));
  EXPECT_THAT(fast(x).to_vector<float>(), ElementsAre(3, 12));
  EXPECT_THAT(fast(x + 1).to_vector<float>(), ElementsAre(12, 27));
  EXPECT_EQ(fast.core().compilations(), 1);
}

TEST(Grad, OfWhatStopGradientHides) {
  EXPECT_THAT(numbers(grad([](Tensor x) { return sum(x * stop_gradient(x)); })(f64({2, 3}, {2}))),
              ElementsAre(2, 3));
}

TEST(Vjp, PullsCotangentsBackAnyNumberOfTimes) {
  const auto [y, pull] = vjp([](Tensor x) { return x * x; })(f64({1, 2, 3}, {3}));
  EXPECT_THAT(numbers(y), ElementsAre(1, 4, 9));
  EXPECT_THAT(numbers(pull(f64({1, 0, 0}, {3}))), ElementsAre(2, 0, 0));
  EXPECT_THAT(numbers(pull(f64({1, 1, 1}, {3}))), ElementsAre(2, 4, 6));
}

TEST(Vjp, OfSeveralResultsByAllParameters) {
  const auto [results, pull] =
      vjp([](Tensor a, Tensor b) { return std::pair(a * b, a + b); })(f64({2}, {1}), f64({5}, {1}));
  EXPECT_THAT(numbers(results.first), ElementsAre(10));
  const auto [by_a, by_b] = pull({f64({1}, {1}), f64({10}, {1})});
  EXPECT_THAT(numbers(by_a), ElementsAre(15));
  EXPECT_THAT(numbers(by_b), ElementsAre(12));
}

TEST(Jvp, PushesTangentsForward) {
  const auto [y, dy] = jvp([](Tensor x, Tensor z) { return x * z; })(f64({2, 3}, {2}), f64({5, 7}, {2}),
                                                                     f64({1, 0}, {2}), f64({0, 1}, {2}));
  EXPECT_THAT(numbers(y), ElementsAre(10, 21));
  EXPECT_THAT(numbers(dy), ElementsAre(5, 3));
}

TEST(Jacobian, HasARowPerElementOfTheResult) {
  const Tensor j = jacobian([](Tensor x) { return concat({x * x, sum(x, 0, true)}, 0); })(f64({1, 2}, {2}));
  EXPECT_EQ(j.shape(), (Shape{3, 2}));
  EXPECT_THAT(numbers(j), ElementsAre(2, 0, 0, 4, 1, 1));
  const auto hessian = jacobian(grad([](Tensor x) { return prod(x); }));
  EXPECT_THAT(numbers(hessian(f64({2, 3}, {2}))), ElementsAre(0, 1, 1, 0));
}

TEST(Hvp, AgreesWithDifferencesOfTheGradient) {
  const auto f = [](Tensor x) { return sum(exp(sin(x)) * x); };
  const Tensor x = f64({0.3, 1.1, -0.4}, {3}), v = f64({1, -2, 0.5}, {3});
  const double step = 1e-6;
  const Tensor difference = (grad(f)(x + v * step) - grad(f)(x - v * step)) / (2 * step);
  expect_near(numbers(hvp(f)(x, v)), numbers(difference), 1e-7);
}

TEST(Hvp, OfALinearFunctionIsZero) {
  EXPECT_THAT(numbers(hvp([](Tensor x) { return sum(x * 3); })(f64({1, 2}, {2}), f64({1, 1}, {2}))),
              ElementsAre(0, 0));
}

TEST(GradErrors, NameTheLineAndWhatToDo) {
  const Tensor x = f64({1, 2}, {2});
  EXPECT_THAT(error_of([&] { grad([](Tensor x) { return x * 2; })(x); }),
              testing::AllOf(HasSubstr("grad_test.cpp:"), HasSubstr("f64[2]"), HasSubstr("sum()")));
  EXPECT_THAT(error_of([&] { grad([](Tensor x) { return sum(x); })(Tensor::zeros({2}, DType::i64)); }),
              testing::AllOf(HasSubstr("grad_test.cpp:"), HasSubstr("i64[2]"), HasSubstr("floating-point")));
  EXPECT_THAT(error_of([&] { grad<0, 1>([](Tensor x, Tensor) { return sum(x); })(x, x); }),
              testing::AllOf(HasSubstr("grad_test.cpp:"), HasSubstr("tensor 2 of 2"), HasSubstr("not used"),
                             HasSubstr("allow_unused")));
  EXPECT_THAT(error_of([&] { grad([](Tensor x) { return sum(argmax(x, 0)); })(x); }),
              HasSubstr("not of floating-point numbers"));
}

TEST(GradErrors, UnusedParametersMayBeAllowed) {
  const auto [by_x, by_y] = grad<0, 1>([](Tensor x, Tensor) { return sum(x); },
                                       {.allow_unused = true})(f64({1}, {1}), f64({1}, {1}));
  EXPECT_THAT(numbers(by_x), ElementsAre(1));
  EXPECT_THAT(numbers(by_y), ElementsAre(0));
}

TEST(GradErrors, WritingToWhatWasRecorded) {
  Tensor x = f64({1, 2}, {2});
  Tensor captured = f64({3, 4}, {2});
  EXPECT_THAT(
      error_of([&] {
        grad([&](Tensor x) {
          const Tensor y = sum(x * captured);
          captured.mutable_data<double>()[0] = 7;
          return y;
        })(x);
      }),
      testing::AllOf(HasSubstr("grad_test.cpp:"), HasSubstr("f64[2] was written to"), HasSubstr("clone()")));
  EXPECT_THAT(error_of([&] {
                grad([&](Tensor x) {
                  x.mutable_data<double>()[0] = 7;
                  return sum(x);
                })(x);
              }),
              testing::AllOf(HasSubstr("grad_test.cpp:"), HasSubstr("mutable_data")));
}

TEST(GradErrors, IndicesOutOfRange) {
  const Tensor table = f64({1, 2, 3, 4}, {2, 2});
  const auto loss_at = [](std::vector<int64_t> rows) {
    const Shape count{static_cast<int64_t>(rows.size())};
    return [indices = Tensor::of(rows, count)](Tensor t) { return sum(gather(t, indices) * 2); };
  };
  EXPECT_THAT(numbers(grad(loss_at({1, -1}))(table)), ElementsAre(0, 0, 4, 4));
  EXPECT_THAT(
      error_of([&] { grad(loss_at({0, 2}))(table); }),
      testing::AllOf(HasSubstr("grad_test.cpp:"), HasSubstr("gather: index 2 is out of range for axis 0")));
}

TEST(GradErrors, ReadingAValueInsideCompile) {
  const auto f = compile(grad([](Tensor x) { return sum(x).item() > 0 ? sum(x) : sum(x * x); }));
  EXPECT_THAT(
      error_of([&] { f(Tensor::of({1}, {1})); }),
      testing::AllOf(HasSubstr("grad_test.cpp:"), HasSubstr("item: reading a value inside compile()")));
}

TEST(GradErrors, AFunctionThatThrowsLeavesNothingBehind) {
  const Tensor x = f64({1, 2}, {2});
  Tensor kept;
  EXPECT_THROW(grad([&](Tensor x) -> Tensor {
                 kept = x * 2;
                 throw std::runtime_error("no");
               })(x),
               std::runtime_error);
  EXPECT_THAT(error_of([&] { kept.item(); }), HasSubstr("after that was traced"));
  EXPECT_THAT(numbers(grad([](Tensor x) { return sum(x * x); })(x)), ElementsAre(2, 4));
}

TEST(GradErrors, OfCotangentsAndTangentsThatDoNotFit) {
  const Tensor x = f64({1, 2}, {2});
  const auto [y, pull] = vjp([](Tensor x) { return x * x; })(x);
  const auto& pull_back = pull;
  EXPECT_THAT(error_of([&] { pull_back(f64({1}, {1})); }), HasSubstr("the cotangent f64[1] of f64[2]"));
  EXPECT_THAT(error_of([&] { jvp([](Tensor x) { return x * x; })(x, Tensor::of({1, 2}, {2})); }),
              HasSubstr("the tangent f32[2] of f64[2]"));
}

TEST(GradErrors, WritingToWhatAPullbackReads) {
  Tensor x = f64({1, 2}, {2});
  const auto result = vjp([](Tensor x) { return x * x; })(x);
  x.mutable_data<double>()[0] = 5;
  EXPECT_THAT(error_of([&] { result.second(f64({1, 1}, {2})); }),
              testing::AllOf(HasSubstr("grad_test.cpp:"), HasSubstr("was written to")));
}

TEST(GradErrors, TreesThatDoNotGoTogether) {
  const Tensor x = f64({1, 2}, {2});
  using Map = std::map<std::string, Tensor>;
  const auto f = [](Map m) { return sum(m.begin()->second * 2); };
  EXPECT_THAT(error_of([&] { jvp(f)(Map{{"a", x}}, Map{{"b", x}}); }),
              testing::AllOf(HasSubstr("grad_test.cpp:"), HasSubstr("not of the structure")));
  EXPECT_THAT(error_of([&] { jvp(f)(Map{{"a", x}}, Map{}); }), HasSubstr("not of the structure"));
  EXPECT_THAT(
      error_of([&] { map_tensors(Map{{"a", x}}, Map{{"b", x}}, [](Tensor a, Tensor) { return a; }); }),
      HasSubstr("map_tensors: the trees are not of the same structure"));
}

// Equal recordings find their program; whatever differs in them makes another.
TEST(Recordings, AreFoundAgain) {
  const auto programs_of = [](auto f, const std::vector<Tensor>& inputs) {
    const int64_t before = autodiff::Recorder::compilations();
    for (const Tensor& x : inputs)
      grad(f)(x);
    return autodiff::Recorder::compilations() - before;
  };
  const Tensor x = f64({1, 2, 3}, {3}), y = f64({4, 5, 6}, {3}), longer = f64({1, 2, 3, 4}, {4});
  const auto scaled = [](double by) {
    return [by](Tensor x) { return sum(sin(x) * by) + sum(clip(x, -by, by)); };
  };
  EXPECT_EQ(programs_of(scaled(123), {x, y, x}), 1);
  EXPECT_EQ(programs_of(scaled(123), {x}), 0);      // from another place
  EXPECT_EQ(programs_of(scaled(124), {x}), 1);      // another number
  EXPECT_EQ(programs_of(scaled(124), {longer}), 1); // another shape
  const auto captures = [](Tensor by) { return [by](Tensor x) { return sum(sin(x) * by * 125); }; };
  EXPECT_EQ(programs_of(captures(x), {x}), 1);
  EXPECT_EQ(programs_of(captures(y), {x}), 0); // other elements
  const auto difference = [](bool turned) {
    return [turned](Tensor x) {
      const Tensor a = sin(x) * 126, b = cos(x);
      return sum(turned ? b - a : a - b);
    };
  };
  EXPECT_EQ(programs_of(difference(false), {x}), 1);
  EXPECT_EQ(programs_of(difference(true), {x}), 1); // other operands
  const auto branches = [](double by) {
    return [by](Tensor x) {
      return sum(cond(greater(sum(x), 0), [&] { return x * by; }, [&] { return x - by; }));
    };
  };
  EXPECT_EQ(programs_of(branches(127), {x, y}), 1);
  EXPECT_EQ(programs_of(branches(128), {x}), 1); // other bodies
  EXPECT_NEAR(grad(branches(127))(x).to_vector<double>()[0], 127, 1e-12);
  EXPECT_NEAR(grad(branches(128))(x).to_vector<double>()[0], 128, 1e-12);
}

// The table of docs/gradients.md.
TEST(Grad, AtKinksAndTies) {
  const auto at = [](auto f, double x) {
    return grad([&](Tensor x) { return sum(f(x)); })(f64({x}, {1})).item();
  };
  EXPECT_EQ(at([](Tensor x) { return relu(x); }, 0), 0);
  EXPECT_EQ(at([](Tensor x) { return abs(x); }, 0), 0);
  EXPECT_EQ(at([](Tensor x) { return leaky_relu(x, 0.25); }, 0), 0.25);
  EXPECT_EQ(at([](Tensor x) { return prelu(x, f64({0.25}, {1})); }, 0), 0.25);
  EXPECT_EQ(at([](Tensor x) { return elu(x, 0.5); }, 0), 0.5);
  EXPECT_NEAR(at([](Tensor x) { return selu(x); }, 0), 1.7580993408473768, 1e-15);
  EXPECT_EQ(at([](Tensor x) { return hard_swish(x); }, -3), 0);
  EXPECT_EQ(at([](Tensor x) { return hard_swish(x); }, 3), 1);
  EXPECT_EQ(at([](Tensor x) { return hard_sigmoid(x, 0.25, 0.5); }, -2), 0);
  EXPECT_EQ(at([](Tensor x) { return hard_sigmoid(x, 0.25, 0.5); }, 2), 0);
  EXPECT_EQ(at([](Tensor x) { return clip(x, -1, 1); }, -1), 1);
  EXPECT_EQ(at([](Tensor x) { return clip(x, -1, 1); }, 1), 1);
  EXPECT_EQ(at([](Tensor x) { return maximum(x, 2); }, 2), 0.5);
  EXPECT_EQ(at([](Tensor x) { return minimum(x, 2); }, 2), 0.5);
  EXPECT_EQ(at([](Tensor x) { return sign(x) + floor(x) + ceil(x) + round(x); }, 1), 0);
  EXPECT_EQ(at([](Tensor x) { return pow(f64({0}, {1}), x); }, 2), 0);
  EXPECT_THAT(numbers(grad([](Tensor x) { return max(x); })(f64({3, 1, 3, 0}, {4}))),
              ElementsAre(0.5, 0, 0.5, 0));
  EXPECT_THAT(numbers(grad([](Tensor x) { return min(x); })(f64({3, 0, 3, 0}, {4}))),
              ElementsAre(0, 0.5, 0, 0.5));
  EXPECT_THAT(
      numbers(grad([](Tensor x) { return sum(max_pool(x, {.kernel = {2}})); })(f64({3, 3, 1, 2}, {1, 1, 4}))),
      ElementsAre(1, 0, 0, 1));
}

} // namespace
} // namespace sinter
