// Tensors that stay on a device, by stand-ins for the driver and the compiler. What the stand-in is given to
// do is done when somebody waits, so whatever does not wait where it must reads what is not there yet.
#include "sinter/sinter.h"

#include "unit/error_of.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace sinter {
namespace {

using test::error_of;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

double difference(const Tensor& a, const Tensor& b) {
  return max(abs(a.to(Device::cpu) - b.to(Device::cpu))).item();
}

TEST(DeviceTensors, GoThereAndBack) {
  const Tensor x = Tensor::uniform({3, 4}, 1), there = x.to(cuda);
  EXPECT_EQ(there.device(), cuda);
  EXPECT_EQ(to_string(there.device()), "cuda:0");
  EXPECT_EQ(Device::named("cuda:0"), cuda);
  EXPECT_EQ(x.device(), Device::cpu);
  EXPECT_EQ(there.to_vector<float>(), x.to_vector<float>());
  EXPECT_EQ(there.to(Device::cpu).to_vector<float>(), x.to_vector<float>());
  EXPECT_EQ(x.transpose(0, 1).to(cuda).to_vector<float>(), x.transpose(0, 1).to_vector<float>());
  EXPECT_EQ(there.clone().to_vector<float>(), x.to_vector<float>());
  EXPECT_EQ(Tensor::zeros({0}).to(cuda).elements(), 0);
  EXPECT_EQ(Tensor::zeros({0, 4}).to(cuda).device(), cuda);
  EXPECT_EQ(concat({Tensor::zeros({0, 4}).to(cuda), there}, 0).to_vector<float>(), x.to_vector<float>());
  EXPECT_EQ((slice(there, 0, 3) + 1).device(), cuda);
  EXPECT_THAT(to_string(Tensor::of({1, 2}, {2}).to(cuda)), HasSubstr("f32[2] [1, 2] on cuda:0"));
  EXPECT_TRUE(is_available(cuda));
  EXPECT_FALSE(is_available({Device::Kind::cuda, 1}));
}

TEST(DeviceTensors, AreComputedWithAtOnce) {
  const Tensor x = Tensor::uniform({3, 4}, 1), y = Tensor::uniform({4, 5}, 2);
  const auto f = [](const Tensor& a, const Tensor& b) {
    return softmax(matmul(a, b) * 2 + 1).transpose(0, 1).reshape({15}) - sum(a);
  };
  const Tensor there = f(x.to(cuda), y.to(cuda));
  EXPECT_EQ(there.device(), cuda);
  EXPECT_LT(difference(there, f(x, y)), 1e-5);
  const Tensor rows = slice(x.to(cuda), 0, 1, 3), columns = slice(x.to(cuda), 1, 1, 4, 2);
  EXPECT_EQ(rows.to_vector<float>(), slice(x, 0, 1, 3).to_vector<float>());
  EXPECT_EQ((columns + 0).to_vector<float>(), slice(x, 1, 1, 4, 2).to_vector<float>());
  // Numbers go with tensors on any device, on whichever side.
  EXPECT_LT(difference(Tensor(2.0f) * x.to(cuda), x * 2), 1e-6);
  EXPECT_DOUBLE_EQ(max(x.to(cuda)).item(), max(x).item());
  EXPECT_TRUE(static_cast<bool>(greater(max(x.to(cuda)), 0)));
}

TEST(DeviceTensors, RandomNumbersAreTheSame) {
  const Tensor x = Tensor::normal({7, 50}, 1), seed = Tensor::of(std::vector<int64_t>{12}, {});
  const Tensor there = random_uniform({7, 50}, seed.to(cuda));
  EXPECT_EQ(there.device(), cuda);
  EXPECT_EQ(there.to_vector<float>(), random_uniform({7, 50}, seed).to_vector<float>());
  const auto f = [](const Tensor& x, const Tensor& seed) { return dropout(relu(x), 0.3, seed); };
  const std::vector<float> expected = f(x, seed).to_vector<float>();
  for (const Tensor& where : {seed, seed.to(cuda)}) {
    EXPECT_EQ(f(x.to(cuda), where).to_vector<float>(), expected);
    EXPECT_EQ(compile(f)(x.to(cuda), where).to_vector<float>(), expected);
    Tensor leaf = x.to(cuda).set_requires_grad(); // recorded: the seed alone says neither where nor in what
    sum(f(leaf * 1, where)).backward();
    EXPECT_EQ(leaf.grad().device(), cuda);
    EXPECT_EQ(grad([&](const Tensor& x) { return sum(f(x, where)); })(x.to(cuda)).to_vector<float>(),
              leaf.grad().to_vector<float>());
  }
}

TEST(DeviceTensors, CompiledFunctionsRunWhereTheirInputsLie) {
  const Tensor w = Tensor::normal({6, 6}, 3);
  const auto f = compile([w](Tensor x) {
    Tensor y = x;
    for (int i = 0; i < 4; ++i)
      y = relu(matmul(y, w)) + x; // several kernels: from the second run on, a graph
    return y;
  });
  Tensor host = Tensor::uniform({2, 6}, 4), there = host.to(cuda);
  for (int run = 0; run < 4; ++run) { // each time on other memory
    host = tanh(f(host));
    there = tanh(f(there));
    ASSERT_EQ(there.device(), cuda) << "run " << run;
  }
  EXPECT_LT(difference(there, host), 1e-5);
  EXPECT_EQ(f.core().compilations(), 2);
  // The same program, on tensors in the host's memory.
  const auto on_device = compile([](Tensor x) { return softmax(x * 3); }, {.device = "cuda"});
  EXPECT_LT(difference(on_device(host.to(cuda)), on_device(host)), 1e-6);
  EXPECT_EQ(on_device(host).device(), Device::cpu);
  EXPECT_EQ(on_device.core().compilations(), 1);
}

TEST(DeviceTensors, GraphsSeeNewAddresses) {
  const auto f = compile([](Tensor x, Tensor y) {
    return std::pair(matmul(x, softmax(y)) + 1, sum(softmax(matmul(y, x)), {0}));
  });
  std::vector<std::pair<Tensor, Tensor>> given, results;
  for (uint64_t i = 0; i < 6; ++i) { // all are kept, so all lie in places of their own
    given.emplace_back(Tensor::uniform({5, 5}, 2 * i), Tensor::uniform({5, 5}, 2 * i + 1));
    results.push_back(f(given.back().first.to(cuda), given.back().second.to(cuda)));
  }
  for (std::size_t i = 0; i < given.size(); ++i) {
    const auto [a, b] = f(given[i].first, given[i].second);
    EXPECT_LT(difference(results[i].first, a), 1e-5) << i;
    EXPECT_LT(difference(results[i].second, b), 1e-5) << i;
  }
}

TEST(DeviceTensors, AreDifferentiated) {
  const Tensor w = Tensor::normal({4, 3}, 1), x = Tensor::uniform({5, 4}, 2);
  const auto loss = [](const Tensor& weight, const Tensor& input) {
    return sum(square(tanh(matmul(input, weight))));
  };
  const auto at = [&](Device device) {
    return value_and_grad([&, input = x.to(device)](Tensor weight) { return loss(weight, input); })(
        w.to(device));
  };
  const auto [value, gradient] = at(Device::cpu);
  const auto [there, its_gradient] = at(cuda);
  EXPECT_EQ(its_gradient.device(), cuda);
  EXPECT_NEAR(there.item(), value.item(), 1e-4);
  EXPECT_LT(difference(its_gradient, gradient), 1e-5);
  const auto rows = jacobian([](Tensor v) { return exp(v) * v; });
  EXPECT_LT(difference(rows(x.to(cuda)), rows(x)), 1e-5);
  // Compiled as a whole.
  const auto step = compile([&](Tensor weight, Tensor input) {
    return grad([&](Tensor variable) { return loss(variable, input); })(weight);
  });
  EXPECT_LT(difference(step(w.to(cuda), x.to(cuda)), gradient), 1e-5);
}

TEST(DeviceTensors, AreTrainedByBackward) {
  Tensor weights[] = {Tensor::normal({4, 3}, 1), Tensor::normal({4, 3}, 1).to(cuda)};
  const Tensor x = Tensor::uniform({5, 4}, 2);
  for (Tensor& w : weights) {
    w.set_requires_grad();
    for (int step = 0; step < 3; ++step) {
      const Tensor hidden = tanh(matmul(x.to(w.device()), w));
      EXPECT_EQ(hidden.device(), w.device());
      if (step == 1)
        EXPECT_GT(max(abs(hidden)).item(), 0); // computed before backward() asks for it
      sum(square(hidden)).backward();
      const NoGrad no_grad;
      w.assign(w - w.grad() * 0.1);
      w.zero_grad();
    }
    EXPECT_FALSE(w.is_traced());
  }
  EXPECT_EQ(weights[1].device(), cuda);
  EXPECT_LT(difference(weights[1].detach(), weights[0].detach()), 1e-5);
  // A leaf by itself, and a cotangent.
  Tensor y = x.to(cuda).set_requires_grad();
  y.backward(x.to(cuda));
  EXPECT_EQ(y.grad().to_vector<float>(), x.to_vector<float>());
}

TEST(DeviceTensors, AreAssignedAcrossDevices) {
  Tensor host = Tensor::zeros({2, 2}), there = Tensor::zeros({2, 2}).to(cuda);
  there.assign(Tensor::of({1, 2, 3, 4}, {2, 2}));
  host.transpose(0, 1).assign(there);
  EXPECT_THAT(host.to_vector<float>(), ElementsAre(1, 3, 2, 4));
  there.assign(there.transpose(0, 1));
  EXPECT_THAT(there.to_vector<float>(), ElementsAre(1, 3, 2, 4));
}

// Not that of backward(), which runs what was recorded.
TEST(DeviceTensors, MixedWhereOperationsAreRecordedNameTheirLine) {
  const Tensor x = Tensor::uniform({3}, 1), there = x.to(cuda);
  Tensor leaf = x.clone().set_requires_grad(), leaf_there = x.to(cuda).set_requires_grad();
  const auto line = [](int number) { return HasSubstr("tensors_test.cpp:" + std::to_string(number) + ":"); };
  const auto mixed = AllOf(HasSubstr("mul: the operands do not lie together"), HasSubstr("f32[3] on cpu"),
                           HasSubstr("f32[3] on cuda:0"));
  const auto recorded = [&] { return exp(leaf) * exp(leaf_there); };
  EXPECT_THAT(error_of(recorded), AllOf(mixed, line(__LINE__ - 1)));
  EXPECT_THAT(error_of([&] { (void)(exp(leaf) * there); }), AllOf(mixed, line(__LINE__)));
  const auto product = [](const Tensor& a, const Tensor& b) { return sum(exp(a) * b); };
  EXPECT_THAT(error_of([&] { grad(product)(x, there); }), AllOf(mixed, line(__LINE__ - 1)));
  EXPECT_THAT(error_of([&] { (void)(mean(leaf) * there); }), HasSubstr("f32[] on cpu, f32[3] on cuda:0"));
  // What a function captures that is compiled comes where it runs.
  const auto dropped = compile([&](const Tensor& seed) { return dropout(x, 0.5, seed); });
  const Tensor seed = Tensor::full({}, 3, DType::i64);
  EXPECT_LT(difference(dropped(seed.to(cuda)), dropout(x, 0.5, seed)), 1e-6);
  // Two programs of one tape; numbers go anywhere.
  Tensor number = Tensor::full({}, 2).set_requires_grad();
  const Tensor repeated = broadcast_to(exp(number), {3}) * there;
  EXPECT_NEAR(repeated.to_vector<float>()[1], x.to_vector<float>()[1] * std::exp(2.0), 1e-5);
  Tensor loss = sum(exp(leaf) * 2), other = sum(exp(leaf_there) * Tensor::full({}, 2));
  loss.backward();
  other.backward();
  EXPECT_LT(difference(leaf.grad(), leaf_there.grad()), 1e-6);
}

TEST(DeviceTensors, SayWhatIsWrong) {
  const Tensor x = Tensor::uniform({3}, 1), there = x.to(cuda);
  EXPECT_THAT(
      error_of([&] { (void)(x + there); }),
      AllOf(HasSubstr("tensors_test.cpp"), HasSubstr("f32[3] on cpu, f32[3] on cuda:0"), HasSubstr("to()")));
  EXPECT_THAT(error_of([&] { compile([](Tensor a, Tensor b) { return a + b; })(x, there); }),
              HasSubstr("do not lie together"));
  EXPECT_THAT(error_of([&] { compile([&](Tensor a) { return a + there; })(x); }),
              HasSubstr("a captured tensor, f32[3], lies on cuda:0, but the function runs on cpu"));
  EXPECT_LT(difference(compile([&](Tensor a) { return a + x + there; })(there), x * 3), 1e-6);
  EXPECT_THAT(error_of([&] { (void)there.data<float>(); }),
              HasSubstr("lie on cuda:0, where the host cannot read"));
  EXPECT_THAT(error_of([&] { (void)there.view(); }), HasSubstr("bring them to cpu with to()"));
  EXPECT_THAT(error_of([&] { (void)x.to({Device::Kind::cuda, 3}); }), HasSubstr("there is no CUDA device 3"));
  EXPECT_THAT(error_of([&] { (void)Device::named("gpu"); }), HasSubstr("unknown device 'gpu'"));
  EXPECT_THAT(error_of([&] { (void)dropout(x, 0.5, Tensor::of(std::vector<int64_t>{1}, {}).to(cuda)); }),
              HasSubstr("dropout: the operands do not lie together: f32[3] on cpu, i64[] on cuda:0"));
  EXPECT_THAT(error_of([&] { compile([](Tensor a) { return a.to(cuda); })(x); }),
              HasSubstr("which is traced or recorded on cpu"));
  EXPECT_THAT(error_of([&] { compile([](Tensor a) { return a; }, {.device = "cuda:1"})(there); }),
              HasSubstr("the option device is cuda:1, but the inputs lie on cuda:0"));
  EXPECT_THAT(error_of([&] { (void)gather(there, Tensor::of({0, 7}, {2}), 0); }), HasSubstr("gather"));
}

} // namespace
} // namespace sinter
