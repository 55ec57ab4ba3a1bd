// What becomes of the tape: what backward() releases and leaves, what is kept of it, and for how long.
#include "sinter/sinter.h"

#include "unit/error_of.h"
#include "unit/f64_tensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <unistd.h>
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

TEST(TapeGraph, TwoLossesOfTheirOwn) {
  const Tensor a = leaf({2}, {}), b = leaf({3}, {});
  const Tensor first = a * a, second = b * b * a;
  first.backward();
  EXPECT_EQ(a.grad().item(), 4);
  EXPECT_FALSE(b.has_grad());
  EXPECT_TRUE(second.is_traced());
  second.backward();
  EXPECT_EQ(a.grad().item(), 13);
  EXPECT_EQ(b.grad().item(), 12);
}

TEST(TapeGraph, TwoLossesThatShareWhatIsRetained) {
  const Tensor w = leaf({2}, {});
  const Tensor shared = exp(w), first = shared * 2, second = shared * 3;
  first.backward({.retain_graph = true});
  second.backward();
  EXPECT_NEAR(w.grad().item(), 5 * std::exp(2.0), 1e-12);
  EXPECT_EQ(first.item(), 2 * shared.item());
  EXPECT_THAT(error_of([&] { first.backward(); }), HasSubstr("released"));
}

TEST(TapeGraph, WhatIsReleased) {
  const Tensor w = leaf({2}, {});
  const Tensor shared = w * w, first = shared * 2, second = shared * 3 + w;
  first.backward();
  const std::string again = error_of([&] { first.backward(); });
  EXPECT_THAT(again, AllOf(HasSubstr("tape_graph_test.cpp:"),
                           HasSubstr(": backward: f64[] was recorded, but the "
                                     "backward() at tape_graph_test.cpp:"),
                           HasSubstr("{.retain_graph = true}")));
  EXPECT_THAT(error_of([&] { second.backward(); }),
              AllOf(HasSubstr("tape_graph_test.cpp:"),
                    HasSubstr("released by the backward() at tape_graph_test.cpp:"), HasSubstr("detach()")));
  EXPECT_EQ(second.item(), 14);
  EXPECT_EQ(w.grad().item(), 8);
  // A state carried on from step to step, as of a recurrent network.
  const Tensor carried = shared * 1.5; // not even by a leaf
  EXPECT_THAT(error_of([&] { (carried * w).backward(); }), HasSubstr("was released by the backward()"));
  (carried.detach() * w).backward();
  EXPECT_EQ(w.grad().item(), 14);
}

TEST(TapeGraph, TensorsStillHeldGetTheirElements) {
  const Tensor w = leaf({1, 2}, {2});
  const Tensor y = w * w, best = argmax(y, 0), half = y.detach() * 0.5, probability = softmax(y, 0);
  sum(y).backward();
  for (const Tensor& tensor : {y, best, half, probability})
    EXPECT_FALSE(tensor.is_traced());
  EXPECT_THAT(numbers(half), ElementsAre(0.5, 2));
  EXPECT_EQ(best.to_vector<int64_t>(), std::vector<int64_t>{1});
  EXPECT_NEAR(numbers(probability)[1], 1 / (1 + std::exp(-3.0)), 1e-12);
  EXPECT_TRUE(probability.requires_grad());
  EXPECT_FALSE(half.requires_grad());
}

TEST(TapeGraph, WhatIsDetachedMayBecomeALeafOrBeWrittenTo) {
  const Tensor w = leaf({1, 2}, {2});
  const Tensor y = w * w;
  Tensor start = y.detach().set_requires_grad(), scratch = y.detach();
  EXPECT_TRUE(start.is_leaf() && start.requires_grad() && y.detach().is_leaf());
  scratch.mutable_data<double>()[0] = 100;
  sum(start * start).backward();
  EXPECT_THAT(numbers(start.grad()), ElementsAre(2, 8));
  EXPECT_FALSE(w.has_grad());
  sum(y).backward();
  EXPECT_THAT(numbers(y), ElementsAre(1, 4));
  EXPECT_THAT(numbers(w.grad()), ElementsAre(2, 4));
}

// A program drawn by chance, of `steps` operations on two variables; `look` is told each value.
template <class Look>
std::vector<Tensor> random_program(uint64_t seed, const Tensor& a, const Tensor& b, int steps, Look&& look) {
  std::mt19937_64 random(seed);
  std::vector<Tensor> values{a, b, f64({0.5, -1, 2}, {3})};
  const auto any = [&] { return values[random() % values.size()]; };
  for (int i = 0; i < steps; ++i) {
    const Tensor x = any(), y = any();
    switch (random() % 8) {
    case 0:
      values.push_back(x + y);
      break;
    case 1:
      values.push_back(tanh(x * y));
      break;
    case 2:
      values.push_back(sin(x) - y * 0.5);
      break;
    case 3:
      values.push_back(x * stop_gradient(y));
      break;
    case 4:
      values.push_back(x / (1 + y * y));
      break;
    case 5:
      values.push_back(softmax(x, 0) + sum(y, 0, true));
      break;
    case 6:
      values.push_back(x.reshape({1, 3}).transpose(0, 1).reshape({3}));
      break;
    case 7:
      values.push_back(concat({slice(x, 0, 1, 3), slice(y, 0, 0, 1)}, 0));
      break;
    }
    look(values.back(), random);
  }
  return values;
}

TEST(TapeGraph, RandomProgramsAgreeWithGrad) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const Tensor a = f64({0.3, -0.7, 1.1}, {3}), b = f64({-0.2, 0.9, 0.4}, {3});
    const auto last = [&](bool first) {
      return [=](Tensor a, Tensor b) {
        const auto values = random_program(seed, a, b, 12, [](const Tensor&, auto& random) { random(); });
        return sum(values[first ? values.size() - 3 : values.size() - 1]) + sum(a + b);
      };
    };
    const auto by_first = grad<0, 1>(last(true))(a, b), by_last = grad<0, 1>(last(false))(a, b);
    const Tensor u = leaf(numbers(a), {3}), v = leaf(numbers(b), {3});
    std::vector<Tensor> held;
    const auto values = random_program(seed, u, v, 12, [&](const Tensor& value, auto& random) {
      const auto chance = random();
      if (chance % 5 == 0)
        (void)value.to_vector<double>();
      if (chance % 3 == 0)
        held.push_back(chance % 2 == 0 ? value : value.detach());
    });
    const Tensor first = sum(values[values.size() - 3]) + sum(u + v),
                 second = sum(values.back()) + sum(u + v);
    first.backward({.retain_graph = true});
    second.backward();
    const auto expect_sum = [&](const Tensor& leaf, const Tensor& x, const Tensor& y) {
      for (std::size_t i = 0; i < 3; ++i)
        EXPECT_NEAR(numbers(leaf.grad())[i], numbers(x)[i] + numbers(y)[i], 1e-9) << "seed " << seed;
    };
    expect_sum(u, std::get<0>(by_first), std::get<0>(by_last));
    expect_sum(v, std::get<1>(by_first), std::get<1>(by_last));
    const auto plain = random_program(seed, a, b, 12, [](const Tensor&, auto& random) { random(); });
    for (std::size_t i = 0; i < plain.size(); ++i)
      EXPECT_THAT(numbers(values[i]), testing::Pointwise(testing::DoubleNear(1e-9), numbers(plain[i])));
    for (const Tensor& tensor : held)
      EXPECT_FALSE(tensor.is_traced() && !tensor.requires_grad());
  }
}

// Two graphs with a common part that only one of them differentiates, in either order.
TEST(TapeGraph, ReleaseLeavesOtherGraphsWhole) {
  for (const bool detached_first : {true, false}) {
    const Tensor a = leaf({2}, {}), b = leaf({3}, {});
    const Tensor made = a * a, judged = made.detach() * b, fooled = made * b.detach();
    (detached_first ? judged : fooled).backward();
    (detached_first ? fooled : judged).backward();
    EXPECT_EQ(a.grad().item(), 12);
    EXPECT_EQ(b.grad().item(), 4);
    EXPECT_EQ(judged.item(), 12);
  }
}

TEST(TapeGraph, ALongGraphOutlivesItsPruning) {
  const Tensor w = leaf({1}, {});
  Tensor y = w;
  std::vector<Tensor> states;
  for (int i = 0; i < 3000; ++i) {
    (void)(y * 2); // of no use
    y = y + w * 1e-3;
    if (i % 100 == 0)
      states.push_back(y.detach());
  }
  y.backward();
  EXPECT_NEAR(w.grad().item(), 4, 1e-9);
  EXPECT_NEAR(states[10].item(), 2.001, 1e-9);
}

TEST(TapeGraph, ATapeBelongsToItsThread) {
  const Tensor w = leaf({1, 2}, {2});
  const Tensor y = w * w;
  std::string use, read, back, own;
  std::thread([&] {
    use = error_of([&] { y * 2; });
    read = error_of([&] { y.to_vector<double>(); });
    back = error_of([&] { sum(y).backward(); });
    own = error_of([&] { sum(w * 3).backward(); }); // a leaf may be on several tapes
  }).join();
  for (const std::string& error : {use, read, back})
    EXPECT_THAT(error, AllOf(HasSubstr("tape_graph_test.cpp:"), HasSubstr("recorded by another thread")));
  EXPECT_EQ(own, "no error");
  sum(y).backward();
  EXPECT_THAT(numbers(w.grad()), ElementsAre(5, 7));
}

int64_t resident_kilobytes() {
  int64_t size = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * sysconf(_SC_PAGESIZE) / 1024;
}

// In kilobytes. AddressSanitizer keeps what was freed.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SINTER_KEEPS_FREED_MEMORY
#endif
#endif
#ifdef SINTER_KEEPS_FREED_MEMORY
constexpr int64_t kMostGrowth = 1000000;
#else
constexpr int64_t kMostGrowth = 16000;
#endif

// Whatever users do to keep a tape alive, it holds little more than they do. `step` takes 16 KB of data,
// drops them, and computes as much several times.
template <class Step>
void expect_no_leak(Step&& step, std::ptrdiff_t most_held) {
  std::vector<std::weak_ptr<Storage>> data;
  int64_t before = 0;
  for (int i = 0; i < 4500; ++i) {
    const Tensor x = Tensor::full({4096}, i % 10);
    data.push_back(x.storage());
    step(x);
    if (i == 500)
      before = resident_kilobytes();
  }
  EXPECT_LE(std::count_if(data.begin(), data.end(), [](const auto& storage) { return !storage.expired(); }),
            most_held);
  EXPECT_LT(resident_kilobytes() - before, kMostGrowth);
}

TEST(TapeMemory, OfTrainingSteps) {
  Tensor w = Tensor::normal({4096}, 1).set_requires_grad();
  std::vector<Tensor> losses, unread;
  Tensor total = Tensor(0.0F);
  const auto step = [&](const Tensor& x) {
    const Tensor y = w * x, loss = mean(square(y * 1e-3));
    losses.push_back(loss);
    unread.push_back(loss.detach());
    loss.backward();
    total = total + loss; // not read, ever
    w.zero_grad();
  };
  expect_no_leak(step, 1);
}

TEST(TapeMemory, OfWhatIsNeverDifferentiated) {
  const Tensor w = Tensor::normal({4096}, 1).set_requires_grad();
  const Tensor penalty = sum(w * w); // keeps one tape alive all the time
  std::vector<Tensor> unread;
  expect_no_leak([&](const Tensor& x) { unread.push_back(sum(tanh(w * x) + x).detach()); }, 200);
  penalty.backward();
  EXPECT_EQ(w.grad().to_vector<float>(), (w.detach() * 2).to_vector<float>());
}

} // namespace
} // namespace sinter
