// Eager gather and scatter_add against loops.
#include "sinter/runtime/eager/gather.h"

#include "naive_windows.h"
#include "sinter/runtime/error.h"
#include "strided_views.h"

#include <gtest/gtest.h>

namespace sinter::test {
namespace {

template <class Index>
void check(unsigned seed) {
  std::mt19937 engine(seed);
  const int rank = 1 + static_cast<int>(engine() % 4),
            axis = static_cast<int>(engine() % static_cast<unsigned>(rank));
  const int index_rank = static_cast<int>(engine() % 3);
  Shape in, positions, out;
  for (int d = 0; d < rank; ++d)
    in.push_back(d != axis && engine() % 10 == 0 ? 0 : 1 + static_cast<int64_t>(engine() % 6));
  for (int d = 0; d < index_rank; ++d)
    positions.push_back(static_cast<int64_t>(engine() % 5));
  for (int d = 0; d < rank; ++d)
    if (d == axis)
      for (int64_t extent : positions)
        out.push_back(extent);
    else
      out.push_back(in[d]);
  Strided<float> input(in, kLayouts[engine() % 5]), result(out, kResultLayouts[engine() % 4]);
  Strided<Index> indices(positions, kLayouts[engine() % 5]);
  input.fill(Numbers<float>(seed, false));
  indices.fill(
      [&] { return static_cast<int64_t>(engine() % static_cast<unsigned>(2 * in[axis])) - in[axis]; });
  eager::gather(input.view(), indices.view(), result.view(), axis);
  for_each_index(out, [&](const Shape& index) {
    Shape where, from;
    for (int d = 0; d < index_rank; ++d)
      where.push_back(index[axis + d]);
    const auto position = static_cast<int64_t>(at<Index>(indices.view(), where));
    for (int d = 0; d < rank; ++d)
      from.push_back(d < axis   ? index[d]
                     : d > axis ? index[d + index_rank - 1]
                                : (position + in[axis]) % in[axis]);
    ASSERT_EQ(at<float>(result.view(), index), at<float>(input.view(), from)) << "seed " << seed;
  });
}

TEST(EagerGather, AgreesWithLoops) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    check<int32_t>(seed);
    check<int64_t>(seed);
  }
}

template <class Index>
void check_scatter(unsigned seed) {
  std::mt19937 engine(seed);
  const Shape in{1 + static_cast<int64_t>(engine() % 3), 1 + static_cast<int64_t>(engine() % 6),
                 static_cast<int64_t>(engine() % 5)};
  const Shape positions{static_cast<int64_t>(engine() % 4), 2};
  const Shape out{in[0], positions[0], positions[1], in[2]};
  Strided<float> input(in, kLayouts[engine() % 5]), updates(out, kLayouts[engine() % 5]),
      result(in, kResultLayouts[engine() % 4]);
  Strided<Index> indices(positions, kLayouts[engine() % 5]);
  input.fill(Numbers<float>(seed, false));
  updates.fill(Numbers<float>(seed + 1, false));
  indices.fill([&] { return static_cast<int64_t>(engine() % static_cast<unsigned>(2 * in[1])) - in[1]; });
  eager::scatter_add(input.view(), indices.view(), updates.view(), result.view(), 1);
  std::vector<float> expected = elements_of<float>(input.view());
  for_each_index(out, [&](const Shape& index) {
    const auto position = static_cast<int64_t>(at<Index>(indices.view(), {index[1], index[2]}));
    const Shape to{index[0], (position + in[1]) % in[1], index[3]};
    expected[static_cast<std::size_t>(offset_of(to, in.row_major_strides()))] +=
        static_cast<float>(at<float>(updates.view(), index));
  });
  ASSERT_EQ(elements_of<float>(result.view()), expected) << "seed " << seed;
}

TEST(EagerScatterAdd, AgreesWithLoops) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    check_scatter<int32_t>(seed);
    check_scatter<int64_t>(seed);
  }
}

TEST(EagerScatterAdd, IndexOutOfRangeIsAnErrorThatSaysWhere) {
  float data[6] = {}, result[6];
  int64_t wrong[] = {-3};
  try {
    eager::scatter_add(View::dense(data, DType::f32, {2, 3}), View::dense(wrong, DType::i64, {1}),
                       View::dense(data, DType::f32, {1, 3}), View::dense(result, DType::f32, {2, 3}), 0);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "scatter_add: index -3 is out of range for axis 0 of f32[2, 3]");
  }
}

TEST(EagerGather, IndexOutOfRangeIsAnErrorThatSaysWhere) {
  float data[15] = {}, result[6];
  int64_t wrong[] = {1, 5}, negative[] = {-6, 0};
  const View input = View::dense(data, DType::f32, {5, 3}), out = View::dense(result, DType::f32, {2, 3});
  try {
    eager::gather(input, View::dense(wrong, DType::i64, {2}), out, 0);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "gather: index 5 is out of range for axis 0 of f32[5, 3]");
  }
  EXPECT_THROW(eager::gather(input, View::dense(negative, DType::i64, {2}), out, 0), Error);
}

} // namespace
} // namespace sinter::test
