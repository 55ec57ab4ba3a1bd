// Eager convolutions against naive loops in float64.
#include "sinter/runtime/eager/conv.h"

#include "naive_windows.h"
#include "strided_views.h"

#include <gtest/gtest.h>

namespace sinter::test {
namespace {

// One random problem: shapes, attributes, and its sums in float64.
struct Problem {
  Shape input, filter, result;
  eager::ConvGeometry geometry;
  bool bias = false;
};

class Random {
public:
  explicit Random(unsigned seed) : engine_(seed) {}
  int64_t operator()(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(engine_);
  }

private:
  std::mt19937 engine_;
};

Problem random_problem(Random& random, bool transposed) {
  Problem p;
  const int64_t groups = random(1, 3), in = groups * random(1, 6), out = groups * random(1, 6);
  const bool depthwise = random(0, 3) == 0;
  p.geometry.groups = depthwise ? in : groups;
  p.bias = random(0, 1) == 1;
  p.input = {random(0, 9) == 0 ? 0 : random(1, 3), in};
  p.filter = transposed ? Shape{in, out / groups} : Shape{out, in / groups};
  if (depthwise)
    p.filter = transposed ? Shape{in, 2} : Shape{2 * in, 1};
  p.result = {p.input[0], transposed ? p.filter[1] * p.geometry.groups : p.filter[0]};
  const int64_t spatial = random(1, 3);
  for (int64_t d = 0; d < spatial; ++d) {
    const int64_t kernel = random(1, 4), stride = random(1, 3), dilation = random(1, 3), begin = random(0, 3);
    const int64_t reach = dilation * (kernel - 1) + 1;
    p.filter.push_back(kernel);
    p.geometry.strides.push_back(stride);
    p.geometry.dilations.push_back(dilation);
    p.geometry.pad_begin.push_back(begin);
    if (transposed) {
      p.input.push_back(random(1, 6));
      const int64_t full = stride * (p.input[p.input.rank() - 1] - 1) + reach + random(0, stride - 1);
      p.result.push_back(std::max<int64_t>(full - begin - random(0, 2), 1));
    } else {
      const int64_t end = random(0, 3), extent = std::max(random(1, 12), reach - begin - end);
      p.input.push_back(extent);
      p.result.push_back((extent + begin + end - reach) / stride + 1);
    }
  }
  return p;
}

template <class T>
void check(bool transposed, unsigned seed) {
  Random random(seed);
  const Problem p = random_problem(random, transposed);
  Numbers<T> numbers(seed, /*special=*/false);
  auto any = [&] { return kLayouts[random(0, 3)]; };
  Strided<T> input(p.input, any()), filter(p.filter, any()), bias({p.result[1]}, any()),
      result(p.result, any());
  for (Strided<T>* operand : {&input, &filter, &bias, &result})
    operand->fill(numbers);
  const View* bias_view = p.bias ? &bias.view() : nullptr;
  (transposed ? eager::conv_transpose : eager::conv)(input.view(), filter.view(), bias_view, result.view(),
                                                     p.geometry);
  const std::vector<double> expected =
      transposed ? naive_conv_transpose<T>(input.view(), filter.view(), bias_view, p.result, p.geometry)
                 : naive_conv<T>(input.view(), filter.view(), bias_view, p.result, p.geometry);
  const std::vector<T> actual = elements_of<T>(result.view());
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i)
    ASSERT_NEAR(actual[i], expected[i], sizeof(T) == 4 ? 2e-3 : 1e-10)
        << "seed " << seed << " at " << i << ": " << to_string(p.input) << " * " << to_string(p.filter)
        << " -> " << to_string(p.result);
}

TEST(EagerConv, AgreesWithNaiveLoops) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    check<float>(false, seed);
    check<double>(false, seed);
  }
}

TEST(EagerConv, TransposedAgreesWithNaiveLoops) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    check<float>(true, seed);
    check<double>(true, seed);
  }
}

template <class T>
void check_filter_gradient(unsigned seed) {
  Random random(seed);
  const Problem p = random_problem(random, /*transposed=*/false);
  Numbers<T> numbers(seed, /*special=*/false);
  auto any = [&] { return kLayouts[random(0, 3)]; };
  Strided<T> input(p.input, any()), cotangent(p.result, any()), filter(p.filter, any());
  for (Strided<T>* operand : {&input, &cotangent, &filter})
    operand->fill(numbers);
  eager::conv_filter_gradient(input.view(), cotangent.view(), filter.view(), p.geometry);
  const std::vector<double> expected =
      naive_conv_filter_gradient<T>(input.view(), cotangent.view(), p.filter, p.geometry);
  const std::vector<T> actual = elements_of<T>(filter.view());
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i)
    ASSERT_NEAR(actual[i], expected[i], sizeof(T) == 4 ? 5e-3 : 1e-10)
        << "seed " << seed << " at " << i << ": " << to_string(p.input) << ", " << to_string(p.result)
        << " -> " << to_string(p.filter);
}

TEST(EagerConv, FilterGradientAgreesWithNaiveLoops) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    check_filter_gradient<float>(seed);
    check_filter_gradient<double>(seed);
  }
}

TEST(EagerConv, LargeEnoughForSeveralPieces) {
  const eager::ConvGeometry geometry{{1, 1}, {1, 1}, {1, 1}, 1};
  Strided<float> input({1, 64, 70, 90}, Layout::dense), filter({8, 64, 3, 3}, Layout::dense),
      result({1, 8, 70, 90}, Layout::dense);
  Numbers<float> numbers(1, false);
  input.fill(numbers);
  filter.fill(numbers);
  eager::conv(input.view(), filter.view(), nullptr, result.view(), geometry);
  const auto expected =
      naive_conv<float>(input.view(), filter.view(), nullptr, result.view().shape, geometry);
  const auto actual = elements_of<float>(result.view());
  for (std::size_t i = 0; i < actual.size(); ++i)
    ASSERT_NEAR(actual[i], expected[i], 1e-2);
}

} // namespace
} // namespace sinter::test
