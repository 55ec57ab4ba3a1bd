// Branches and loops of C++ functions: at once, compiled, differentiated.
#include "sinter/sinter.h"

#include "unit/error_of.h"
#include "unit/f64_tensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace sinter {
namespace {

using test::error_of;
using test::f64;
using test::numbers;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

Tensor branch(Tensor x) {
  const Tensor doubled = x * 2;
  return cond(greater(sum(x), 0), [&] { return doubled * x; }, [&] { return doubled - 1; });
}

TEST(Cond, TakesOneBranch) {
  const auto fast = compile(branch);
  for (const Tensor& x : {f64({1, 2}, {2}), f64({-1, -2}, {2})}) {
    EXPECT_EQ(numbers(fast(x)), numbers(branch(x)));
    const auto loss = [](Tensor x) { return sum(branch(x)); };
    EXPECT_EQ(numbers(grad(loss)(x)), numbers(compile(grad(loss))(x)));
  }
  EXPECT_EQ(fast.core().compilations(), 1);
  EXPECT_THAT(numbers(grad([](Tensor x) { return sum(branch(x)); })(f64({1, 2}, {2}))), ElementsAre(4, 8));
  EXPECT_THAT(numbers(grad([](Tensor x) { return sum(branch(x)); })(f64({-1, -2}, {2}))), ElementsAre(2, 2));
}

struct State {
  Tensor value;
  Tensor rounds;
};

State doubled_until_large(Tensor x, WhileOptions options = {}) {
  return while_loop(
      State{x, Tensor::zeros({}, DType::i64)}, [](State s) { return less(sum(s.value), 100); },
      [&](State s) { return State{s.value * s.value + x, s.rounds + 1}; }, options);
}

TEST(While, RunsAsLongAsItsConditionHolds) {
  const auto fast = compile([](Tensor x) {
    const State end = doubled_until_large(x);
    return std::pair(end.value, end.rounds);
  });
  for (const Tensor& x : {f64({1, 2}, {2}), f64({3, 0.5}, {2}), f64({200, 0}, {2})}) {
    const State expected = doubled_until_large(x);
    const auto [value, rounds] = fast(x);
    EXPECT_EQ(numbers(value), numbers(expected.value));
    EXPECT_EQ(rounds.item(), expected.rounds.item());
  }
  EXPECT_EQ(fast.core().compilations(), 1);
}

TEST(While, DifferentiatesInReverseWithABoundAndForwardWithout) {
  const Tensor x = f64({1, 2}, {2}), direction = f64({1, -1}, {2});
  const auto bounded = [](Tensor x) { return sum(doubled_until_large(x, {.max_iterations = 10}).value); };
  const auto unbounded = [](Tensor x) { return sum(doubled_until_large(x).value); };
  // The same loop in C++: it is known how often it runs.
  const auto plain = [](Tensor x) {
    Tensor y = x;
    while (sum(y) < 100)
      y = y * y + x;
    return sum(y);
  };
  const std::vector<double> expected = numbers(grad(plain)(x));
  const std::vector<double> actual = numbers(grad(bounded)(x));
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i)
    EXPECT_NEAR(actual[i], expected[i], 1e-9 * std::abs(expected[i]));
  EXPECT_NEAR(jvp(unbounded)(x, direction).second.item(), expected[0] - expected[1],
              1e-9 * std::abs(expected[0]));
  EXPECT_THAT(error_of([&] { grad(unbounded)(x); }),
              AllOf(HasSubstr("control_test.cpp:"), HasSubstr("bound")));
}

// A recurrent layer over a sequence.
std::pair<Tensor, Tensor> recurrent(Tensor weight, Tensor start, Tensor inputs) {
  return scan(
      [&](Tensor state, Tensor x) {
        const Tensor next = tanh(matmul(state, weight) + x);
        return std::pair(next, next * 2);
      },
      start, inputs);
}

std::pair<Tensor, Tensor> unrolled(Tensor weight, Tensor start, Tensor inputs) {
  Tensor state = start;
  std::vector<Tensor> outputs;
  for (int64_t i = 0; i < inputs.size(0); ++i) {
    state = tanh(matmul(state, weight) + squeeze(slice(inputs, 0, i, i + 1), 0));
    outputs.push_back(unsqueeze(state * 2, 0));
  }
  return {state, concat(outputs, 0)};
}

TEST(Scan, AndItsGradientAreThoseOfTheUnrolledLoop) {
  const Tensor weight = f64({0.3, -0.2, 0.5, 0.1}, {2, 2}), start = f64({0.1, 0.2}, {1, 2});
  const Tensor inputs = f64({1, 2, 3, -1, 0.5, 0.25}, {3, 1, 2});
  const auto loss_of = [](auto layer) {
    return [layer](Tensor weight, Tensor start, Tensor inputs) {
      const auto [state, outputs] = layer(weight, start, inputs);
      return sum(state) + sum(outputs * outputs);
    };
  };
  const auto by_scan = grad<0, 1, 2>(loss_of(recurrent))(weight, start, inputs);
  const auto by_hand = grad<0, 1, 2>(loss_of(unrolled))(weight, start, inputs);
  const auto compiled = compile(loss_of(recurrent));
  EXPECT_NEAR(compiled(weight, start, inputs).item(), loss_of(unrolled)(weight, start, inputs).item(), 1e-12);
  const std::vector<Tensor> a = tensors_of(by_scan), b = tensors_of(by_hand);
  for (std::size_t i = 0; i < a.size(); ++i)
    for (int64_t e = 0; e < a[i].elements(); ++e)
      EXPECT_NEAR(numbers(a[i])[static_cast<std::size_t>(e)], numbers(b[i])[static_cast<std::size_t>(e)],
                  1e-10);
}

// Every sweep backwards reads the same stack of states.
TEST(Scan, KeepsItsStatesOnceForAllSweeps) {
  const auto last = [](Tensor x) {
    return scan([](Tensor y, std::vector<Tensor>) { return std::pair(sin(y) * y, std::vector<Tensor>{}); }, x,
                std::vector<Tensor>{}, {.steps = 4})
               .first *
           2;
  };
  const Tensor x = f64({1, 2, 3}, {3});
  const auto rows = compile(jacobian(last));
  const std::string text = rows.core().inspect(std::array{x}, "optimized");
  EXPECT_THAT(text, AllOf(HasSubstr(":2 = sinter.scan"), testing::Not(HasSubstr(":3 = sinter.scan")),
                          testing::Not(HasSubstr(":4 = sinter.scan"))));
  const std::vector<double> elements = numbers(rows(x)),
                            gradient = numbers(grad([&](Tensor x) { return sum(last(x)); })(x));
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_NEAR(elements[4 * i], gradient[i], 1e-12 * std::abs(gradient[i]));
}

TEST(Scan, RunsBackwardsAndWithoutSequences) {
  const auto sums = [](Tensor x) {
    return scan([](Tensor total, Tensor x) { return std::pair(total + x, total); },
                Tensor::zeros({}, DType::f64), x, {.reverse = true});
  };
  const Tensor x = f64({1, 2, 3}, {3});
  EXPECT_THAT(numbers(sums(x).second), ElementsAre(5, 3, 0));
  EXPECT_THAT(numbers(compile(sums)(x).second), ElementsAre(5, 3, 0));
  const auto powers = compile([](Tensor x) {
    return scan([&](Tensor y, std::vector<Tensor>) { return std::pair(y * x, y); }, x, std::vector<Tensor>{},
                {.steps = 3});
  });
  EXPECT_THAT(numbers(powers(f64({2}, {1})).second), ElementsAre(2, 4, 8));
}

TEST(ControlErrors, NameTheLineAndWhatDoesNotFit) {
  const Tensor x = f64({1, 2}, {2});
  EXPECT_THAT(
      error_of([&] {
        compile([](Tensor x) { return cond(greater(sum(x), 0), [&] { return x; }, [&] { return sum(x); }); })(
            x);
      }),
      AllOf(HasSubstr("control_test.cpp:"), HasSubstr("cond: "), HasSubstr("f64[2]"), HasSubstr("f64[]")));
  EXPECT_THAT(
      error_of([&] { compile([](Tensor x) { return cond(x, [&] { return x; }, [&] { return x; }); })(x); }),
      HasSubstr("the condition is f64[2], not a bool of one element"));
  EXPECT_THAT(error_of([&] {
                compile([](Tensor x) {
                  return while_loop(
                      x, [](Tensor x) { return less(sum(x), 9); }, [](Tensor x) { return sum(x); });
                })(x);
              }),
              AllOf(HasSubstr("while_loop: "), HasSubstr("f64[2]")));
  EXPECT_THAT(
      error_of([&] {
        grad([](Tensor x) {
          return sum(while_loop(
              x, [](Tensor x) { return less(sum(x), 9); }, [](Tensor x) { return x * sum(x).item(); }));
        })(x);
      }),
      AllOf(HasSubstr("control_test.cpp:"), HasSubstr("inside the body of a branch or loop")));
  EXPECT_THAT(error_of([&] {
                scan([](Tensor c, std::pair<Tensor, Tensor> s) { return std::pair(c, s.first); }, x,
                     std::pair(x, f64({1}, {1})));
              }),
              HasSubstr("a sequence of shape [1] for 2 steps"));
}

struct Counted {
  Tensor x;
  int rounds = 0;
};

TEST(ControlErrors, NumbersThatChangeInATracedBody) {
  const auto loop = [](Tensor x) {
    return while_loop(
               Counted{x, 0}, [](Counted s) { return less(sum(s.x), 9); },
               [](Counted s) { return Counted{s.x * 2, s.rounds + 1}; })
        .x;
  };
  EXPECT_THAT(numbers(loop(f64({1, 2}, {2}))), ElementsAre(4, 8)); // at once, they may
  EXPECT_THAT(
      error_of([&] { compile(loop)(f64({1, 2}, {2})); }),
      AllOf(HasSubstr("control_test.cpp:"), HasSubstr("while_loop: "), HasSubstr("make those tensors")));
  EXPECT_THAT(error_of([&] {
                compile([](Tensor x) {
                  return cond(
                             greater(sum(x), 0), [&] { return std::pair(x, 1); },
                             [&] { return std::pair(x, 2); })
                      .first;
                })(f64({1}, {1}));
              }),
              HasSubstr("the branches give trees that differ"));
}

TEST(ControlErrors, TensorsThatLeaveABody) {
  const auto f = [](Tensor x) {
    Tensor leaked;
    const Tensor y =
        while_loop(x, [](Tensor s) { return less(sum(s), 9); }, [&](Tensor s) { return leaked = s * 2; });
    return sum(y + leaked);
  };
  EXPECT_THAT(error_of([&] { grad(f)(f64({1, 2}, {2})); }),
              AllOf(HasSubstr("control_test.cpp:"), HasSubstr("used outside of it; let the body return it")));
  const auto reads = [](Tensor x) {
    Tensor leaked;
    try {
      cond(greater(sum(x), 0), [&] { return leaked = x * 2; }, [&] { return sum(x); });
    } catch (const Error&) { // the branches do not fit
    }
    return sum(x) * leaked.item();
  };
  EXPECT_THAT(error_of([&] { grad(reads)(f64({1, 2}, {2})); }), HasSubstr("read outside of it"));
}

} // namespace
} // namespace sinter
