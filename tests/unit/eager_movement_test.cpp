// Eager movement and layout conversion against element-by-element loops.
#include "sinter/runtime/eager/movement.h"

#include "naive_windows.h"
#include "sinter/runtime/eager/layout.h"
#include "strided_views.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

namespace sinter::test {
namespace {

using TestLayout = sinter::test::Layout;

Shape random_shape(std::mt19937& engine, int rank) {
  Shape shape;
  for (int d = 0; d < rank; ++d)
    shape.push_back(engine() % 12 == 0 ? 0 : 1 + static_cast<int64_t>(engine() % (d + 1 == rank ? 40 : 6)));
  return shape;
}

// Checks that the element of `result` at every index is `expected(index)`.
template <class T, class F>
void expect_elements(const View& result, F&& expected) {
  for_each_index(result.shape, [&](const Shape& index) {
    ASSERT_EQ(result.as<const T>()[offset_of(index, result.strides)], static_cast<T>(expected(index)))
        << to_string(index) << " of " << to_string(result.shape);
  });
}

template <class T>
struct Operands {
  Operands(const Shape& in, const Shape& out, std::mt19937& engine)
      : input(in, kLayouts[engine() % 5]), result(out, kResultLayouts[engine() % 4]) {
    input.fill(Numbers<T>(static_cast<unsigned>(engine()), false));
  }
  Strided<T> input, result;
};

template <class T>
void check_transpose(std::mt19937& engine) {
  const int rank = static_cast<int>(engine() % 6);
  const Shape in = random_shape(engine, rank);
  Shape permutation, out;
  for (int d = 0; d < rank; ++d)
    permutation.push_back(d);
  std::shuffle(permutation.begin(), permutation.end(), engine);
  for (int64_t from : permutation)
    out.push_back(in[static_cast<int>(from)]);
  Operands<T> x(in, out, engine);
  eager::transpose(x.input.view(), x.result.view(), permutation);
  expect_elements<T>(x.result.view(), [&](const Shape& index) {
    Shape from = index;
    for (int d = 0; d < rank; ++d)
      from[static_cast<int>(permutation[d])] = index[d];
    return at<T>(x.input.view(), from);
  });
}

template <class T>
void check_slice(std::mt19937& engine) {
  const int rank = static_cast<int>(engine() % 5);
  Shape in = random_shape(engine, rank), out, starts, steps;
  for (int d = 0; d < rank; ++d) {
    const int64_t step = std::array<int64_t, 5>{1, 2, -1, -3, 1}[engine() % 5];
    const int64_t start = in[d] ? static_cast<int64_t>(engine() % static_cast<unsigned>(in[d])) : 0;
    const int64_t room = in[d] == 0 ? 0 : step > 0 ? (in[d] - 1 - start) / step + 1 : start / -step + 1;
    out.push_back(room == 0 ? 0 : 1 + static_cast<int64_t>(engine() % static_cast<unsigned>(room)));
    starts.push_back(start);
    steps.push_back(step);
  }
  Operands<T> x(in, out, engine);
  eager::slice(x.input.view(), x.result.view(), starts, steps);
  expect_elements<T>(x.result.view(), [&](const Shape& index) {
    Shape from = index;
    for (int d = 0; d < rank; ++d)
      from[d] = starts[d] + index[d] * steps[d];
    return at<T>(x.input.view(), from);
  });
}

int64_t mirrored(int64_t i, int64_t extent, eager::PadMode mode) {
  if (mode == eager::PadMode::edge)
    return std::clamp<int64_t>(i, 0, extent - 1);
  return i < 0 ? -i : i >= extent ? 2 * (extent - 1) - i : i;
}

template <class T>
void check_pad(std::mt19937& engine) {
  const int rank = static_cast<int>(engine() % 4);
  const auto mode =
      std::array{eager::PadMode::constant, eager::PadMode::reflect, eager::PadMode::edge}[engine() % 3];
  Shape in, out, low;
  for (int d = 0; d < rank; ++d) {
    const int64_t extent = 1 + static_cast<int64_t>(engine() % 6);
    auto amount = [&] {
      const int64_t most = mode == eager::PadMode::reflect ? extent - 1 : 3;
      return static_cast<int64_t>(engine() % static_cast<unsigned>(most + 4)) - 3;
    };
    const int64_t before = amount(), after = std::max(amount(), -extent - before);
    in.push_back(extent);
    low.push_back(before);
    out.push_back(extent + before + after);
    if (mode == eager::PadMode::reflect && after > extent - 1)
      return;
  }
  Operands<T> x(in, out, engine);
  eager::pad(x.input.view(), x.result.view(), low, mode, 3);
  expect_elements<T>(x.result.view(), [&](const Shape& index) {
    Shape from = index;
    for (int d = 0; d < rank; ++d) {
      from[d] = index[d] - low[d];
      if (mode != eager::PadMode::constant)
        from[d] = mirrored(from[d], in[d], mode);
      else if (from[d] < 0 || from[d] >= in[d])
        return std::is_same_v<T, bool> ? 1.0 : 3.0;
    }
    return at<T>(x.input.view(), from);
  });
}

template <class T>
void check_concat(std::mt19937& engine) {
  const int rank = 1 + static_cast<int>(engine() % 4),
            axis = static_cast<int>(engine() % static_cast<unsigned>(rank));
  Shape out = random_shape(engine, rank);
  out[axis] = 0;
  std::vector<Strided<T>> parts;
  std::vector<View> views;
  for (unsigned i = 0; i < 1 + engine() % 3; ++i) {
    Shape shape = out;
    shape[axis] = static_cast<int64_t>(engine() % 5);
    parts.emplace_back(shape, kLayouts[engine() % 5]);
    parts.back().fill(Numbers<T>(i, false));
  }
  for (const auto& part : parts) {
    views.push_back(part.view());
    out[axis] += part.view().shape[axis];
  }
  Strided<T> result(out, kResultLayouts[engine() % 4]);
  eager::concat(views, result.view(), axis);
  expect_elements<T>(result.view(), [&](const Shape& index) {
    Shape from = index;
    std::size_t i = 0;
    for (; from[axis] >= views[i].shape[axis]; ++i)
      from[axis] -= views[i].shape[axis];
    return at<T>(views[i], from);
  });
}

template <class T>
void check_reshape_and_broadcast(std::mt19937& engine) {
  const Shape in = random_shape(engine, 3), flat{in[0] * in[2], in[1]};
  Operands<T> x(in, flat, engine);
  eager::reshape(x.input.view(), x.result.view());
  EXPECT_EQ(elements_of<T>(x.input.view()), elements_of<T>(x.result.view()));
  Operands<T> y({in[1], 1}, in, engine);
  eager::broadcast(y.input.view(), y.result.view());
  expect_elements<T>(y.result.view(),
                     [&](const Shape& index) { return at<T>(y.input.view(), {index[1], 0}); });
}

template <class T>
class EagerMovement : public testing::Test {};
using Elements = testing::Types<float, double, int32_t, int64_t, bool, uint8_t, int8_t>;
TYPED_TEST_SUITE(EagerMovement, Elements);

TYPED_TEST(EagerMovement, AgreesWithLoops) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 engine(seed);
    check_transpose<TypeParam>(engine);
    check_slice<TypeParam>(engine);
    check_pad<TypeParam>(engine);
    check_concat<TypeParam>(engine);
    check_reshape_and_broadcast<TypeParam>(engine);
  }
}

TEST(EagerMovementOfHalves, FillsWithRoundedNumbers) {
  uint16_t data[2];
  eager::fill(View::dense(data, DType::f16, {2}), 1.5);
  EXPECT_EQ(data[1], 0x3e00);
  eager::fill(View::dense(data, DType::bf16, {2}), -2.0);
  EXPECT_EQ(data[1], 0xc000);
}

// The physical offset of a logical index, as the layout's definition says.
int64_t physical_offset(const Shape& index, const View& view, const eager::Layout& layout) {
  int64_t offset = 0;
  for (int i = 0; i < index.rank(); ++i) {
    const int d = static_cast<int>(layout.order[i]);
    const bool blocked = layout.block != 1 && d == layout.blocked;
    offset += (blocked ? index[d] / layout.block : index[d]) * view.strides[i];
    if (blocked)
      offset += index[d] % layout.block * view.strides[view.rank() - 1];
  }
  return offset;
}

Shape physical_shape(const Shape& logical, const eager::Layout& layout) {
  Shape shape;
  for (int64_t d : layout.order)
    shape.push_back(d == layout.blocked ? (logical[static_cast<int>(d)] + layout.block - 1) / layout.block
                                        : logical[static_cast<int>(d)]);
  if (layout.block != 1)
    shape.push_back(layout.block);
  return shape;
}

TEST(EagerLayout, ConvertsBetweenRandomLayouts) {
  for (unsigned seed = 0; seed < 400; ++seed) {
    std::mt19937 engine(seed);
    const int rank = 1 + static_cast<int>(engine() % 5);
    const Shape logical = random_shape(engine, rank);
    auto random_layout = [&] {
      eager::Layout layout = eager::Layout::row_major(rank);
      std::shuffle(layout.order.begin(), layout.order.end(), engine);
      layout.blocked = static_cast<int>(engine() % static_cast<unsigned>(rank));
      layout.block = std::array<int64_t, 4>{1, 3, 8, 16}[engine() % 4];
      return layout;
    };
    const eager::Layout from = random_layout(), to = random_layout();
    Strided<float> input(physical_shape(logical, from), kResultLayouts[engine() % 4]);
    Strided<float> result(physical_shape(logical, to), kResultLayouts[engine() % 4]);
    input.fill([] { return 1e9; });
    result.fill([] { return 1e9; });
    float next = 1;
    double sum = 0;
    for_each_index(logical, [&](const Shape& index) {
      input.view().as<float>()[physical_offset(index, input.view(), from)] = next;
      sum += next++;
    });
    eager::convert_layout(input.view(), from, result.view(), to, logical);
    next = 1;
    for_each_index(logical, [&](const Shape& index) {
      ASSERT_EQ(result.view().as<float>()[physical_offset(index, result.view(), to)], next++)
          << "seed " << seed;
    });
    if (logical.elements() > 0)
      for (float element : elements_of<float>(result.view()))
        sum -= element;
    EXPECT_EQ(sum, logical.elements() > 0 ? 0 : sum) << "padding is not zero, seed " << seed;
  }
}

} // namespace
} // namespace sinter::test
