// Eager operations: values on small tensors, and errors that name the caller's line.
#include "sinter/ops.h"

#include "unit/error_of.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <thread>

namespace sinter {
namespace {

using test::error_of;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;

std::vector<float> values(const Tensor& tensor) {
  return tensor.to_vector<float>();
}

TEST(Ops, ArithmeticBroadcastsAndTakesNumbers) {
  const Tensor a = Tensor::of({1, 2, 3, 4}, {2, 2}), row = Tensor::of({10, 20}, {2});
  EXPECT_THAT(values(a + row), ElementsAre(11, 22, 13, 24));
  EXPECT_THAT(values(a * 2), ElementsAre(2, 4, 6, 8));
  EXPECT_THAT(values(1 - a), ElementsAre(0, -1, -2, -3));
  EXPECT_THAT(values(-a / 2.0), ElementsAre(-0.5, -1, -1.5, -2));
  EXPECT_THAT(values(pow(a, 2)), ElementsAre(1, 4, 9, 16));
  EXPECT_THAT(values(maximum(a, 2.5)), ElementsAre(2.5, 2.5, 3, 4));
  Tensor b = a;
  b += 1;
  b *= a;
  EXPECT_THAT(values(b), ElementsAre(2, 6, 12, 20));
  EXPECT_THAT(values(a), ElementsAre(1, 2, 3, 4));
  const Tensor n = Tensor::of(std::vector<int64_t>{7, -7}, {2});
  EXPECT_THAT((n / 2).to_vector<int64_t>(), ElementsAre(3, -3));
  EXPECT_THAT(remainder(n, 4).to_vector<int64_t>(), ElementsAre(3, 1));
  EXPECT_EQ((Tensor::ones({1}, DType::f64) * 0.1).item(), 0.1);
}

TEST(Ops, ComparisonAndChoice) {
  const Tensor a = Tensor::of({-1, 0, 2}, {3});
  EXPECT_THAT((a > 0).to_vector<bool>(), ElementsAre(false, false, true));
  EXPECT_THAT((0 >= a).to_vector<bool>(), ElementsAre(true, true, false));
  EXPECT_THAT(values(where(a < 0, 100, a)), ElementsAre(100, 0, 2));
  EXPECT_THAT(logical_and(a > -2, logical_not(equal(a, 0))).to_vector<bool>(),
              ElementsAre(true, false, true));
  EXPECT_THAT(cast(a, DType::i32).to_vector<int32_t>(), ElementsAre(-1, 0, 2));
}

TEST(Ops, Activations) {
  const Tensor x = Tensor::of({-1, 0, 2}, {3});
  EXPECT_THAT(values(relu(x)), ElementsAre(0, 0, 2));
  EXPECT_THAT(values(sigmoid(x)), Pointwise(FloatNear(1e-6F), {0.2689414F, 0.5F, 0.8807971F}));
  EXPECT_THAT(values(gelu(x)), Pointwise(FloatNear(1e-6F), {-0.1586553F, 0.0F, 1.9544997F}));
  EXPECT_THAT(values(leaky_relu(x, 0.1)), Pointwise(FloatNear(1e-6F), {-0.1F, 0.0F, 2.0F}));
  EXPECT_THAT(values(clip(x, -0.5, 1)), ElementsAre(-0.5, 0, 1));
  EXPECT_THAT(values(softmax(x)), Pointwise(FloatNear(1e-6F), {0.0420101F, 0.1141952F, 0.8437947F}));
}

TEST(Ops, Reductions) {
  const Tensor a = Tensor::of({1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_EQ(sum(a).item(), 21);
  EXPECT_THAT(values(sum(a, 0)), ElementsAre(5, 7, 9));
  EXPECT_EQ(mean(a, {-1}, true).shape(), Shape({2, 1}));
  EXPECT_THAT(values(max(a, {0, 1})), ElementsAre(6));
  EXPECT_THAT(values(min(a, -1)), ElementsAre(1, 4));
  EXPECT_EQ(prod(a).item(), 720);
  EXPECT_THAT(argmax(a, 1).to_vector<int64_t>(), ElementsAre(2, 2));
  EXPECT_EQ(sum(Tensor(3.0F)).item(), 3);
}

TEST(Ops, Products) {
  const Tensor a = Tensor::of({1, 2, 3, 4}, {2, 2}), v = Tensor::of({1, 10}, {2});
  EXPECT_THAT(values(matmul(a, a)), ElementsAre(7, 10, 15, 22));
  EXPECT_THAT(values(matmul(a, v)), ElementsAre(21, 43));
  EXPECT_EQ(matmul(a, v).shape(), Shape({2}));
  EXPECT_THAT(values(matmul(v, a)), ElementsAre(31, 42));
  EXPECT_EQ(matmul(v, v).item(), 101);
  EXPECT_EQ(matmul(v, v).rank(), 0);
  EXPECT_THAT(values(linear(a, Tensor::of({1, 0, 0, 1, 1, 1}, {3, 2}), Tensor::of({0, 0, 1}, {3}))),
              ElementsAre(1, 2, 4, 3, 4, 8));
  EXPECT_THAT(values(linear(v, a)), ElementsAre(21, 43));
}

TEST(Ops, ConvolutionAndPooling) {
  const Tensor x = Tensor::of({1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 1, 3, 3});
  const Tensor ones = Tensor::ones({1, 1, 2, 2});
  EXPECT_THAT(values(conv(x, ones)), ElementsAre(12, 16, 24, 28));
  EXPECT_THAT(values(conv(x, ones, Tensor::of({0.5}, {1}), {.strides = {2}, .padding = {1}})),
              ElementsAre(1.5, 5.5, 11.5, 28.5));
  EXPECT_EQ(conv(x, ones, {.padding = {0, 1}, .padding_end = {2, 1}}).shape(), Shape({1, 1, 4, 4}));
  EXPECT_EQ(conv_transpose(x, ones, {.strides = {2, 2}}).shape(), Shape({1, 1, 6, 6}));
  EXPECT_THAT(values(max_pool(x, {.kernel = {2}, .strides = {1}})), ElementsAre(5, 6, 8, 9));
  EXPECT_THAT(values(avg_pool(x, {.kernel = {3, 3}})), ElementsAre(5));
  EXPECT_THAT(values(global_avg_pool(x)), ElementsAre(5));
  EXPECT_EQ(global_max_pool(x).shape(), Shape({1, 1, 1, 1}));
}

TEST(Ops, Normalisations) {
  const Tensor x = Tensor::of({1, 3, 2, 6}, {2, 2}), one = Tensor::ones({2}), zero = Tensor::zeros({2});
  EXPECT_THAT(values(layer_norm(x, one, zero, 0.0)), Pointwise(FloatNear(1e-5F), {-1.0F, 1.0F, -1.0F, 1.0F}));
  EXPECT_THAT(values(layer_norm(x, one)), Pointwise(FloatNear(1e-4F), {-1.0F, 1.0F, -1.0F, 1.0F}));
  EXPECT_THAT(values(batch_norm(x, one, zero, zero, Tensor::full({2}, 4), 0)),
              Pointwise(FloatNear(1e-5F), {0.5F, 1.5F, 1.0F, 3.0F}));
}

TEST(Ops, Shapes) {
  const Tensor x = Tensor::of({0, 1, 2, 3, 4, 5}, {2, 3});
  EXPECT_THAT(values(slice(x, 1, 1)), ElementsAre(1, 2, 4, 5));
  EXPECT_THAT(values(slice(x, 1, -1, kToEnd, -2)), ElementsAre(2, 0, 5, 3));
  EXPECT_THAT(values(slice(x, 0, -100, 1)), ElementsAre(0, 1, 2));
  EXPECT_EQ(slice(x, 0, 5, 9).shape(), Shape({0, 3}));
  EXPECT_EQ(slice(x, 0, 1).storage(), x.storage());
  EXPECT_EQ(flatten(Tensor::zeros({2, 3, 4}), 1).shape(), Shape({2, 12}));
  EXPECT_EQ(unsqueeze(x, -1).shape(), Shape({2, 3, 1}));
  EXPECT_EQ(squeeze(Tensor::zeros({1, 2, 1}), {0, 2}).shape(), Shape({2}));
  EXPECT_THAT(values(concat({x, x}, 1)), ElementsAre(0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5));
  EXPECT_THAT(values(pad(Tensor::of({1, 2}, {2}), {1}, {2}, 9)), ElementsAre(9, 1, 2, 9, 9));
  EXPECT_THAT(values(pad(x, {0, 1}, {0, 0}, 0, PadMode::reflect)), ElementsAre(1, 0, 1, 2, 4, 3, 4, 5));
  EXPECT_THAT(values(gather(x, Tensor::of(std::vector<int64_t>{-1, 0}, {2}), 1)), ElementsAre(2, 0, 5, 3));
  EXPECT_THAT(values(broadcast_to(Tensor::of({1, 2}, {2, 1}), {2, 2})), ElementsAre(1, 1, 2, 2));
  EXPECT_THAT(values(resize(Tensor::of({1, 2}, {1, 1, 2}), {1, 1, 4})), ElementsAre(1, 1, 2, 2));
}

TEST(Ops, StridedOperandsGiveTheSameAsDenseOnes) {
  const Tensor a = Tensor::uniform({4, 6}, 1), t = a.transpose(0, 1), c = t.contiguous();
  EXPECT_EQ(values(t + t), values(c + c));
  EXPECT_EQ(values(sum(t, 0)), values(sum(c, 0)));
  EXPECT_EQ(values(matmul(t, a)), values(matmul(c, a)));
  EXPECT_EQ(values(softmax(t, 0)), values(softmax(c, 0)));
}

TEST(Ops, ErrorsNameTheLineTheOperationAndTheShapes) {
  const Tensor a = Tensor::zeros({2, 3}), b = Tensor::zeros({4, 5}), i = Tensor::zeros({2, 3}, DType::i64);
  const auto line = std::to_string(__LINE__ + 1);
  const std::string sum_error = error_of([&] { (void)(a + b); });
  EXPECT_EQ(sum_error, "ops_test.cpp:" + line + ": add: shapes do not broadcast: f32[2, 3], f32[4, 5]");
  EXPECT_THAT(error_of([&] { (void)matmul(a, b); }), HasSubstr(": matmul: "));
  EXPECT_THAT(error_of([&] { (void)matmul(a, b); }), HasSubstr("2, 3"));
  EXPECT_THAT(error_of([&] { (void)linear(a, Tensor::zeros({4, 5})); }), HasSubstr(": linear: "));
  EXPECT_THAT(error_of([&] { (void)linear(a, Tensor::zeros({4, 3}), Tensor::zeros({4}, DType::f64)); }),
              HasSubstr(": linear: element types differ"));
  EXPECT_THAT(error_of([&] { (void)(a + i); }), HasSubstr("element types differ: f32[2, 3], i64[2, 3]"));
  EXPECT_THAT(error_of([&] { (void)(i * 0.5); }),
              HasSubstr("mul: the number 0.5 is not a value of type i64"));
  EXPECT_THAT(error_of([&] { (void)exp(i); }), HasSubstr("exp: "));
  EXPECT_THAT(error_of([&] { (void)softmax(a, 2); }), HasSubstr("softmax: axis 2 of a tensor of rank 2"));
  EXPECT_THAT(error_of([&] { (void)sum(a, {0, -2}); }), HasSubstr("name a dimension twice"));
  EXPECT_THAT(error_of([&] { (void)conv(a, b); }), HasSubstr("conv: "));
  EXPECT_THAT(error_of([&] { (void)conv(Tensor::zeros({1, 3, 4, 4}), Tensor::zeros({2, 4, 3, 3})); }),
              HasSubstr("conv: "));
  EXPECT_THAT(error_of([&] { (void)concat({a, b}, 0); }), HasSubstr("concat: "));
  EXPECT_THAT(error_of([&] { (void)concat(std::span<const Tensor>(), 0); }),
              HasSubstr("nothing to concatenate"));
  EXPECT_THAT(error_of([&] { (void)gather(a, Tensor::full({1}, 7, DType::i64)); }), HasSubstr("gather: "));
  EXPECT_THAT(error_of([&] { (void)slice(a, 0, 0, 1, 0); }), HasSubstr("a step of 0"));
  EXPECT_THAT(error_of([&] { (void)squeeze(a, 0); }), HasSubstr("is not 1"));
  EXPECT_THAT(error_of([&] { (void)broadcast_to(a, {3, 2}); }), HasSubstr("broadcast_to: "));
  EXPECT_THAT(error_of([&] { (void)broadcast_to(Tensor(1.0F), {int64_t{1} << 31, int64_t{1} << 31}); }),
              HasSubstr("too large"));
  EXPECT_THAT(error_of([&] { (void)pad(a, {1}, {1}); }), HasSubstr("pad: "));
  EXPECT_THAT(error_of([&] { (void)max_pool(a, {.kernel = {2}}); }), HasSubstr("max_pool: "));
  EXPECT_THAT(error_of([&] { (void)layer_norm(a, b); }), HasSubstr("layer_norm: "));
  EXPECT_THAT(error_of([&] { (void)unsqueeze(Tensor::zeros({1, 1, 1, 1, 1, 1, 1, 1}), 0); }),
              HasSubstr("at most 8"));
  EXPECT_THAT(error_of([&] { (void)resize(a, {4}); }), HasSubstr("resize: sizes [4]"));
}

TEST(Ops, RunOnSeveralThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      for (int i = 0; i < 50; ++i) {
        const Tensor x = Tensor::full({3, 5}, t) + i;
        EXPECT_EQ(sum(x).item(), 15 * (t + i));
        EXPECT_THROW((void)(x + Tensor::zeros({4})), Error);
      }
    });
  for (auto& thread : threads)
    thread.join();
}

} // namespace
} // namespace sinter
