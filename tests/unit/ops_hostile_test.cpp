// Operations called with arguments no sane program has: each must work or throw Error, never crash or hang.
#include "sinter/ops.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace sinter {
namespace {

class Hostile {
public:
  explicit Hostile(uint32_t seed) : random_(seed) {}

  // What is large is too large for any machine: nothing here may take real memory or time.
  int64_t number() {
    constexpr int64_t kMax = std::numeric_limits<int64_t>::max(), kMin = std::numeric_limits<int64_t>::min();
    constexpr std::array<int64_t, 20> kNumbers = {0,
                                                  1,
                                                  1,
                                                  1,
                                                  2,
                                                  2,
                                                  3,
                                                  4,
                                                  5,
                                                  7,
                                                  -1,
                                                  -2,
                                                  -3,
                                                  1000,
                                                  kMax,
                                                  kMin,
                                                  kMax / 2,
                                                  int64_t{1} << 42,
                                                  -(int64_t{1} << 31),
                                                  (int64_t{1} << 42) + 1};
    return kNumbers[random_() % kNumbers.size()];
  }
  int64_t mostly_small() { return random_() % 8 == 0 ? number() : static_cast<int64_t>(random_() % 4); }
  int axis() { return random_() % 8 == 0 ? static_cast<int>(number()) : static_cast<int>(random_() % 6) - 2; }
  bool coin() { return random_() % 2 == 0; }
  Shape list(int most = 4) {
    Shape list;
    for (int n = static_cast<int>(random_() % static_cast<uint32_t>(most + 1)); n > 0; --n)
      list.push_back(mostly_small());
    return list;
  }
  Tensor tensor() {
    Shape shape;
    for (int n = static_cast<int>(random_() % 6); n > 0; --n)
      shape.push_back(static_cast<int64_t>(random_() % 5));
    constexpr std::array<DType, 12> kTypes = {DType::f32,     DType::f32, DType::f32, DType::f32,
                                              DType::f32,     DType::f64, DType::i32, DType::i64,
                                              DType::boolean, DType::i8,  DType::u8,  DType::f16};
    const DType dtype = kTypes[random_() % kTypes.size()];
    Tensor made = dtype == DType::f16 ? Tensor::empty(shape, dtype)
                                      : Tensor::full(shape, static_cast<double>(random_() % 3), dtype);
    return shape.rank() > 1 && coin() ? made.transpose(0, -1) : made;
  }

private:
  std::mt19937 random_;
};

Tensor call(int operation, Hostile& h, const Tensor& x, const Tensor& y, const Tensor& z) {
  const ConvOptions conv_options{h.list(), h.list(),         h.coin() ? Shape() : h.list(),
                                 h.list(), h.mostly_small(), {}};
  const PoolOptions pool_options{h.list(), h.list(), h.list(), {}, h.list(), h.coin(), h.coin()};
  switch (operation) {
  case 0:
    return add(x, y);
  case 1:
    return div(x, h.number());
  case 2:
    return pow(x, y);
  case 3:
    return remainder(x, y);
  case 4:
    return where(x, y, z);
  case 5:
    return cast(x, static_cast<DType>(h.mostly_small() & 7));
  case 6:
    return sum(x, Axes(h.list()), h.coin());
  case 7:
    return mean(x, Axes{h.axis()}, h.coin());
  case 8:
    return argmax(x, h.axis(), h.coin());
  case 9:
    return matmul(x, y);
  case 10:
    return linear(x, y, z);
  case 11:
    return conv(x, y, conv_options);
  case 12:
    return conv(x, y, z, conv_options);
  case 13:
    return conv_transpose(x, y, conv_options);
  case 14:
    return max_pool(x, pool_options);
  case 15:
    return avg_pool(x, pool_options);
  case 16:
    return global_avg_pool(x);
  case 17:
    return softmax(x, h.axis());
  case 18:
    return layer_norm(x, y, z);
  case 19:
    return batch_norm(x, y, y, z, z);
  case 20:
    return lrn(x, h.mostly_small());
  case 21:
    return reshape(x, h.list(6));
  case 22:
    return permute(x, h.list(6));
  case 23:
    return slice(x, h.axis(), h.number(), h.number(), h.number());
  case 24:
    return concat({x, y, z}, h.axis());
  case 25:
    return pad(x, h.list(), h.list(), 1, static_cast<PadMode>(h.mostly_small() & 1));
  case 26:
    return broadcast_to(x, h.list(6));
  case 27:
    return gather(x, y, h.axis());
  case 28:
    return resize(x, h.list(), {.mode = h.coin() ? ResizeMode::linear : ResizeMode::nearest});
  case 29:
    return clip(x, 1, -1);
  case 30:
    return prelu(x, y);
  default:
    return flatten(squeeze(unsqueeze(x, h.axis()), Axes{h.axis()}), h.axis(), h.axis());
  }
}
constexpr int kOperations = 32;

// Results too large for a test machine are not wanted; what is small runs.
bool small(const Tensor& tensor) {
  return tensor.elements() < 1 << 20;
}

TEST(HostileOps, EagerCallsWorkOrThrow) {
  int worked = 0, refused = 0;
  for (uint32_t seed = 0; seed < 20000; ++seed) {
    Hostile h(seed);
    const Tensor x = h.tensor(), y = h.tensor(), z = h.tensor();
    try {
      const Tensor result = call(static_cast<int>(seed % kOperations), h, x, y, z);
      if (small(result))
        (void)result.clone();
      ++worked;
    } catch (const Error& error) {
      EXPECT_NE(error.kind(), ErrorKind::internal) << error.what();
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(worked, 1000);
  EXPECT_GT(refused, 1000);
}

} // namespace
} // namespace sinter
