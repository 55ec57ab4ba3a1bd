// Large eager kernels give the same on several threads as on one.
#include "sinter/runtime/eager/elementwise.h"
#include "sinter/runtime/eager/layout.h"
#include "sinter/runtime/eager/winograd.h"
#include "sinter/runtime/storage.h"
#include "sinter/runtime/thread_pool.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <random>

namespace sinter {
namespace {

struct Block {
  std::shared_ptr<Storage> storage;
  View view;
};

Block block(const Shape& shape) {
  Block result{Storage::allocate(static_cast<std::size_t>(shape.elements()) * sizeof(float)), {}};
  result.view = View::dense(result.storage->data(), DType::f32, shape);
  std::memset(result.storage->data(), 0xff, result.storage->bytes());
  return result;
}

Block random(const Shape& shape) {
  Block result = block(shape);
  std::mt19937 generator(1);
  std::uniform_real_distribution<float> numbers(-1, 1);
  for (int64_t i = 0; i < shape.elements(); ++i)
    result.view.as<float>()[i] = numbers(generator);
  return result;
}

// Runs `kernel` on results of `shape` with one thread and with three.
void expect_same(const Shape& shape, const std::function<void(const View&)>& kernel) {
  rt::ThreadPool one(1), three(3);
  const Block expected = block(shape), actual = block(shape);
  {
    const rt::PoolScope scope(one);
    kernel(expected.view);
  }
  {
    const rt::PoolScope scope(three);
    kernel(actual.view);
  }
  EXPECT_EQ(std::memcmp(expected.storage->data(), actual.storage->data(), expected.storage->bytes()), 0);
}

TEST(EagerParallel, Elementwise) {
  const Block a = random({700, 501}), row = random({501}), column = random({700, 1}),
              flat = random({700 * 501});
  View transposed = View::dense(flat.storage->data(), DType::f32, {501, 700});
  transposed.shape = {700, 501};
  transposed.strides = {1, 700};
  for (const View& b : {a.view, row.view, column.view, transposed})
    expect_same({700, 501}, [&](const View& result) { eager::add(a.view, b, result); });
  expect_same({700 * 501}, [&](const View& result) { eager::add(flat.view, flat.view, result); });
}

TEST(EagerParallel, Layouts) {
  const Block input = random({77, 33, 9, 11});
  const eager::Layout blocked{{0, 2, 3, 1}, 0, 8};
  expect_same({10, 9, 11, 33, 8}, [&](const View& result) {
    eager::convert_layout(input.view, eager::Layout::row_major(4), result, blocked, {77, 33, 9, 11});
  });
  const Block packed = random({10, 9, 11, 33, 8});
  expect_same({77, 33, 9, 11}, [&](const View& result) {
    eager::convert_layout(packed.view, blocked, result, eager::Layout::row_major(4), {77, 33, 9, 11});
  });
}

TEST(EagerParallel, WinogradFilters) {
  const Block filter = random({65, 70, 3, 3});
  for (const int64_t tile : eager::kWinogradTiles)
    expect_same({eager::winograd_points(tile), 65, 70},
                [&](const View& result) { eager::winograd_filter(filter.view, result, tile); });
}

TEST(EagerParallel, ScopesNest) {
  rt::ThreadPool a(1), b(2);
  rt::ThreadPool& before = rt::current_thread_pool();
  {
    const rt::PoolScope outer(a);
    EXPECT_EQ(&rt::current_thread_pool(), &a);
    {
      const rt::PoolScope inner(b);
      EXPECT_EQ(&rt::current_thread_pool(), &b);
    }
    EXPECT_EQ(&rt::current_thread_pool(), &a);
  }
  EXPECT_EQ(&rt::current_thread_pool(), &before);
}

} // namespace
} // namespace sinter
