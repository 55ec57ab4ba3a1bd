// compile(f): the same numbers as eager, one program per signature, and clean refusal of what cannot be
// traced.
#include "sinter/sinter.h"

#include "unit/error_of.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <stdexcept>
#include <thread>

namespace sinter {
namespace {

using test::error_of;
using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;

void expect_close(const Tensor& actual, const Tensor& expected, float tolerance = 1e-4F) {
  ASSERT_EQ(actual.dtype(), expected.dtype());
  ASSERT_EQ(actual.shape(), expected.shape());
  if (actual.dtype() == DType::f32)
    EXPECT_THAT(actual.to_vector<float>(), Pointwise(FloatNear(tolerance), expected.to_vector<float>()));
  else if (actual.dtype() == DType::i64)
    EXPECT_EQ(actual.to_vector<int64_t>(), expected.to_vector<int64_t>());
  else if (actual.dtype() == DType::boolean)
    EXPECT_EQ(actual.to_vector<bool>(), expected.to_vector<bool>());
  else
    FAIL() << "compare " << to_string(actual) << " as well";
}

// f compiled agrees with f as it is, fused and not.
template <class F, class... Inputs>
void expect_same(F f, const Inputs&... inputs) {
  const Tensor expected = f(inputs...);
  expect_close(compile(f)(inputs...), expected);
  expect_close(compile(f, {.fuse = false, .threads = 1})(inputs...), expected);
}

const Tensor kX = Tensor::uniform({2, 6}, 1, -1, 1);
const Tensor kY = Tensor::uniform({2, 6}, 2, -1, 1);
const Tensor kImage = Tensor::uniform({1, 3, 9, 10}, 3, -1, 1);

TEST(Compile, Elementwise) {
  expect_same([](Tensor x, Tensor y) { return x + y; }, kX, kY);
  expect_same([](Tensor x, Tensor y) { return relu(x * y - 0.25) / (1 + exp(-y)); }, kX, kY);
  expect_same([](Tensor x) { return where(x > 0, tanh(x), 2 * x); }, kX);
  expect_same([](Tensor x) { return gelu(x) + silu(x) + sigmoid(x); }, kX);
  expect_same([](Tensor x) { return pow(abs(x), 1.5) + sqrt(square(x) + 1); }, kX);
  expect_same([](Tensor x, Tensor y) { return less(x, y); }, kX, kY);
  expect_same([](Tensor x) { return cast(x * 10, DType::i64); }, kX);
}

TEST(Compile, ReductionsAndNormalisations) {
  expect_same([](Tensor x) { return sum(x * x, 1); }, kX);
  expect_same([](Tensor x) { return mean(x, {0, 1}, true) + x; }, kX);
  expect_same([](Tensor x) { return max(x, 0) - min(x, 0); }, kX);
  expect_same([](Tensor x) { return argmax(x, 1); }, kX);
  expect_same([](Tensor x) { return softmax(2 * x); }, kX);
  expect_same([](Tensor x) { return layer_norm(x, Tensor::ones({6}), Tensor::zeros({6})); }, kX);
}

TEST(Compile, ProductsConvolutionsPooling) {
  const Tensor w = Tensor::uniform({4, 6}, 4, -1, 1), b = Tensor::uniform({4}, 5);
  expect_same([=](Tensor x) { return relu(linear(x, w, b)); }, kX);
  expect_same([](Tensor x, Tensor y) { return matmul(x, transpose(y, 0, 1)); }, kX, kY);
  const Tensor filter = Tensor::uniform({8, 3, 3, 3}, 6, -1, 1), bias = Tensor::uniform({8}, 7);
  expect_same([=](Tensor x) { return relu(conv(x, filter, bias, {.padding = {1}})); }, kImage);
  expect_same(
      [=](Tensor x) {
        const Tensor y = relu(conv(x, filter, {.strides = {2}, .padding = {1}}));
        return global_avg_pool(max_pool(y, {.kernel = {2}, .strides = {1}}));
      },
      kImage);
}

TEST(Compile, Shapes) {
  expect_same([](Tensor x) { return x.reshape({3, -1}).transpose(0, 1) + 1; }, kX);
  expect_same([](Tensor x, Tensor y) { return concat({x, slice(y, 1, 1, 4)}, 1); }, kX, kY);
  expect_same([](Tensor x) { return pad(x, {1, 0}, {0, 2}, 0.5); }, kX);
  expect_same([](Tensor x) { return gather(x, Tensor::of(std::vector<int64_t>{1, 0, 1}, {3})); }, kX);
  expect_same([](Tensor x) { return broadcast_to(sum(x, 0), {3, 6}); }, kX);
}

TEST(Compile, ResultsThatAreNotComputed) {
  const Tensor constant = Tensor::of({1, 2, 3}, {3});
  expect_same([](Tensor x) { return x; }, kX);
  expect_same([=](Tensor) { return constant; }, kX);
  expect_same([](Tensor x) { return x.reshape({12}); }, kX);
  auto twice = compile([](Tensor x) {
    const Tensor y = x + 1;
    return std::tuple(y, y, x);
  });
  const auto [a, b, c] = twice(kX);
  expect_close(a, kX + 1);
  expect_close(b, kX + 1);
  expect_close(c, kX);
  EXPECT_NE(a.storage(), b.storage());
}

TEST(Compile, AllKindsOfSignatures) {
  auto pair = compile([](Tensor x, const Tensor& y) { return std::pair(x + y, x - y); });
  const auto [plus, minus] = pair(kX, kY);
  expect_close(plus, kX + kY);
  expect_close(minus, kX - kY);
  auto list = compile([](const std::vector<Tensor>& inputs) {
    std::vector<Tensor> outputs;
    for (const Tensor& input : inputs)
      outputs.push_back(input * 2);
    return outputs;
  });
  EXPECT_EQ(list({kX, kY}).size(), 2U);
  expect_close(list({kX, kY, kX})[1], kY * 2);
  auto array = compile([](Tensor x) { return std::array<Tensor, 2>{x, x + 1}; });
  expect_close(array(kX)[1], kX + 1);
  auto none = compile([] { return Tensor::ones({2}); });
  expect_close(none(), Tensor::ones({2}));
}

TEST(Compile, OnceForEverySignature) {
  int traced = 0;
  auto f = compile(
      [&](Tensor x) {
        ++traced;
        return x + 1;
      },
      {.cached_signatures = 2});
  for (int i = 0; i < 3; ++i)
    for (int64_t n : {3, 4})
      expect_close(f(Tensor::ones({n})), Tensor::full({n}, 2));
  EXPECT_EQ(traced, 2);
  EXPECT_EQ(f.core().compilations(), 2);
  (void)f(Tensor::ones({5})); // pushes out [3], the least recently used
  (void)f(Tensor::ones({4}));
  EXPECT_EQ(traced, 3);
  (void)f(Tensor::ones({3}));
  EXPECT_EQ(traced, 4);
  (void)f(Tensor::ones({3}, DType::f64));
  EXPECT_EQ(traced, 5);
}

TEST(Compile, KeepsNothingIfToldSo) {
  auto f = compile([](Tensor x) { return x + 1; }, {.cached_signatures = 0});
  for (int i = 0; i < 3; ++i)
    expect_close(f(Tensor::ones({3})), Tensor::full({3}, 2));
  EXPECT_EQ(f.core().compilations(), 3);
}

TEST(Compile, InputsNeedNotBeDense) {
  auto f = compile([](Tensor x) { return x * 2; });
  expect_close(f(kX.transpose(0, 1)), kX.transpose(0, 1) * 2);
  expect_close(f(slice(kX, 1, -1, kToEnd, -2)), slice(kX, 1, -1, kToEnd, -2) * 2);
}

TEST(Compile, CapturedWeightsAreSharedNotCopied) {
  const Tensor weight = Tensor::uniform({256, 256}, 8);
  const long owners = weight.storage().use_count();
  auto f = compile([=](Tensor x) { return x + weight; });
  const Tensor x = Tensor::ones({256, 256});
  expect_close(f(x), x + weight);
  EXPECT_GT(weight.storage().use_count(), owners); // the program holds on to it
}

TEST(Compile, ConcreteValuesAreComputedWhileTracing) {
  const Tensor weight = Tensor::of({1, 2, 3}, {3});
  auto f = compile([=](Tensor x) {
    double scale = sum(weight).item(); // known: may be read
    if (weight > 0.5 ? true : false)   // not reached: three elements
      scale += 1;
    return x * scale;
  });
  EXPECT_THROW((void)f(kX), Error);
  auto g = compile([=](Tensor x) { return x * sum(weight).item(); });
  expect_close(g(kX), kX * 6);
}

TEST(Compile, ReadingATracedValueSaysWhatToDo) {
  auto item = compile([](Tensor x) { return x * sum(x).item(); });
  EXPECT_THAT(error_of([&] { (void)item(kX); }), HasSubstr("compile_test.cpp"));
  EXPECT_THAT(error_of([&] { (void)item(kX); }), HasSubstr("item: reading a value inside compile()"));
  EXPECT_THAT(error_of([&] { (void)item(kX); }), HasSubstr("where()"));
  auto branch = compile([](Tensor x) {
    if (sum(x) > 0)
      return x;
    return -x;
  });
  EXPECT_THAT(error_of([&] { (void)branch(kX); }), HasSubstr("choose between values with where()"));
  auto list = compile([](Tensor x) { return Tensor::of(x.to_vector<float>(), {12}); });
  EXPECT_THAT(error_of([&] { (void)list(kX); }), HasSubstr("to_vector: reading a value inside compile()"));
  auto view = compile([](Tensor x) { return Tensor(static_cast<float>(x.view().elements())); });
  EXPECT_THROW((void)view(kX), Error);
  // After all that, tracing still works.
  expect_same([](Tensor x) { return x + 1; }, kX);
}

TEST(Compile, ErrorsInsideNameTheUsersLine) {
  const auto line = std::to_string(__LINE__ + 1);
  auto f = compile([](Tensor x) { return x + Tensor::zeros({7}); });
  EXPECT_EQ(error_of([&] { (void)f(kX); }),
            "compile_test.cpp:" + line + ": add: shapes do not broadcast: f32[2, 6], f32[7]");
}

TEST(Compile, ExceptionsOfTheFunctionPassThrough) {
  bool fail = true;
  std::optional<Tensor> leaked;
  const auto line = std::to_string(__LINE__ + 1);
  auto f = compile([&](Tensor x) {
    const Tensor y = x + 1;
    leaked = y;
    if (fail)
      throw std::runtime_error("mine");
    return y;
  });
  EXPECT_THROW((void)f(kX), std::runtime_error);
  EXPECT_TRUE(leaked->is_traced());
  const std::string finished = "a tensor of the function compiled at compile_test.cpp:" + line +
                               " is used after that was traced; it has no value outside of it";
  EXPECT_THAT(error_of([&] { (void)(*leaked + 1); }), HasSubstr(": add: " + finished));
  EXPECT_THAT(error_of([&] { (void)leaked->item(); }), HasSubstr(": item: " + finished));
  EXPECT_THAT(error_of([&] { (void)leaked->to_vector<float>(); }), HasSubstr(": to_vector: " + finished));
  EXPECT_THAT(error_of([&] { (void)static_cast<bool>(*leaked); }), HasSubstr(finished));
  const auto use = std::to_string(__LINE__ + 1);
  const std::string error = error_of([&] { (void)f(*leaked); });
  EXPECT_THAT(error, HasSubstr("compile_test.cpp:" + use + ": compile: " + finished));
  fail = false;
  expect_close(f(kX), kX + 1);
  auto g = compile([&](Tensor x) { return x + *leaked; }); // of a trace that is over
  EXPECT_THAT(error_of([&] { (void)g(kX); }), HasSubstr("no value outside of it"));
  auto h = compile([&](Tensor) { return *leaked; });
  EXPECT_THAT(error_of([&] { (void)h(kX); }), HasSubstr("no value outside of it"));
}

TEST(Compile, CompiledFunctionsInlineIntoEachOther) {
  auto inner = compile([](Tensor x) { return relu(x) + 1; });
  auto outer = compile([&](Tensor x) { return inner(x) * inner(Tensor::full({6}, 2)); });
  expect_close(outer(kX), (relu(kX) + 1) * 3);
  EXPECT_EQ(inner.core().compilations(), 1); // for the concrete operand only
}

TEST(Compile, RecursionEndsOnShapes) {
  std::function<Tensor(Tensor)> halves;
  auto f = compile([&](Tensor x) { return halves(x); });
  halves = [&](Tensor x) {
    if (x.size(0) == 1)
      return x;
    const int64_t half = x.size(0) / 2;
    return f(slice(x, 0, 0, half)) + f(slice(x, 0, half));
  };
  const Tensor x = Tensor::of({1, 2, 3, 4, 5, 6, 7, 8}, {8});
  EXPECT_EQ(f(x).item(), 36);
  auto self = std::make_shared<std::function<Tensor(Tensor)>>();
  auto endless = compile([self](Tensor x) { return (*self)(x); });
  *self = [&](Tensor x) { return endless(x); };
  EXPECT_THAT(error_of([&] { (void)endless(x); }), HasSubstr("recursion must end"));
  // On itself with values that are known, it computes them at once.
  std::function<Tensor(Tensor)> known;
  int depth = 0;
  auto eager = compile([&](Tensor x) { return known(x); });
  known = [&](Tensor x) { return ++depth > 3 ? x + 1 : x + eager(Tensor::ones({8})); };
  expect_close(eager(x), x + 4);
}

TEST(Compile, TakesAsManyTensorsAsTheFunction) {
  const auto two = compile([](const Tensor& a, const Tensor& b) { return a + b; });
  const Tensor x = Tensor::ones({2});
  for (std::size_t count : {0, 1, 3}) {
    const std::vector<Tensor> inputs(count, x);
    EXPECT_THAT(error_of([&] { two.core().call(inputs); }),
                HasSubstr("the function takes 2 tensors, got " + std::to_string(count)));
    EXPECT_THAT(error_of([&] { two.core().executable(inputs); }), HasSubstr("takes 2 tensors"));
  }
  expect_close(two.core().call(std::vector<Tensor>{x, x}).front(), x + x);
}

TEST(Compile, MayBeCalledFromSeveralThreads) {
  std::atomic<int> traced{0};
  auto f = compile([&](Tensor x) {
    ++traced;
    return sum(x * 2, 0);
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i)
        for (int64_t n : {2, 3, 4})
          EXPECT_EQ(f(Tensor::ones({n, 2})).to_vector<float>()[0], static_cast<float>(2 * n));
    });
  for (auto& thread : threads)
    thread.join();
  EXPECT_EQ(traced.load(), 3);
}

TEST(Compile, ShowsWhatItMade) {
  auto f = compile([](Tensor x) { return relu(x * 2 + 1); });
  const auto program = f.executable(kX);
  EXPECT_EQ(program->steps().size(), 1U); // three operations, one kernel
  EXPECT_EQ(program->inputs().at(0).name, "arg0");
  const std::array<Tensor, 1> inputs{kX};
  EXPECT_THAT(f.core().inspect(inputs, "imported"), HasSubstr("sinter.relu"));
  EXPECT_THAT(f.core().inspect(inputs, "fused"), HasSubstr("sinter.fusion"));
  EXPECT_THAT(error_of([&] { (void)f.core().inspect(inputs, "melted"); }),
              HasSubstr("there is no stage 'melted'; there are imported, "));
  auto unfused = compile([](Tensor x) { return relu(x * 2 + 1); }, {.fuse = false});
  EXPECT_EQ(unfused.executable(kX)->steps().size(), 3U);
}

TEST(Compile, RefusesBadOptions) {
  EXPECT_THROW(compile([](Tensor x) { return x; }, {.threads = -1}), Error);
  auto f = compile([](Tensor x) { return x; }, {.cpu = "toaster"});
  EXPECT_THAT(error_of([&] { (void)f(kX); }), HasSubstr("toaster"));
}

} // namespace
} // namespace sinter
