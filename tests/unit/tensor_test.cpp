// Tensor: making, reading, sharing storage, printing, and refusing what is wrong.
#include "sinter/ops.h"
#include "sinter/tensor.h"
#include "unit/error_of.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <set>

namespace sinter {
namespace {

TEST(Storage, MemoryThatIsNotThereIsAnError) {
  EXPECT_THROW(Storage::allocate(std::size_t{1} << 46), Error);
}

using test::error_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Tensor counting(const Shape& shape) {
  std::vector<float> values(static_cast<std::size_t>(shape.elements()));
  std::iota(values.begin(), values.end(), 0.0F);
  return Tensor::of(values, shape);
}

TEST(Tensor, IsMadeOfNumbers) {
  EXPECT_EQ(Tensor().shape(), Shape({0}));
  EXPECT_EQ(Tensor(2.5F).item(), 2.5);
  EXPECT_THAT(Tensor::of({1, 2, 3, 4}, {2, 2}).to_vector<float>(), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(Tensor::of(std::vector<int64_t>{1, -2}, {2}).to_vector<int64_t>(), ElementsAre(1, -2));
  EXPECT_THAT(Tensor::full({2}, 7, DType::i32).to_vector<int32_t>(), ElementsAre(7, 7));
  EXPECT_THAT(Tensor::ones({2}, DType::boolean).to_vector<bool>(), ElementsAre(true, true));
  EXPECT_THAT(Tensor::zeros({3}, DType::f64).to_vector<double>(), ElementsAre(0, 0, 0));
  EXPECT_EQ(Tensor::empty({2, 0, 3}).elements(), 0);
}

TEST(Tensor, RandomNumbersFollowTheirSeed) {
  const auto a = Tensor::uniform({1000}, 1, -2, 3).to_vector<float>();
  EXPECT_EQ(a, Tensor::uniform({1000}, 1, -2, 3).to_vector<float>());
  EXPECT_NE(a, Tensor::uniform({1000}, 2, -2, 3).to_vector<float>());
  for (float value : a) {
    EXPECT_GE(value, -2);
    EXPECT_LT(value, 3);
  }
  const auto b = Tensor::normal({20000}, 3, 1, 2).to_vector<float>();
  double sum = 0, squares = 0;
  for (float value : b)
    sum += value, squares += (value - 1) * (value - 1);
  EXPECT_NEAR(sum / 20000, 1, 0.05);
  EXPECT_NEAR(squares / 20000, 4, 0.15);
  EXPECT_GT(std::set<float>(b.begin(), b.end()).size(), 19000U);
}

TEST(Tensor, CopiesShareStorageAndClonesDoNot) {
  Tensor a = counting({4});
  const Tensor b = a, c = a.clone();
  a.mutable_data<float>()[0] = 9;
  EXPECT_EQ(b.to_vector<float>()[0], 9);
  EXPECT_EQ(c.to_vector<float>()[0], 0);
}

TEST(Tensor, ReshapeTransposeAndPermuteAreViews) {
  const Tensor a = counting({2, 3});
  const Tensor t = a.transpose(0, 1);
  EXPECT_EQ(t.storage(), a.storage());
  EXPECT_FALSE(t.is_dense());
  EXPECT_THAT(t.to_vector<float>(), ElementsAre(0, 3, 1, 4, 2, 5));
  EXPECT_EQ(a.reshape({3, -1}).storage(), a.storage());
  EXPECT_THAT(a.reshape({3, -1}).shape(), Shape({3, 2}));
  EXPECT_THAT(t.reshape({6}).to_vector<float>(), ElementsAre(0, 3, 1, 4, 2, 5)); // has to copy
  EXPECT_NE(t.reshape({6}).storage(), a.storage());
  EXPECT_EQ(counting({2, 3, 4}).permute({2, 0, 1}).shape(), Shape({4, 2, 3}));
}

TEST(Tensor, ReshapeFindsStridesWhereThereAreAny) {
  const Tensor a = counting({4, 6, 2});
  const Tensor part = slice(a, 0, 1, 4, 2); // [2, 6, 2] with a gap
  const Tensor split = part.reshape({2, 3, 2, 2});
  EXPECT_EQ(split.storage(), a.storage());
  EXPECT_EQ(split.to_vector<float>(), part.to_vector<float>());
  const Tensor merged = part.reshape({2, 12});
  EXPECT_EQ(merged.storage(), a.storage());
  EXPECT_EQ(merged.to_vector<float>(), part.to_vector<float>());
  EXPECT_NE(part.reshape({24}).storage(), a.storage());
  EXPECT_EQ(part.reshape({24}).to_vector<float>(), part.to_vector<float>());
  const Tensor backwards = slice(a, 1, -1, kToEnd, -1);
  EXPECT_EQ(backwards.reshape({4, 2, 3, 2}).to_vector<float>(), backwards.to_vector<float>());
  const Tensor repeated = broadcast_to(counting({1, 3}), {4, 3});
  EXPECT_EQ(repeated.reshape({2, 2, 3}).to_vector<float>(), repeated.to_vector<float>());
  EXPECT_EQ(repeated.reshape({12}).to_vector<float>(), repeated.to_vector<float>());
  EXPECT_EQ(counting({1}).reshape({1, 1, 1}).shape(), Shape({1, 1, 1}));
  EXPECT_EQ(Tensor::empty({0, 4}).reshape({2, 0}).shape(), Shape({2, 0}));
}

TEST(Tensor, WrapsStorage) {
  auto storage = Storage::allocate(64);
  for (int i = 0; i < 16; ++i)
    reinterpret_cast<float*>(storage->data())[i] = static_cast<float>(i);
  EXPECT_THAT(Tensor::from_storage(storage, DType::f32, {2, 2}, {4, 1}, 8).to_vector<float>(),
              ElementsAre(2, 3, 6, 7));
  EXPECT_THAT(Tensor::from_storage(storage, DType::f32, {3}, {-2}, 16).to_vector<float>(),
              ElementsAre(4, 2, 0));
  EXPECT_THAT(error_of([&] { Tensor::from_storage(storage, DType::f32, {17}); }), HasSubstr("does not fit"));
  EXPECT_THAT(error_of([&] { Tensor::from_storage(storage, DType::f32, {3}, {-3}, 16); }),
              HasSubstr("does not fit"));
  EXPECT_THAT(error_of([&] { Tensor::from_storage(storage, DType::f32, {2}, {1}, 2); }),
              HasSubstr("aligned"));
  EXPECT_THAT(error_of([&] { Tensor::from_storage(storage, DType::f32, {2}, {1}, 1 << 20); }),
              HasSubstr("does not fit"));
  EXPECT_THAT(error_of([&] {
                Tensor::from_storage(storage, DType::f32, {2}, {std::numeric_limits<int64_t>::max()}, 0);
              }),
              HasSubstr("does not fit"));
  EXPECT_THAT(
      error_of([&] { Tensor::from_storage(storage, DType::f32, {int64_t{1} << 40, int64_t{1} << 40}); }),
      HasSubstr("too large"));
  EXPECT_THAT(error_of([&] { Tensor::from_storage(nullptr, DType::f32, {1}); }), HasSubstr("no storage"));
}

TEST(Tensor, ErrorsNameTheLine) {
  const Tensor a = counting({2, 3});
  const auto line = std::to_string(__LINE__ + 1);
  const std::string item_error = error_of([&] { (void)a.item(); });
  EXPECT_EQ(item_error, "tensor_test.cpp:" + line + ": item: f32[2, 3] has 6 elements, not one");
  EXPECT_THAT(error_of([&] { (void)a.to_vector<int32_t>(); }),
              HasSubstr("the elements are f32, asked for i32"));
  EXPECT_THAT(error_of([&] { (void)a.transpose(0, 1).data<float>(); }), HasSubstr("not dense"));
  EXPECT_THAT(error_of([&] { (void)a.reshape({5}); }), HasSubstr("reshape: cannot view [2, 3] as [5]"));
  EXPECT_THAT(error_of([&] { (void)a.reshape({-1, -1}); }), HasSubstr("one may be -1"));
  EXPECT_THAT(error_of([&] { (void)a.transpose(0, 2); }), HasSubstr("axis 2 of a tensor of rank 2"));
  EXPECT_THAT(error_of([&] { (void)a.permute({0, 0}); }), HasSubstr("tensor_test.cpp"));
  EXPECT_THAT(error_of([&] { (void)a.size(2); }), HasSubstr("no dimension 2"));
  EXPECT_THAT(error_of([&] { Tensor::of({1, 2}, {3}); }), HasSubstr("2 values for shape [3]"));
  EXPECT_THAT(error_of([&] { Tensor::empty({-1}); }), HasSubstr("-1 is not a size"));
  EXPECT_THAT(error_of([&] { Tensor::empty({int64_t{1} << 62, 8}); }), HasSubstr("too large"));
  EXPECT_THAT(error_of([&] { Tensor::uniform({1}, 0, 2, 1); }), HasSubstr("no range"));
}

TEST(Tensor, TooManyDimensionsNameTheLine) {
  const auto line = std::to_string(__LINE__ + 1);
  const std::string error = error_of([&] { (void)Tensor::zeros({1, 1, 1, 1, 1, 1, 1, 1, 1}); });
  EXPECT_EQ(error, "tensor_test.cpp:" + line + ": a tensor of rank 9 is not supported: at most 8 dimensions");
  const Tensor a = Tensor::zeros({1, 1, 1, 1, 1, 1, 1, 1});
  EXPECT_THAT(error_of([&] { (void)unsqueeze(a, 0); }), ::testing::StartsWith("tensor_test.cpp:"));
  EXPECT_THAT(error_of([&] { (void)a.reshape({1, 1, 1, 1, 1, 1, 1, 1, 1}); }),
              ::testing::StartsWith("tensor_test.cpp:"));
}

TEST(Tensor, MovedFromIsRefused) {
  Tensor a = counting({2});
  const Tensor b = std::move(a);
  EXPECT_THAT(error_of([&] { (void)a.shape(); }), HasSubstr("moved from")); // NOLINT
  EXPECT_THAT(error_of([&] { (void)(a + b); }), HasSubstr("moved from"));   // NOLINT
}

TEST(Tensor, StandsInConditions) {
  EXPECT_TRUE(static_cast<bool>(Tensor(1.0F)));
  EXPECT_FALSE(static_cast<bool>(Tensor::zeros({1, 1}, DType::i64)));
  EXPECT_THROW((void)static_cast<bool>(counting({2})), Error);
}

TEST(Tensor, Prints) {
  EXPECT_EQ(to_string(counting({2, 2})), "f32[2, 2] [[0, 1], [2, 3]]");
  EXPECT_EQ(to_string(Tensor(0.5F)), "f32[] 0.5");
  EXPECT_EQ(to_string(Tensor::ones({2}, DType::boolean)), "bool[2] [true, true]");
  EXPECT_EQ(to_string(Tensor::zeros({100})), "f32[100]");
}

} // namespace
} // namespace sinter
