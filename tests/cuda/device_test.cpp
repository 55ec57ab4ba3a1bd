// Programs on a device, by stand-ins for the driver and the compiler: memory, copies, launches, branches,
// errors.
#include "sinter/sinter.h"

#include "unit/error_of.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <thread>
#include <utility>
#include <vector>

namespace sinter {
namespace {

using test::error_of;
using testing::AllOf;
using testing::HasSubstr;

// A cache on disk that nobody else uses.
class OwnCache final : public testing::Environment {
  void SetUp() override {
    folder_ = (std::filesystem::temp_directory_path() / "sinter-cuda-XXXXXX").string();
    ASSERT_TRUE(mkdtemp(folder_.data()));
    setenv("SINTER_CACHE", "on", /*overwrite=*/1);
    setenv("SINTER_CACHE_DIR", folder_.c_str(), /*overwrite=*/1);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
};
[[maybe_unused]] const auto* const kOwnCache = testing::AddGlobalTestEnvironment(new OwnCache);

const CompileOptions kCuda{.device = "cuda"};

template <class F, class... Inputs>
void expect_same(F f, const Inputs&... inputs) {
  const Tensor expected = f(inputs...);
  const auto on_device = compile(f, kCuda);
  for (int run = 0; run < 2; ++run)
    EXPECT_LT(max(abs(on_device(inputs...) - expected)).item(), 1e-5) << "run " << run;
  EXPECT_TRUE(on_device.executable(inputs...)->device());
}

Tensor layer(Tensor x) {
  static const Tensor weight = Tensor::normal({30, 40}, 1, 0, 0.1), bias = Tensor::uniform({30}, 2);
  return softmax(gelu(linear(x, weight, bias)));
}

TEST(CudaDevice, RunsFunctions) {
  expect_same(layer, Tensor::uniform({9, 40}, 3));
  expect_same([](Tensor x, Tensor y) { return sum(x * y, {0}) + max(x) - y; }, Tensor::uniform({5, 7}, 4),
              Tensor::uniform({5, 7}, 5));
}

TEST(CudaDevice, KernelsAreCompiledOnce) {
  const Tensor x = Tensor::uniform({6, 40}, 6);
  EXPECT_GT(compile(layer, kCuda).executable(x)->kernels_compiled(), 0);
  EXPECT_EQ(compile(layer, kCuda).executable(x)->kernels_compiled(), 0);
}

// Another GPU finds on disk what the first one's kernels were compiled to.
TEST(CudaDevice, KernelsAreKeptOnDisk) {
  setenv("STAND_IN_GPUS", "2", /*overwrite=*/1);
  const Tensor x = Tensor::uniform({11, 40}, 6);
  compile(layer, kCuda)(x);
  const auto other = compile(layer, {.device = "cuda:1"});
  EXPECT_LT(max(abs(other(x) - layer(x))).item(), 1e-5);
  EXPECT_EQ(other.executable(x)->kernels_compiled(), 0);
  EXPECT_GT(other.executable(x)->kernels_loaded(), 0);
  unsetenv("STAND_IN_GPUS");
}

TEST(CudaDevice, TakesBranchesAndGoesThroughLoops) {
  const auto branch = [](Tensor x) {
    return cond(greater(sum(x), 0), [&] { return x * 2; }, [&] { return x - 1; });
  };
  expect_same(branch, Tensor::uniform({4}, 7, 0, 1));
  expect_same(branch, Tensor::uniform({4}, 7, -1, 0));
  const auto power = [](Tensor x) {
    return while_loop(x, [](Tensor y) { return less(sum(y), 100); }, [&](Tensor y) { return y * 1.5 + x; });
  };
  expect_same(power, Tensor::uniform({4}, 8, 0.5, 1));
  expect_same(power, Tensor::full({4}, 50)); // not once
}

TEST(CudaDevice, ManyThreadsTakeTurns) {
  const auto on_device = compile(layer, kCuda);
  const Tensor x = Tensor::uniform({3, 40}, 9), expected = layer(x);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int run = 0; run < 5; ++run)
        EXPECT_LT(max(abs(on_device(x) - expected)).item(), 1e-5);
    });
  for (std::thread& thread : threads)
    thread.join();
}

TEST(CudaDevice, SaysWhatIsWrong) {
  const auto f = [](Tensor x) { return x + 1; };
  const Tensor x = Tensor::uniform({3}, 1);
  EXPECT_THAT(error_of([&] { compile(f, {.device = "gpu"})(x); }),
              HasSubstr("unknown device 'gpu': use cpu, cuda or cuda:N"));
  EXPECT_THAT(error_of([&] { compile(f, {.device = "cuda:x"})(x); }), HasSubstr("unknown device 'cuda:x'"));
  EXPECT_THAT(error_of([&] { compile(f, {.device = "cuda:2"})(x); }),
              HasSubstr("there is no CUDA device 2: there are 1"));
  // The stand-in has 64 MiB.
  const auto large = [](Tensor x) { return x + Tensor::full({20 << 20}, 1); };
  EXPECT_THAT(
      error_of([&] { compile(large, kCuda)(Tensor::uniform({20 << 20}, 1)); }),
      AllOf(HasSubstr("bytes of memory on stand-in GPU: out of memory"), HasSubstr("device_test.cpp")));
}

} // namespace
} // namespace sinter
