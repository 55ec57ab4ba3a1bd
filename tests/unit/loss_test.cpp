// Cross-entropy against its definition: eager, compiled, its derivatives, and what it is compiled to.
#include "sinter/sinter.h"

#include "error_of.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string_view>

namespace sinter {
namespace {

using test::error_of;
using testing::AllOf;
using testing::HasSubstr;

Tensor logits_of(const Shape& shape, uint64_t seed) {
  return cast(Tensor::normal(shape, seed) * 5, DType::f64);
}

Tensor classes_of(const Shape& shape, int64_t count, int64_t seed) {
  return cast(random_uniform(shape, seed) * static_cast<double>(count), DType::i64);
}

// Where the number of a logit is its line's class.
Tensor one_hot(const Tensor& classes, int axis, int64_t count) {
  std::vector<int64_t> numbers(static_cast<std::size_t>(count));
  for (int64_t i = 0; i < count; ++i)
    numbers[static_cast<std::size_t>(i)] = i;
  Shape shape;
  for (int d = 0; d <= classes.rank(); ++d)
    shape.push_back(d == axis ? count : 1);
  return cast(equal(unsqueeze(classes, axis), Tensor::of(numbers, shape)), DType::f64);
}

double difference(const Tensor& a, const Tensor& b) {
  return a.shape().elements() == 0 ? 0 : max(abs(a - b)).item();
}

struct Sizes {
  Shape logits;
  int axis;
};
const Sizes kSizes[] = {{{1}, 0},     {{7}, 0},          {{4, 10}, 1},       {{3, 1000}, 1}, {{2, 20000}, 1},
                        {{33, 5}, 0}, {{2, 6, 3, 5}, 1}, {{70, 3, 130}, -1}, {{0, 4}, 1}};

TEST(CrossEntropy, IsItsDefinition) {
  for (const auto& [shape, axis] : kSizes) {
    SCOPED_TRACE(to_string(shape));
    const Tensor x = logits_of(shape, 1);
    const int at = axis < 0 ? axis + x.rank() : axis;
    const Tensor weights = softmax(logits_of(shape, 2), axis);
    const Tensor wanted = -sum(log_softmax(x, axis) * weights, {at});
    EXPECT_LT(difference(cross_entropy(x, weights, axis, Reduction::none), wanted), 1e-12);
    const auto f = compile([axis](const Tensor& a, const Tensor& b) {
      return std::pair(cross_entropy(a, b, axis, Reduction::none), cross_entropy(a, b, axis));
    });
    EXPECT_LT(difference(f(x, weights).first, wanted), 1e-12);
    if (wanted.shape().elements() > 0)
      EXPECT_NEAR(f(x, weights).second.item(), mean(wanted).item(), 1e-12);
  }
}

TEST(CrossEntropy, OfClassesIsThatOfTheirIndicators) {
  for (const auto& [shape, axis] : kSizes) {
    SCOPED_TRACE(to_string(shape));
    const Tensor x = logits_of(shape, 3);
    const int at = axis < 0 ? axis + x.rank() : axis;
    const int64_t count = x.size(at);
    const Tensor classes = classes_of(sum(x, {at}).shape(), count, 4);
    const Tensor wanted = cross_entropy(x, one_hot(classes, at, count), axis, Reduction::none);
    for (const Tensor& given : {classes, cast(classes, DType::i32)}) {
      EXPECT_LT(difference(cross_entropy(x, given, axis, Reduction::none), wanted), 1e-12);
      const auto f = compile(
          [axis](const Tensor& a, const Tensor& b) { return cross_entropy(a, b, axis, Reduction::sum); });
      EXPECT_NEAR(f(x, given).item(), sum(wanted).item(), 1e-10);
    }
  }
}

TEST(CrossEntropy, ClassesThatAreNegativeCountNothing) {
  const Tensor x = logits_of({4, 3}, 5), classes = Tensor::of(std::vector<int64_t>{2, -1, 0, -100}, {4});
  const auto losses = cross_entropy(x, classes, 1, Reduction::none).to_vector<double>();
  EXPECT_EQ(losses[1], 0);
  EXPECT_EQ(losses[3], 0);
  EXPECT_NEAR(cross_entropy(x, classes).item(), (losses[0] + losses[2]) / 2, 1e-12);
  EXPECT_NEAR(
      compile([](const Tensor& a, const Tensor& b) { return cross_entropy(a, b); })(x, classes).item(),
      (losses[0] + losses[2]) / 2, 1e-12);
  const Tensor slope = grad([&](const Tensor& a) { return cross_entropy(a, classes); })(x);
  EXPECT_EQ(sum(abs(slice(slope, 0, 1, 2))).item(), 0);
  EXPECT_EQ(sum(abs(slice(slope, 0, 3, 4))).item(), 0);
  EXPECT_GT(sum(abs(slice(slope, 0, 0, 1))).item(), 0);
  EXPECT_TRUE(std::isnan(cross_entropy(x, Tensor::full({4}, -1, DType::i64)).item()));
}

TEST(CrossEntropy, HasTheDerivativeOfItsDefinition) {
  for (const auto& [shape, axis] : kSizes) {
    if (shape[0] == 0)
      continue;
    SCOPED_TRACE(to_string(shape));
    const Tensor x = logits_of(shape, 6), weights = softmax(logits_of(shape, 7), axis);
    const int at = axis < 0 ? axis + x.rank() : axis;
    const Tensor classes = classes_of(sum(x, {at}).shape(), x.size(at), 8);
    const auto wanted = [&](const Tensor& targets) {
      return grad([&](const Tensor& a) { return -mean(sum(log_softmax(a, axis) * targets, {at})); })(x);
    };
    EXPECT_LT(difference(grad([&](const Tensor& a) { return cross_entropy(a, weights, axis); })(x),
                         wanted(weights)),
              1e-12);
    EXPECT_LT(difference(grad([&](const Tensor& a) { return cross_entropy(a, classes, axis); })(x),
                         wanted(one_hot(classes, at, x.size(at)))),
              1e-12);
    Tensor leaf = x.clone();
    leaf.set_requires_grad(true);
    cross_entropy(leaf, classes, axis).backward();
    EXPECT_LT(difference(leaf.grad(), wanted(one_hot(classes, at, x.size(at)))), 1e-12);
  }
}

TEST(CrossEntropy, KeepsItsDigitsNextToLargeLogits) {
  const Tensor x = Tensor::of(std::vector<float>{1e8F, 1e8F, 0}, {1, 3});
  for (const auto& targets :
       {Tensor::of(std::vector<int32_t>{1}, {1}), Tensor::of(std::vector<float>{0, 1, 0}, {1, 3})}) {
    EXPECT_NEAR(cross_entropy(x, targets).item(), std::log(2), 1e-6);
    EXPECT_NEAR(
        compile([](const Tensor& a, const Tensor& b) { return cross_entropy(a, b); })(x, targets).item(),
        std::log(2), 1e-6);
  }
}

// Forward and backward.
TEST(CrossEntropy, IsOneKernel) {
  auto f = compile([](const Tensor& a, const Tensor& b) { return cross_entropy(a, b, -1, Reduction::none); });
  const Tensor x = Tensor::normal({8, 100}, 1), classes = classes_of({8}, 100, 2);
  const auto kernels = [](const std::string& text) { // of the size of the logits
    constexpr std::string_view kBegin = "^bb0(%arg0: tensor<8x100xf32>";
    std::size_t count = 0;
    for (auto at = text.find(kBegin); at != std::string::npos; at = text.find(kBegin, at + 1))
      ++count;
    return count;
  };
  EXPECT_EQ(kernels(f.inspect("planned", x, classes)), 1u);
  EXPECT_EQ(kernels(f.inspect("planned", x, softmax(x))), 1u);
  auto slope = compile([](const Tensor& a, const Tensor& b) {
    return grad([&](const Tensor& logits) { return cross_entropy(logits, b); })(a);
  });
  EXPECT_EQ(kernels(slope.inspect("planned", x, classes)), 1u);
  EXPECT_EQ(kernels(slope.inspect("planned", x, softmax(x))), 2u); // the other one sums the weights
}

// 20000 losses of about 4 are beyond f16, and their number is more than bf16 has digits for.
TEST(CrossEntropy, MeansOf16BitsAreOfSumsOf32) {
  const Tensor x = Tensor::normal({20000, 50}, 9), classes = classes_of({20000}, 50, 10);
  const double wanted = cross_entropy(x, classes).item();
  for (const DType half : {DType::f16, DType::bf16}) {
    const Tensor low = cast(x, half);
    EXPECT_NEAR(cross_entropy(low, classes).item(), wanted, 0.004 * wanted);
    EXPECT_EQ(cross_entropy(low, classes).dtype(), half);
    const auto f = compile([](const Tensor& a, const Tensor& b) { return cross_entropy(a, b); });
    EXPECT_NEAR(f(low, classes).item(), wanted, 0.004 * wanted);
  }
}

// Where it is known while something is recorded: kernels would take the last class.
TEST(CrossEntropy, AClassPastTheLastIsNamedWhereItIsGiven) {
  const Tensor x = Tensor::zeros({2, 3}), classes = Tensor::of(std::vector<int64_t>{0, 3}, {2});
  constexpr int kLine = __LINE__ + 1;
  const auto loss = [&](const Tensor& a) { return cross_entropy(a, classes); };
  const auto named =
      AllOf(HasSubstr("loss_test.cpp:" + std::to_string(kLine) + ":"),
            HasSubstr("cross_entropy: class 3 is out of range for axis 1 of the logits f32[2, 3]"));
  EXPECT_THAT(error_of([&] { loss(x); }), named);
  EXPECT_THAT(error_of([&] { grad(loss)(x); }), named);
  EXPECT_THAT(error_of([&] { compile(loss)(x); }), named);
  Tensor leaf = x.clone().set_requires_grad();
  EXPECT_THAT(error_of([&] { loss(leaf); }), named);
  // Not known, it makes the line NaN, and its derivative.
  const auto slope = compile([](const Tensor& a, const Tensor& b) {
    return grad([&](const Tensor& logits) { return cross_entropy(logits, b); })(a);
  });
  const auto losses =
      compile([](const Tensor& a, const Tensor& b) { return cross_entropy(a, b, 1, Reduction::none); });
  EXPECT_FALSE(std::isnan(losses(x, classes).to_vector<float>()[0]));
  EXPECT_TRUE(std::isnan(losses(x, classes).to_vector<float>()[1]));
  EXPECT_TRUE(std::isnan(slope(x, classes).to_vector<float>()[5]));
}

TEST(CrossEntropy, SaysWhatDoesNotFit) {
  const Tensor x = Tensor::zeros({4, 3});
  EXPECT_THAT(error_of([&] { cross_entropy(x, Tensor::zeros({4, 2})); }), HasSubstr("a weight for each"));
  EXPECT_THAT(error_of([&] { cross_entropy(x, Tensor::zeros({4, 3}, DType::f64)); }),
              HasSubstr("neither classes, of i32 or i64, nor weights of f32"));
  EXPECT_THAT(error_of([&] { cross_entropy(Tensor::zeros({4, 3}, DType::i64), x); }),
              HasSubstr("are no floats"));
  EXPECT_THAT(error_of([&] { cross_entropy(x, Tensor::zeros({3}, DType::i64)); }),
              HasSubstr("not one for each of the [4] lines"));
  EXPECT_THAT(error_of([&] { cross_entropy(x, Tensor::zeros({4}, DType::u8)); }),
              HasSubstr("u8[4] are neither classes"));
  EXPECT_THAT(error_of([&] { cross_entropy(x, Tensor::full({4}, 3, DType::i64)); }),
              HasSubstr("class 3 is out of range"));
  EXPECT_THAT(error_of([&] { cross_entropy(x, Tensor::zeros({4}, DType::i64), 2); }), HasSubstr("axis"));
  EXPECT_THAT(error_of([&] { cross_entropy(Tensor::zeros({4, 0}), Tensor::zeros({4}, DType::i64)); }),
              HasSubstr("is empty"));
}

} // namespace
} // namespace sinter
