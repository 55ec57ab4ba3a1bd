// backward(): the same gradients as grad(), and its errors.
#include "sinter/sinter.h"

#include "frontend/autodiff/recorder.h"

#include "unit/error_of.h"
#include "unit/f64_tensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sinter {
namespace {

using test::error_of;
using test::f64;
using test::leaf;
using test::numbers;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

struct Net {
  Tensor weight, bias;
  std::vector<Tensor> scales;
};

Net small_net() {
  return {Tensor::normal({3, 4}, 1), Tensor::normal({3}, 2), {Tensor::normal({3}, 3)}};
}

Tensor loss_of(const Net& net, const Tensor& x) {
  const Tensor hidden = tanh(linear(x, net.weight, net.bias));
  return mean(square(hidden * net.scales[0] + softmax(hidden, -1)));
}

TEST(Tape, GradientsAreThoseOfGrad) {
  const Tensor x = Tensor::normal({5, 4}, 4);
  const auto expected = value_and_grad([&](Net n) { return loss_of(n, x); })(small_net());
  Net net = small_net();
  set_requires_grad(net);
  const Tensor loss = loss_of(net, x);
  loss.backward();
  EXPECT_EQ(loss.item(), expected.first.item());
  const std::vector<Tensor> leaves = tensors_of(net), gradients = tensors_of(expected.second);
  ASSERT_EQ(leaves.size(), 3U);
  for (std::size_t i = 0; i < leaves.size(); ++i)
    EXPECT_EQ(leaves[i].grad().to_vector<float>(), gradients[i].to_vector<float>()) << i;
  zero_grad(net);
  EXPECT_FALSE(net.weight.has_grad());
}

TEST(Tape, GradientsAddUp) {
  const Tensor w = leaf({1, 2}, {2});
  sum(w * w).backward();
  EXPECT_THAT(numbers(w.grad()), ElementsAre(2, 4));
  sum(w * 3).backward();
  EXPECT_THAT(numbers(w.grad()), ElementsAre(5, 7));
}

TEST(Tape, SharedSubexpressionsCountOnceEach) {
  const Tensor w = leaf({2}, {});
  const Tensor y = w * w;
  (y * y + y).backward(); // 4 w^3 + 2 w
  EXPECT_EQ(w.grad().item(), 36);
}

TEST(Tape, ValuesAreThereAtOnceAndControlWhatHappens) {
  const Tensor w = leaf({1.5, 2.5}, {2});
  Tensor y = w;
  int rounds = 0;
  for (; max(y) < 100; ++rounds)
    y = y * y + w;
  EXPECT_EQ(rounds, 3);
  EXPECT_THAT(to_string(w * 2), HasSubstr("[3, 5]"));
  EXPECT_EQ(numbers(w + 1), (std::vector<double>{2.5, 3.5}));
  EXPECT_EQ((w * 2).view().as<double>()[1], 5);
  const double before = sum(log(y)).item();
  const Tensor loss = sum(log(y));
  loss.backward();
  EXPECT_EQ(loss.item(), before);
  const auto same = [](Tensor x) {
    Tensor y = x;
    for (int i = 0; i < 3; ++i)
      y = y * y + x;
    return sum(log(y));
  };
  EXPECT_EQ(numbers(w.grad()), numbers(grad(same)(w.detach())));
}

TEST(Tape, BranchesAndLoopsAsOperations) {
  const Tensor w = leaf({1, 2}, {2});
  const Tensor doubled = cond(greater(sum(w), 0), [&] { return w * w; }, [&] { return w; });
  const auto [last, all] =
      scan([&](Tensor c, Tensor x) { return std::pair(c * w + x, c); }, doubled, f64({1, 1, 1, 1}, {2, 2}));
  sum(last).backward(); // (w^3 + 1) w + 1
  EXPECT_THAT(numbers(w.grad()), ElementsAre(5, 33));
}

TEST(Tape, CotangentsOfWhatIsNotANumber) {
  const Tensor w = leaf({1, 2, 3}, {3});
  (w * w).backward(f64({1, 0, 10}, {3}));
  EXPECT_THAT(numbers(w.grad()), ElementsAre(2, 0, 60));
  w.backward(f64({1, 1, 1}, {3})); // a leaf depends on itself
  EXPECT_THAT(numbers(w.grad()), ElementsAre(3, 1, 61));
}

TEST(Tape, LeavesAndResults) {
  Tensor w = leaf({1, 2}, {2});
  const Tensor plain = f64({1, 2}, {2}), result = w * plain;
  EXPECT_TRUE(w.is_leaf() && w.requires_grad());
  EXPECT_TRUE(plain.is_leaf() && !plain.requires_grad());
  EXPECT_TRUE(!result.is_leaf() && result.requires_grad());
  EXPECT_FALSE(argmax(result, 0).requires_grad());
  EXPECT_FALSE((result.detach() * 2).requires_grad());
  EXPECT_TRUE((result.detach() * w).requires_grad());
  EXPECT_FALSE((plain * 2).is_traced());
  sum(result).backward();
  EXPECT_TRUE(!result.is_leaf() && result.requires_grad() && !result.is_traced());
  w.set_requires_grad(false);
  EXPECT_FALSE((w * 2).requires_grad());
  Tensor nothing;
  nothing.set_requires_grad();
  EXPECT_TRUE(nothing.requires_grad());
  EXPECT_FALSE(Tensor().requires_grad());
}

TEST(Tape, ViewsAndCopiesOfLeavesAreRecorded) {
  const Tensor w = leaf({1, 2, 3, 4}, {2, 2});
  (sum(w.reshape({4}) * f64({1, 2, 3, 4}, {4})) + sum(w.transpose(0, 1).clone() * f64({1, 0, 0, 0}, {2, 2})) +
   sum(w.clone()))
      .backward();
  EXPECT_THAT(numbers(w.grad()), ElementsAre(3, 3, 4, 5));
  const Tensor turned = f64({1, 2, 3, 4}, {2, 2}).transpose(0, 1).set_requires_grad(); // not dense
  sum(turned * f64({1, 2, 3, 4}, {2, 2}) * turned).backward();
  EXPECT_THAT(numbers(turned.grad()), ElementsAre(2, 12, 12, 32));
  sum(turned.contiguous()).backward();
  EXPECT_THAT(numbers(turned.grad()), ElementsAre(3, 13, 13, 33));
}

TEST(Tape, NoGradRecordsNothing) {
  const Tensor w = leaf({1, 2}, {2});
  const Tensor y = w * w;
  {
    const NoGrad no_grad;
    EXPECT_FALSE(grad_enabled());
    {
      const NoGrad again;
    }
    const Tensor z = y * w;
    EXPECT_FALSE(z.requires_grad() || z.is_traced());
    EXPECT_THAT(numbers(z), ElementsAre(1, 8));
    EXPECT_THAT(numbers(y.reshape({2, 1}).clone().detach()), ElementsAre(1, 4));
    EXPECT_EQ(numbers(while_loop(
                  y, [](Tensor t) { return sum(t) < 10; }, [](Tensor t) { return t + t; })),
              (std::vector<double>{2, 8}));
    EXPECT_FALSE(cond(sum(y) > 0, [&] { return y; }, [&] { return w; }).clone().is_traced());
  }
  EXPECT_TRUE(grad_enabled());
  sum(y * y.detach() * stop_gradient(w)).backward();
  EXPECT_THAT(numbers(w.grad()), ElementsAre(2, 32));
}

TEST(Tape, ATrainingLoopCompilesOnce) {
  const Tensor x = Tensor::normal({16, 4}, 4);
  Net net = small_net();
  set_requires_grad(net);
  const int64_t before = autodiff::Recorder::compilations();
  double first = 0, last = 0;
  for (int step = 0; step < 20; ++step) {
    const Tensor loss = loss_of(net, x);
    if (step % 7 == 3) // reading does not change the program
      (void)loss.item();
    loss.backward();
    const NoGrad no_grad;
    for_each_tensor(net, [](Tensor& w) { w.assign(w - w.grad() * 0.1); });
    zero_grad(net);
    last = loss.item();
    first = step == 0 ? last : first;
  }
  EXPECT_EQ(autodiff::Recorder::compilations() - before, 1);
  EXPECT_LT(last, 0.5 * first);
}

// As an optimiser that knows nothing but memory, or one that makes new tensors.
TEST(Tape, LeavesMayBeWrittenToOrReplacedBetweenSteps) {
  Tensor w = leaf({4}, {1});
  for (int step = 0; step < 3; ++step) {
    sum(w * w).backward();
    w.mutable_data<double>()[0] -= 0.25 * w.grad().data<double>()[0];
    w.zero_grad();
  }
  EXPECT_EQ(numbers(w), std::vector<double>{0.5});
  for (int step = 0; step < 2; ++step) {
    sum(w * w).backward();
    const NoGrad no_grad;
    w = (w - w.grad() * 0.25).set_requires_grad();
  }
  EXPECT_EQ(numbers(w), std::vector<double>{0.125});
}

TEST(Tape, AssignmentIsSeenByAllCopies) {
  Tensor w = leaf({1, 2}, {2});
  const Tensor copy = w;
  w.assign(f64({3, 4}, {2}));
  EXPECT_THAT(numbers(copy), ElementsAre(3, 4));
  w.assign(w.detach().reshape({2, 1}).transpose(0, 1).reshape({2}));
  EXPECT_THAT(error_of([&] { w.assign(w * 2); }),
              AllOf(HasSubstr("tape_test.cpp:"), HasSubstr("assign: the value"), HasSubstr("NoGrad")));
  EXPECT_THAT(error_of([&] { w.assign(f64({1}, {1})); }), HasSubstr("f64[1], is not of the dtype and shape"));
  EXPECT_THAT(error_of([&] { (w * 2).assign(w.detach()); }), HasSubstr("computed by what is being recorded"));
}

TEST(Tape, TransformsAndCompiledFunctionsAreRecorded) {
  const Tensor w = leaf({1, 2}, {2});
  const auto cubes = [](Tensor x) { return sum(x * x * x); };
  sum(grad(cubes)(w)).backward();
  EXPECT_THAT(numbers(w.grad()), ElementsAre(6, 12));
  const auto inner = [&](Tensor x) {
    return sum(grad([&](Tensor v) { return sum(v * v * x); })(f64({2, 5}, {2})));
  };
  sum(grad(inner)(w * 2) * w).backward();
  EXPECT_THAT(numbers(w.grad()), ElementsAre(10, 22));
  const auto compiled = compile([](Tensor x) { return sum(x * x); });
  compiled(w).backward();
  EXPECT_THAT(numbers(w.grad()), ElementsAre(12, 26));
  const NoGrad no_grad;
  EXPECT_EQ(compiled(w * 2).item(), 20);
  EXPECT_THAT(numbers(grad(cubes)(w)), ElementsAre(3, 12));
}

TEST(TapeErrors, CapturedButNotListed) {
  const Tensor w = leaf({1, 2}, {2}), x = f64({3, 4}, {2}), y = w * 2;
  const auto expect_named = [](const std::string& error) {
    EXPECT_THAT(error, AllOf(HasSubstr("tape_test.cpp:"),
                             HasSubstr("f64[2] requires a gradient, but is captured by the "
                                       "function"),
                             HasSubstr("not listed among its parameters"), HasSubstr("make it a parameter"),
                             HasSubstr("detach()"), testing::Not(HasSubstr("\n"))));
  };
  expect_named(error_of([&] { grad([&](Tensor x) { return sum(x * w); })(x); }));
  expect_named(error_of([&] { grad([&](Tensor x) { return sum(w * w) + sum(x); })(x); }));
  expect_named(error_of([&] { grad([&](Tensor x) { return sum(x * y); })(x); }));
  EXPECT_THAT(error_of([&, z = sum(y)] { grad([&](Tensor) { return z; })(x); }),
              HasSubstr("grad: f64[] requires a gradient, but is captured"));
  expect_named(error_of([&] { vjp([&](Tensor x) { return x * w; })(x); }));
  expect_named(error_of([&] { jvp([&](Tensor x) { return x * w; })(x, x); }));
  expect_named(error_of([&] { compile([&](Tensor x) { return x * w; })(x); }));
  EXPECT_THAT(error_of([&] { grad([&](Tensor x) { return sum(x * w); })(leaf({3, 4}, {2})); }),
              HasSubstr("is captured by the"));
  EXPECT_THAT(numbers(grad([d = w.detach()](Tensor x) { return sum(x * d); })(x)), ElementsAre(1, 2));
}

TEST(TapeErrors, WhatWasCompiledUnderNoGrad) {
  const Tensor w = leaf({1, 2}, {2}), x = f64({3, 4}, {2});
  const auto f = compile([&](Tensor x) { return x * w; });
  {
    const NoGrad no_grad;
    EXPECT_THAT(numbers(f(x)), ElementsAre(3, 8));
  }
  EXPECT_THAT(error_of([&] { f(x); }), AllOf(HasSubstr("tape_test.cpp:"), HasSubstr("under NoGrad")));
}

TEST(TapeErrors, NameTheLineAndWhatToDo) {
  const Tensor w = leaf({1, 2}, {2});
  const auto expect = [](const std::string& error, const std::string& part) {
    EXPECT_THAT(error, AllOf(testing::StartsWith("tape_test.cpp:"), HasSubstr(part)));
  };
  expect(error_of([&] { (w * 2).backward(); }), "f64[2] is not one number: reduce it, with sum() or mean()");
  expect(error_of([&] { (w * 2).backward(f64({1}, {1})); }), "the cotangent, f64[1], is not of the dtype");
  expect(error_of([&] { f64({1}, {}).backward(); }), "f64[] does not depend on a tensor that requires");
  expect(error_of([&] { sum(w.detach()).backward(); }), "does not depend on a tensor that requires");
  expect(error_of([&] { sum((w * 2).detach()).backward(); }), "nothing it depends on requires a gradient");
  expect(error_of([&] { sum(argmax(w, 0)).backward(); }), "i64[] is not of floating-point numbers");
  expect(error_of([&] { w.grad(); }), "f64[2] has no gradient: no backward()");
  expect(error_of([&] { (w * 2).grad(); }), "f64[2] is not a leaf");
  expect(error_of([&] { f64({1}, {1}).grad(); }), "does not require a gradient");
  expect(error_of([&] { Tensor::zeros({2}, DType::i64).set_requires_grad(); }), "i64[2] is not of floating");
  expect(error_of([&] { (w * 2).set_requires_grad(false); }), "use its detach()");
  expect(error_of([&] { (w * 2).mutable_data<double>(); }), "mutable_data: writing to f64[2]");
  expect(error_of([&] { grad([](Tensor x) { return sum(x.set_requires_grad()); })(w.detach()); }),
         "gradients are by its parameters");
  expect(error_of([&] {
           grad([](Tensor x) {
             const NoGrad no_grad;
             return sum(x);
           })(w.detach());
         }),
         "NoGrad: inside a function that is compiled or differentiated: use stop_gradient()");
  expect(error_of([&] {
           grad([](Tensor x) {
             sum(x).backward();
             return sum(x);
           })(w.detach());
         }),
         "return the value, and use grad()");
  const auto pull = vjp([](Tensor x) { return x * x; })(f64({1, 2}, {2})).second;
  expect(error_of([&] { pull(w * 2); }), "the cotangent f64[2] is recorded");
  // None of them left anything behind.
  sum(w * w).backward();
  EXPECT_THAT(numbers(w.grad()), ElementsAre(2, 4));
}

TEST(TapeErrors, WritingToWhatWasUsed) {
  Tensor w = leaf({1, 2}, {2}), x = f64({3, 4}, {2}), other = f64({1, 1}, {2});
  const Tensor loss = sum(w * x), independent = sum(w * other);
  x.mutable_data<double>()[0] = 7;
  EXPECT_THAT(error_of([&] { loss.backward(); }),
              AllOf(HasSubstr("tape_test.cpp:"), HasSubstr("backward: f64[2] was written to (mutable_data)"),
                    HasSubstr("clone()")));
  independent.backward(); // does not read it
  EXPECT_THAT(numbers(w.grad()), ElementsAre(1, 1));
  const Tensor of_w = sum(w * w);
  w.assign(f64({5, 5}, {2}));
  EXPECT_THAT(error_of([&] { of_w.backward(); }), HasSubstr("was written to"));
  EXPECT_THAT(error_of([&] { of_w.item(); }),
              AllOf(HasSubstr("tape_test.cpp:"), HasSubstr("was written to")));
  // What is recorded afterwards is of the new elements, though the old loss is still held.
  const Tensor fresh = sum(w * w);
  EXPECT_EQ(fresh.item(), 50);
  w.zero_grad();
  fresh.backward();
  EXPECT_THAT(numbers(w.grad()), ElementsAre(10, 10));
}

TEST(Tape, ConstantsThatBecomeLeaves) {
  Tensor w = leaf({2}, {1}), x = f64({3}, {1});
  const Tensor y = w * x;
  x.set_requires_grad();
  sum(y * x).backward();
  EXPECT_THAT(numbers(w.grad()), ElementsAre(9));
  EXPECT_THAT(numbers(x.grad()), ElementsAre(6)); // by what was recorded after
}

TEST(Tape, ClonesShareNothing) {
  Tensor w = leaf({2}, {1});
  const Tensor y = w * 2.0;
  Tensor d = y.detach(), c = d.clone();
  c.mutable_data<double>()[0] = 9;
  EXPECT_THAT(numbers(d), ElementsAre(4));
  EXPECT_THAT(numbers(c), ElementsAre(9));
}

TEST(Tape, FunctionsOfManyOperationsOnIt) {
  Tensor w = leaf({2}, {1});
  const auto f = [](Tensor a, Tensor b) {
    for (int i = 0; i < 2000; ++i)
      (void)(a * 0.5);
    return sum(a * a * b);
  };
  const auto [by_a, by_b] = grad<0, 1>(f)(w, f64({3}, {1}));
  sum(by_a * by_b).backward(); // 2 a b a^2: 6 b a^2
  EXPECT_THAT(numbers(w.grad()), ElementsAre(6 * 3 * 4));
}

} // namespace
} // namespace sinter
