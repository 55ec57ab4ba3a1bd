// Programs on a device, by stand-ins for the driver and the compiler: memory, copies, launches, branches,
// errors.
#include "sinter/runtime/cuda/device.h"
#include "sinter/sinter.h"

#include "unit/error_of.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <filesystem>
#include <random>
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
  EXPECT_THAT(error_of([&] { compile(f, {.device = "cuda:2"})(x); }),
              HasSubstr("there is no CUDA device 2: there are 1"));
  // The stand-in has 64 MiB.
  const auto large = [](Tensor x) { return x + Tensor::full({20 << 20}, 1); };
  EXPECT_THAT(
      error_of([&] { compile(large, kCuda)(Tensor::uniform({20 << 20}, 1)); }),
      AllOf(HasSubstr("bytes of memory on stand-in GPU: out of memory"), HasSubstr("device_test.cpp")));
}

// ... of the options, when the function is made.
TEST(CudaDevice, UnknownNamesAreNotWaitedWith) {
  const auto f = [](Tensor x) { return sum(x + 1); };
  const auto of_trees = [](std::vector<Tensor> x, float y) { return x[0] + y; };
  for (const char* name : {"gpu", "cuda:", "cuda:x", "cuda:01", "cuda:+1", "cuda:-1", "cuda: 1", "cuda:1 ",
                           "cuda:99999999999", "CUDA", "", "cpu:0"}) {
    const auto says_so =
        AllOf(HasSubstr("unknown device '" + std::string(name) + "': use cpu, cuda or cuda:N"),
              HasSubstr("device_test.cpp"));
    EXPECT_THAT(error_of([&] { compile(f, {.device = name}); }), says_so);
    EXPECT_THAT(error_of([&] { compile(of_trees, {.device = name}); }), says_so);
    EXPECT_THAT(error_of([&] { grad(f, {.device = name}); }), AllOf(says_so, HasSubstr(": grad: ")));
    EXPECT_THAT(error_of([&] { value_and_grad(f, {.device = name}); }), says_so);
    EXPECT_THAT(error_of([&] { CompiledFunction::load("no such file", {.device = name}); }), says_so);
    EXPECT_THAT(error_of([&] { Model::load("no such file", {.device = name}); }),
                testing::StartsWith("unknown device '"));
  }
  EXPECT_EQ(error_of([&] { compile(f, {.device = "cuda:12"}); }), "no error"); // whether there is such a one
}

TEST(CudaDevice, ProgramsAreShownAfterAStage) {
  const Tensor x = Tensor::uniform({3}, 1);
  const auto f = compile([](Tensor x) { return x + 1; }, kCuda);
  EXPECT_EQ(f.inspect("cuda", x), f.core().inspect(std::array{x}, "cuda"));
  EXPECT_THAT(f.inspect("cuda", x), HasSubstr("__global__"));
  const auto of_list = compile([](std::vector<Tensor> x) { return x[0] + 1; });
  EXPECT_THAT(of_list.inspect("imported", {x}), HasSubstr("sinter.add"));
  const auto of_trees = compile([](std::vector<Tensor> x, float y) { return x[0] + y; });
  EXPECT_THAT(of_trees.inspect("imported", std::vector{x}, 2), HasSubstr("sinter.add"));
  EXPECT_THAT(error_of([&] { of_list.inspect("cuda", {x}); }),
              AllOf(HasSubstr("stage cuda is of programs for a GPU: give device cuda"),
                    HasSubstr("device_test.cpp")));
  EXPECT_THAT(
      error_of([&] { f.inspect("llvm", x); }),
      HasSubstr("stage llvm is of programs for the processor; for device cuda:0 there is stage cuda"));
}

TEST(CudaDevice, WhetherThereAreLibrariesIsOnOrOff) {
  const Tensor x = Tensor::uniform({3}, 1);
  for (const char* state : {"on", "off", ""}) {
    setenv("SINTER_CUDA_LIBRARIES", state, /*overwrite=*/1);
    EXPECT_EQ(compile([](Tensor x) { return x + 1; }, kCuda)(x).rank(), 1) << state;
  }
  setenv("SINTER_CUDA_LIBRARIES", "no", /*overwrite=*/1);
  EXPECT_THAT(error_of([&] { compile([](Tensor x) { return x + 1; }, kCuda)(x); }),
              HasSubstr("SINTER_CUDA_LIBRARIES is 'no': neither on nor off"));
  unsetenv("SINTER_CUDA_LIBRARIES");
}

// Calls of libraries are given copies of what does not begin at a multiple of 16 bytes: a factor that is a
// slice, and a product that is a part of a concatenation.
TEST(CudaDevice, LibrariesGetAlignedCopies) {
  const auto f = [](Tensor x, Tensor y, Tensor z) { return concat({z, matmul(x, y)}, 0); };
  const auto on_device = compile(f);
  const Tensor x = Tensor::uniform({9, 5}, 11), y = Tensor::uniform({5, 7}, 12),
               z = Tensor::uniform({1, 7}, 13);
  for (int64_t begin = 0; begin < 3; ++begin) {
    const Tensor rows = slice(x, 0, begin, begin + 6), there = slice(x.to(cuda), 0, begin, begin + 6);
    const Tensor result = on_device(there, y.to(cuda), z.to(cuda)).to(Device::cpu);
    EXPECT_LT(max(abs(result - f(rows, y, z))).item(), 1e-5) << "from row " << begin;
    EXPECT_EQ(on_device.executable(there, y.to(cuda), z.to(cuda))->kernels().front().algorithm, "cublasLt");
  }
}

// Copies, of which nothing is done before somebody waits: bytes that are read or written too late, or in the
// wrong order, are other bytes.
class CudaCopies : public testing::Test {
protected:
  using Bytes = std::vector<uint8_t>;
  static constexpr uint64_t kPiece = 1 << 20, kPieces = 16; // of the pinned memory they go by

  static Bytes random_bytes(std::size_t count, uint32_t seed) {
    Bytes bytes(count + 3);
    std::mt19937 next(seed);
    for (std::size_t i = 0; i < count; i += 4) {
      const uint32_t four = next();
      std::memcpy(&bytes[i], &four, std::min<std::size_t>(4, count + 3 - i));
    }
    bytes.resize(count);
    return bytes;
  }

  // What the host has is changed as soon as it may be.
  void upload(std::byte* to, Bytes from) {
    device_->upload(to, from.data(), from.size());
    std::ranges::fill(from, uint8_t{0xEE});
  }

  Bytes download(const std::byte* from, std::size_t count) {
    Bytes to(count + 1, 0xCC);
    device_->download(to.data(), from, count);
    EXPECT_EQ(to.back(), 0xCC);
    to.pop_back();
    return to;
  }

  // How much of all that streams were given the stand-in has done.
  static uint64_t done() {
    static void* driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
    return reinterpret_cast<uint64_t (*)()>(dlsym(driver, "stand_in_done"))();
  }

  std::shared_ptr<rt::cuda::CudaDevice> device_ = rt::cuda::CudaDevice::open();
};

TEST_F(CudaCopies, AreOfAnySize) {
  for (const uint64_t count :
       {uint64_t{1}, uint64_t{8}, uint64_t{9}, uint64_t{70'001}, kPiece - 1, kPiece, kPiece + 1, 3 * kPiece,
        5 * kPiece + 12'345, kPieces * kPiece, 2 * kPieces * kPiece + 7}) {
    const auto there = device_->allocate(count + 1);
    const Bytes bytes = random_bytes(count, static_cast<uint32_t>(count));
    upload(there->data() + 1, bytes);
    EXPECT_TRUE(download(there->data() + 1, count) == bytes) << count << " bytes";
  }
}

TEST_F(CudaCopies, AreManyInARow) {
  constexpr std::size_t kMost = 40 << 20;
  const Bytes bytes = random_bytes(kMost, 1);
  const auto there = device_->allocate(kMost);
  std::size_t at = 0;
  for (std::size_t i = 0; at < kMost; ++i) {
    const std::size_t count = std::min(1 + i * 7'919 % 150'000, kMost - at);
    upload(there->data() + at, Bytes(bytes.begin() + at, bytes.begin() + at + count));
    at += count;
  }
  EXPECT_TRUE(download(there->data(), kMost) == bytes);
}

TEST_F(CudaCopies, DoNotWaitForWhatWasGivenBefore) {
  const Bytes first = random_bytes(kPieces * kPiece, 2), second = random_bytes(kPieces * kPiece, 3);
  const auto a = device_->allocate(first.size()), b = device_->allocate(first.size());
  upload(a->data(), first);
  device_->synchronize();
  const uint64_t before = done();
  device_->copy(b->data(), a->data(), first.size());
  upload(a->data(), second);
  EXPECT_EQ(done(), before);
  // For room, only the copy before and the first piece are waited for.
  upload(a->data(), {1, 2, 3, 4, 5, 6, 7, 8, 9});
  EXPECT_LE(done(), before + 3);
  EXPECT_TRUE(download(b->data(), first.size()) == first);
  EXPECT_TRUE(download(a->data() + 9, second.size() - 9) == Bytes(second.begin() + 9, second.end()));
}

TEST_F(CudaCopies, ComeFromSeveralThreads) {
  constexpr std::size_t kThreads = 3, kMost = 8 << 20;
  std::vector<Bytes> bytes(kThreads);
  std::vector<std::shared_ptr<Storage>> there(kThreads);
  for (std::size_t i = 0; i < kThreads; ++i) {
    bytes[i] = random_bytes(kMost, static_cast<uint32_t>(i));
    there[i] = device_->allocate(kMost);
  }
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < kThreads; ++thread)
    threads.emplace_back([&, thread] {
      const Bytes& mine = bytes[thread];
      for (int round = 0; round < 10; ++round)
        for (std::size_t at = 0, count = 0; at < kMost; at += count) {
          count = std::min(9 + (at + thread) * 7'919 % 30'000, kMost - at);
          upload(there[thread]->data() + at, Bytes(mine.begin() + at, mine.begin() + at + count));
        }
      EXPECT_TRUE(download(there[thread]->data(), kMost) == mine) << "thread " << thread;
    });
  for (std::thread& thread : threads)
    thread.join();
}

TEST_F(CudaCopies, NeedNoPinnedMemory) {
  setenv("STAND_IN_GPUS", "3", /*overwrite=*/1);
  setenv("STAND_IN_PINNED", "off", /*overwrite=*/1);
  device_ = rt::cuda::CudaDevice::open(2);
  const Bytes bytes = random_bytes(3 * kPiece + 1, 4);
  const auto there = device_->allocate(bytes.size());
  upload(there->data(), bytes);
  EXPECT_TRUE(download(there->data(), bytes.size()) == bytes);
  unsetenv("STAND_IN_PINNED");
  unsetenv("STAND_IN_GPUS");
}

// What released memory the pool keeps is not in the way of code and graphs.
TEST(CudaDevice, PoolsMakeRoom) {
  const auto fill_pool = [] {
    const auto device = rt::cuda::CudaDevice::open();
    std::vector<std::shared_ptr<Storage>> all;
    for (uint64_t bytes = device->total_bytes(); bytes >= 1024; bytes /= 2)
      try {
        while (true)
          all.push_back(device->allocate(bytes));
      } catch (const Error&) {
      }
  };
  const auto f = [](Tensor x) { return softmax(matmul(softmax(matmul(x, x)) + 3, x)); };
  const auto on_device = compile(f, kCuda);
  const Tensor x = Tensor::uniform({17, 17}, 10), expected = f(x);
  testing::internal::CaptureStderr();
  for (int run = 0; run < 3; ++run) { // code is loaded for the first, a graph made for the second
    fill_pool();
    EXPECT_LT(max(abs(on_device(x) - expected)).item(), 1e-5) << "run " << run;
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

} // namespace
} // namespace sinter
