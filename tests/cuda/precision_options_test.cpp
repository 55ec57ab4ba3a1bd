// The option `precision` of functions, models and gradients, on the stand-ins of device_test.cpp.
#include "sinter/sinter.h"

#include "unit/error_of.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sinter {
namespace {

using test::error_of;
using testing::AllOf;
using testing::HasSubstr;

// The largest difference, over the largest magnitude.
double error(const Tensor& actual, const Tensor& expected) {
  return max(abs(actual - expected)).item() / max(abs(expected)).item();
}

Tensor layers(Tensor x, Tensor w, Tensor v) {
  return softmax(matmul(gelu(matmul(x, w)) + 1, v));
}

TEST(CudaPrecisionOptions, FunctionsTakeAndGiveF32) {
  const Tensor x = Tensor::normal({9, 40}, 3), w = Tensor::normal({40, 30}, 1, 0, 0.2),
               v = Tensor::normal({30, 12}, 2, 0, 0.2);
  const Tensor expected = layers(x, w, v);
  for (const auto& [precision, least, most] :
       {std::tuple("f16", 1e-6, 2e-3), std::tuple("bf16", 1e-5, 2e-2), std::tuple("tf32", 0.0, 2e-3)}) {
    const Tensor result = compile(layers, {.device = "cuda", .precision = precision})(x, w, v);
    EXPECT_EQ(result.dtype(), DType::f32) << precision;
    EXPECT_LE(error(result, expected), most) << precision;
    EXPECT_GE(error(result, expected), least) << precision; // else nothing was lowered
  }
}

TEST(CudaPrecisionOptions, GradientsRunOnTheDevice) {
  const Tensor x = Tensor::normal({9, 40}, 3), v = Tensor::normal({30, 12}, 2, 0, 0.2),
               w = Tensor::normal({40, 30}, 1, 0, 0.2);
  const auto loss = [&](Tensor w) { return mean(square(layers(x, w, v))); };
  const auto [value, gradient] = value_and_grad(loss)(w);
  const auto [same, close] = value_and_grad(loss, {.device = "cuda"})(w);
  EXPECT_LE(error(close, gradient), 1e-5);
  const auto [lower, low] = value_and_grad(loss, {.device = "cuda", .precision = "bf16"})(w);
  EXPECT_EQ(low.dtype(), DType::f32);
  EXPECT_LE(error(low, gradient), 3e-2);
  EXPECT_GE(error(low, gradient), 1e-5);
  EXPECT_NEAR(lower.item(), value.item(), 1e-2 * value.item());
}

// f16 and bf16 at the interface are what kernels compute with.
TEST(CudaPrecisionOptions, HalvesStayHalves) {
  const Tensor x = Tensor::normal({9, 40}, 3), w = Tensor::normal({40, 30}, 1, 0, 0.2),
               v = Tensor::normal({30, 12}, 2, 0, 0.2);
  for (const DType dtype : {DType::f16, DType::bf16}) {
    const auto as = [&](const Tensor& t) { return cast(t, dtype); };
    const Tensor result = compile(layers, {.device = "cuda"})(as(x), as(w), as(v));
    EXPECT_EQ(result.dtype(), dtype);
    EXPECT_LE(error(cast(result, DType::f32), layers(x, w, v)), dtype == DType::f16 ? 3e-3 : 3e-2);
  }
}

TEST(CudaPrecisionOptions, SaysWhatIsWrong) {
  const auto f = [](Tensor x) { return sum(x + 1); };
  const Tensor x = Tensor::uniform({3}, 1);
  // As soon as it is known.
  const auto says_so = AllOf(HasSubstr("there is no precision 'f8'; there are f32, tf32, f16, bf16"),
                             HasSubstr("precision_options_test.cpp"));
  for (const char* device : {"cpu", "cuda"}) {
    EXPECT_THAT(error_of([&] { compile(f, {.device = device, .precision = "f8"}); }), says_so);
    EXPECT_THAT(error_of([&] { grad(f, {.device = device, .precision = "f8"}); }), says_so);
    EXPECT_THAT(error_of([&] { value_and_grad(f, {.device = device, .precision = "f8"}); }), says_so);
    EXPECT_THAT(error_of([&] { Model::load("no such file", {.device = device, .precision = "f8"}); }),
                testing::StartsWith("there is no precision 'f8'"));
  }
  EXPECT_THAT(error_of([&] { compile(f, {.precision = "f16"})(x); }),
              AllOf(HasSubstr("precision f16 is for GPUs, and the device is cpu: kernels of the processor "
                              "compute in f32"),
                    HasSubstr("precision_options_test.cpp")));
  EXPECT_THAT(error_of([&] { grad(f, {.precision = "tf32"})(x); }), HasSubstr("precision tf32 is for GPUs"));
  EXPECT_THAT(error_of([&] { compile(grad(f, {.device = "cuda"}))(x); }),
              HasSubstr("device is that of a whole program, and this is a part of one"));
}

} // namespace
} // namespace sinter
