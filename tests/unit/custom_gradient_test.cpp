// Derivatives that users give, and what they tell reverse mode to compute again.
#include "error_of.h"
#include "f64_tensors.h"

#include "sinter/sinter.h"

#include <gmock/gmock.h>

namespace sinter {
namespace {

using test::error_of;
using test::f64;
using test::numbers;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

void expect_near(const Tensor& actual, const Tensor& expected, double tolerance) {
  EXPECT_THAT(numbers(actual), testing::Pointwise(testing::DoubleNear(tolerance), numbers(expected)));
}

Tensor straight_through(const Tensor& x) {
  return custom_gradient([](Tensor x) { return floor(x); }, [](Tensor, Tensor, Tensor dy) { return dy; })(x);
}

TEST(CustomGradient, StraightThroughFloor) {
  const Tensor x = f64({0.5, -1.25, 2}, {3});
  EXPECT_THAT(numbers(straight_through(x)), ElementsAre(0, -2, 2));
  const auto loss = [](Tensor x) { return sum(square(straight_through(x))); };
  EXPECT_THAT(numbers(grad(loss)(x)), ElementsAre(0, -4, 4));
  EXPECT_THAT(numbers(compile(grad(loss))(x)), ElementsAre(0, -4, 4));
  EXPECT_THAT(numbers(jvp(straight_through)(x, f64({1, 2, 3}, {3})).second), ElementsAre(1, 2, 3));
  EXPECT_THAT(numbers(compile(straight_through)(x)), ElementsAre(0, -2, 2));
}

// The rule is a program like any: e^x by way of its result, to the third derivative and in both modes.
TEST(CustomGradient, OfHigherOrder) {
  const auto exponential =
      custom_gradient([](Tensor x) { return exp(x); }, [](Tensor, Tensor y, Tensor dy) { return dy * y; });
  const auto f = [&](Tensor x) { return sum(exponential(x * x)); };
  const auto g = [](Tensor x) { return sum(exp(x * x)); };
  const Tensor x = f64({0.3, -0.7}, {2}), direction = f64({1, 0.5}, {2});
  const auto second = [&](const auto& function) {
    return grad([&](Tensor x) { return sum(square(grad(function)(x))); });
  };
  const auto third = [&](const auto& function) {
    return grad([&](Tensor x) { return sum(second(function)(x)); });
  };
  expect_near(grad(f)(x), grad(g)(x), 1e-14);
  expect_near(second(f)(x), second(g)(x), 1e-12);
  expect_near(hvp(f)(x, direction), hvp(g)(x, direction), 1e-12);
  expect_near(third(f)(x), third(g)(x), 1e-11);
}

struct Line {
  Tensor slope, offset;
};

// Trees in, trees out; a tensor of integers among them; captured data; values read inside.
TEST(CustomGradient, OfTrees) {
  const Tensor data = f64({10, 20}, {2});
  int reads = 0;
  const auto picked = custom_gradient(
      [&](Line line, Tensor index) {
        reads += line.slope.item() > 0 ? 1 : 0;
        return std::pair{gather(line.slope * data + line.offset, index, 0), line.offset * 2};
      },
      [&](Line, Tensor index, std::pair<Tensor, Tensor> y, std::pair<Tensor, Tensor> dy) {
        return std::tuple{Line{sum(dy.first) * 100, dy.second + y.second * 20}, index};
      });
  const Tensor index = Tensor::of(std::vector<int64_t>{1, 1, 0}, {3});
  const auto loss = [&](Line line) {
    const auto [a, b] = picked(line, index);
    return sum(a) + sum(b) * 3;
  };
  const Line line{f64({2}, {}), f64({1}, {})};
  const auto [value, gradient] = value_and_grad(loss)(line);
  EXPECT_EQ(value.item(), 41 + 41 + 21 + 6);
  EXPECT_EQ(gradient.slope.item(), 300);
  EXPECT_EQ(gradient.offset.item(), 3 + 2 * 20);
  EXPECT_EQ(reads, 1);
}

TEST(CustomGradient, Errors) {
  const Tensor x = f64({1, 2}, {2});
  EXPECT_THAT(error_of([&] {
                grad([](Tensor x) {
                  return sum(custom_gradient([&](Tensor y) { return x * y; },
                                             [](Tensor, Tensor, Tensor dy) { return dy; })(x * 2));
                })(x);
              }),
              AllOf(HasSubstr("custom_gradient_test.cpp:"), HasSubstr("custom_gradient: the function uses"),
                    HasSubstr("f64[2], a traced tensor that is not among its parameters")));
  EXPECT_THAT(numbers(grad([](Tensor x) {
                return sum(custom_gradient([c = stop_gradient(x)](Tensor y) { return c * y; },
                                           [](Tensor, Tensor, Tensor dy) { return dy; })(x * 2));
              })(x)),
              ElementsAre(2, 2));
  EXPECT_THAT(error_of([&] {
                grad([](Tensor x) {
                  return sum(custom_gradient([](Tensor y) { return y; },
                                             [](Tensor, Tensor, Tensor dy) { return sum(dy); })(x));
                })(x);
              }),
              AllOf(HasSubstr("custom_gradient_test.cpp:"),
                    HasSubstr("the rule gives f64[] as the cotangent of an input of f64[2]")));
  const auto clipped =
      custom_gradient([](Tensor x) { return x; }, [](Tensor, Tensor, Tensor dy) { return clip(dy, -1, 1); });
  EXPECT_THAT(numbers(grad([&](Tensor x) { return sum(clipped(x) * 5); })(x)), ElementsAre(1, 1));
  EXPECT_THAT(error_of([&] { jvp(clipped)(x, x); }),
              AllOf(HasSubstr("custom_gradient_test.cpp:"), HasSubstr("linear in the cotangent")));
  EXPECT_THAT(error_of([&] {
                grad([](Tensor x) {
                  return sum(
                      custom_gradient([](Tensor y) { return y; },
                                      [](Tensor, Tensor, Tensor dy) { return dy * sum(dy).item(); })(x));
                })(x);
              }),
              AllOf(HasSubstr("custom_gradient_test.cpp:"), HasSubstr("recorded once")));
}

Tensor block(const Tensor& x, const Tensor& weight) {
  return tanh(matmul(tanh(matmul(x, weight)), weight));
}

TEST(Checkpoint, ChangesNothingButWhatIsKept) {
  const Tensor x = cast(Tensor::normal({4, 6}, 1), DType::f64),
               weight = cast(Tensor::normal({6, 6}, 2), DType::f64);
  const auto plain = [&](Tensor x, Tensor w) { return sum(square(block(block(x, w), w))); };
  const auto kept = [&](Tensor x, Tensor w) {
    const auto inner = checkpoint([&](Tensor x) { return block(x, w); }); // what it captures counts
    return sum(square(inner(inner(x))));
  };
  EXPECT_EQ(plain(x, weight).item(), kept(x, weight).item());
  const auto expected = grad<0, 1>(plain)(x, weight), actual = grad<0, 1>(kept)(x, weight),
             compiled = compile([&](Tensor x, Tensor w) { return grad<0, 1>(kept)(x, w); })(x, weight);
  expect_near(std::get<0>(actual), std::get<0>(expected), 1e-12);
  expect_near(std::get<1>(actual), std::get<1>(expected), 1e-12);
  expect_near(std::get<0>(compiled), std::get<0>(expected), 1e-12);
  const auto plain_of_x = [&](Tensor x) { return plain(x, weight); };
  const auto kept_of_x = [&](Tensor x) { return kept(x, weight); };
  expect_near(hvp(kept_of_x)(x, x), hvp(plain_of_x)(x, x), 1e-10);
  expect_near(jvp(kept_of_x)(x, x).second, jvp(plain_of_x)(x, x).second, 1e-12);
}

// Ten layers, each of which keeps two tensors for its derivative.
// On a tape, which drops what no tensor needs now and then, many times over.
TEST(CustomGradient, AndCheckpointsOnTapes) {
  Tensor w = f64({0.5, -1.25, 2}, {3}).set_requires_grad();
  const auto rounded = custom_gradient([](Tensor x) { return floor(x * 2) / 2; },
                                       [](Tensor, Tensor, Tensor dy) { return dy * 3; });
  const auto squared = checkpoint([&](Tensor x) {
    const Tensor y = x * w;
    return y.detach().to_vector<double>()[0] > 0 ? y * y : y;
  });
  for (int step = 0; step < 300; ++step) {
    for (int i = 0; i < 10; ++i)
      (void)squared(rounded(w)); // never differentiated
    w.zero_grad();
    // (w round(w))^2: 2 w round(w)^2 + 2 w^2 round(w) 3
    sum(squared(rounded(w))).backward();
    EXPECT_THAT(numbers(w.grad()),
                ElementsAre(2 * 0.5 * 0.25 + 6 * 0.25 * 0.5, -2 * 1.25 * 2.25 - 6 * 1.25 * 1.25 * 1.5,
                            2 * 2 * 4 + 6 * 4 * 2));
  }
}

TEST(CustomGradient, CapturesNoLeaf) {
  Tensor w = f64({2, 3}, {2}).set_requires_grad();
  const auto f =
      custom_gradient([&](Tensor x) { return x * w; }, [](Tensor, Tensor, Tensor dy) { return dy; });
  EXPECT_THAT(error_of([&] { f(w * 2); }), AllOf(HasSubstr("f64[2] requires a gradient, but is captured"),
                                                 HasSubstr("capture its detach()")));
  EXPECT_THAT(error_of([&] { f(f64({1, 1}, {2})); }),
              AllOf(HasSubstr("custom_gradient_test.cpp:"), HasSubstr("is not among its parameters")));
  const Tensor outer = w * 3;
  EXPECT_THAT(error_of([&] {
                custom_gradient([&](Tensor) { return outer; },
                                [](Tensor, Tensor, Tensor dy) { return dy; })(w);
              }),
              HasSubstr("a traced tensor that is not among its parameters"));
}

// More tensors than a tape holds for nobody, made between the beginning and the end of one function.
TEST(CustomGradient, OfManyOperationsOnTapes) {
  Tensor w = f64({2}, {1}).set_requires_grad();
  const Tensor kept = w * 1.0;
  const auto f = custom_gradient(
      [](Tensor x, Tensor) {
        for (int i = 0; i < 2000; ++i)
          (void)(x * 0.5);
        return x + 1;
      },
      [](Tensor, Tensor unused, Tensor, Tensor dy) { return std::tuple{dy * 7, unused}; });
  sum(f(w, kept.detach() * 2) * kept).backward();
  EXPECT_THAT(numbers(w.grad()), ElementsAre(2 * 7 + 3));
}

TEST(Checkpoint, SavesMemory) {
  const Tensor x = Tensor::normal({64, 64}, 1), weight = Tensor::normal({64, 64}, 2, 0, 0.1);
  const auto arena_of = [&](auto layer) {
    const auto f = compile(grad([layer](Tensor x, Tensor w) {
      for (int i = 0; i < 10; ++i)
        x = layer(x, w);
      return sum(square(x));
    }));
    return f.executable(x, weight)->memory().arena_bytes;
  };
  const auto plain = arena_of([](Tensor x, Tensor w) { return block(x, w); });
  const auto kept = arena_of(checkpoint([](Tensor x, Tensor w) { return block(x, w); }));
  EXPECT_LT(kept, 0.75 * static_cast<double>(plain)) << plain;
}

TEST(MemoryLimit, OfGradAndOfCompile) {
  const Tensor x = Tensor::normal({64, 64}, 1), weight = Tensor::normal({64, 64}, 2, 0, 0.1);
  const auto loss = [](Tensor x, Tensor w) {
    for (int i = 0; i < 10; ++i)
      x = block(x, w);
    return sum(square(x));
  };
  const auto plain = compile(grad(loss));
  const auto natural = static_cast<int64_t>(plain.executable(x, weight)->memory().arena_bytes);
  const CompileOptions half{.memory_limit = natural / 2};
  const auto limited = compile(grad(loss), half);
  EXPECT_LE(limited.executable(x, weight)->memory().arena_bytes, static_cast<uint64_t>(natural / 2));
  EXPECT_EQ(limited(x, weight).to_vector<float>(), plain(x, weight).to_vector<float>());
  EXPECT_EQ(grad(loss, {.memory_limit = natural / 2})(x, weight).to_vector<float>(),
            plain(x, weight).to_vector<float>());

  EXPECT_THAT(error_of([&] { grad(loss, {.memory_limit = 40000})(x, weight); }),
              AllOf(HasSubstr("custom_gradient_test.cpp:"), HasSubstr("memory_limit is 40000 bytes, but "),
                    HasSubstr("are needed here")));
  EXPECT_THAT(error_of([&] { compile(grad(loss, {.memory_limit = natural}))(x, weight); }),
              AllOf(HasSubstr("custom_gradient_test.cpp:"),
                    HasSubstr("memory_limit is that of a whole program, and this is a part of one")));
  // The sweep backwards is one kernel, which reads all that is kept at once: there is nothing to gain, and an
  // end.
  const auto chain = [](Tensor z) {
    for (int i = 0; i < 10; ++i)
      z = tanh(z * 1.1);
    return sum(z);
  };
  EXPECT_THAT(error_of([&] { compile(grad(chain), {.memory_limit = 9000})(Tensor::normal({1000}, 4)); }),
              HasSubstr("memory_limit is 9000 bytes, but "));
  EXPECT_THAT(error_of([&] { compile(loss, {.memory_limit = -1})(x, weight); }),
              AllOf(HasSubstr("custom_gradient_test.cpp:"), HasSubstr("memory_limit is -1 bytes")));
}

TEST(Checkpoint, ReadsAndLeaks) {
  const Tensor x = f64({1, 2}, {2});
  int calls = 0;
  const auto f = [&](Tensor x) {
    return sum(checkpoint([&](Tensor y) {
      ++calls;
      const Tensor squared = y * y;
      return max(squared).item() > 2 ? squared * 3 : y;
    })(x));
  };
  EXPECT_THAT(numbers(grad(f)(x)), ElementsAre(6, 12));
  EXPECT_EQ(calls, 1);
  EXPECT_THAT(error_of([&] {
                grad([](Tensor x) {
                  Tensor leaked;
                  const Tensor y = checkpoint([&](Tensor x) {
                    leaked = x * 2;
                    return x * leaked;
                  })(x);
                  return sum(y * leaked);
                })(x);
              }),
              HasSubstr("a tensor of the body of a branch, loop or checkpoint is used outside of it"));
}

} // namespace
} // namespace sinter
