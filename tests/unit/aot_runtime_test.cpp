// The runtime of ahead-of-time models on tables made by hand, by many threads at once. Small enough to run
// under ThreadSanitizer.
#include "sinter/runtime/aot/entry.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace sinter::rt::aot {
namespace {

constexpr int64_t kLength = 4096;

// scratch: partial sums must not be shared between workers.
void multiply_add(void* const* buffers, int64_t begin, int64_t end, void* scratch) {
  const auto* x = static_cast<const float*>(buffers[0]);
  const auto* weights = static_cast<const float*>(buffers[1]);
  auto* y = static_cast<float*>(buffers[2]);
  auto* parts = static_cast<float*>(scratch);
  for (int64_t i = begin; i < end; ++i)
    parts[i - begin] = x[i] * weights[i];
  for (int64_t i = begin; i < end; ++i)
    y[i] = parts[i - begin] + 1;
}

void reverse(void* const* buffers, int64_t begin, int64_t end, void*) {
  const auto* x = static_cast<const float*>(buffers[0]);
  auto* y = static_cast<float*>(buffers[1]);
  for (int64_t i = begin; i < end; ++i)
    y[i] = x[kLength - 1 - i];
}

// y = reverse(x * w + 1) * w + 1, through the arena.
struct TinyModel {
  using Space = BufferRef::Space;
  static constexpr uint64_t kBytes = kLength * sizeof(float);

  alignas(64) std::array<float, kLength> weights{};
  std::array<ProgramKernel, 2> kernels{ProgramKernel{multiply_add, kLength, 64, kBytes},
                                       ProgramKernel{reverse, kLength, 64, 0}};
  std::array<ProgramStep, 3> steps{ProgramStep{nullptr, 0, 0}, ProgramStep{nullptr, 1, 3},
                                   ProgramStep{nullptr, 0, 5}};
  std::array<BufferRef, 8> buffers{BufferRef{Space::input, 0, 0},      BufferRef{Space::constant, 0, 0},
                                   BufferRef{Space::arena, 0, 0},      BufferRef{Space::arena, 0, 0},
                                   BufferRef{Space::arena, 0, kBytes}, BufferRef{Space::arena, 0, kBytes},
                                   BufferRef{Space::constant, 0, 0},   BufferRef{Space::output, 0, 0}};
  uint64_t bytes = kBytes;
  Program program{.kernels = kernels.data(),
                  .steps = steps.data(),
                  .buffers = buffers.data(),
                  .input_bytes = &bytes,
                  .output_bytes = &bytes,
                  .arena_bytes = 2 * kBytes,
                  .kernel_count = 2,
                  .step_count = 3,
                  .buffer_count = 8,
                  .input_count = 1,
                  .output_count = 1};
  const Program* programs = &program;
  int64_t extent = kLength;
  sinter_tensor input{"x", SINTER_F32, 1, &extent, kBytes};
  sinter_tensor output{"y", SINTER_F32, 1, &extent, kBytes};
  Variant variant{nullptr, &input, &output};
  Version version{.level = 0, .programs = &programs};
  Model model{.name = "tiny",
              .variants = &variant,
              .versions = &version,
              .weights = weights.data(),
              .weights_bytes = kBytes,
              .variant_count = 1,
              .version_count = 1,
              .input_count = 1,
              .output_count = 1};

  TinyModel() {
    for (int64_t i = 0; i < kLength; ++i)
      weights[static_cast<size_t>(i)] = static_cast<float>(i % 7) - 3;
  }
  TinyModel(const TinyModel&) = delete;
  TinyModel& operator=(const TinyModel&) = delete;

  std::vector<float> expected(const std::vector<float>& x) const {
    std::vector<float> y;
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t j = x.size() - 1 - i;
      y.push_back((x[j] * weights[j] + 1) * weights[i] + 1);
    }
    return y;
  }
};

std::vector<float> input_of(int seed) {
  std::vector<float> x;
  for (int64_t i = 0; i < kLength; ++i)
    x.push_back(static_cast<float>((i * (seed + 3)) % 101));
  return x;
}

// Until `deadline`, and once at least: contexts are made and ended as well. How many results were wrong.
int run_until(const TinyModel& tiny, int seed, std::chrono::steady_clock::time_point deadline) {
  const std::vector<float> x = input_of(seed), expected = tiny.expected(x);
  std::vector<float> y(x.size());
  int wrong = 0;
  do {
    const sinter_options options{
        .threads = 1 + seed % 3, .weights = nullptr, .workspace = nullptr, .workspace_bytes = 0};
    sinter_aot_context* context = nullptr;
    if (sinter_aot_create(&tiny.model, &options, &context) != SINTER_OK)
      return wrong + 1;
    const void* from = x.data();
    void* to = y.data();
    const size_t bytes = TinyModel::kBytes, short_by_one = bytes - 1;
    for (int run = 0; run < 20; ++run) {
      std::fill(y.begin(), y.end(), 0.0F);
      wrong += sinter_aot_run(context, &from, &bytes, &to, &bytes) != SINTER_OK || y != expected;
      wrong += sinter_aot_run(context, &from, &short_by_one, &to, &bytes) != SINTER_INVALID_ARGUMENT;
      wrong += std::strcmp(sinter_aot_error(), "input 'x' has 16383 bytes, expected 16384") != 0;
    }
    sinter_aot_destroy(context);
  } while (std::chrono::steady_clock::now() < deadline);
  return wrong;
}

// SINTER_AOT_SECONDS: for how long.
TEST(AotRuntime, ContextsOfEightThreadsDoNotMeet) {
  const char* seconds = std::getenv("SINTER_AOT_SECONDS");
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::seconds(seconds ? std::atoi(seconds) : 0);
  const TinyModel tiny;
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] { wrong += run_until(tiny, i, deadline); });
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(AotRuntime, ProcessorsThatLackWhatCodeNeedsAreRefused) {
  TinyModel tiny;
  tiny.version.level = 9;
  sinter_aot_context* context = nullptr;
  EXPECT_EQ(sinter_aot_create(&tiny.model, nullptr, &context), SINTER_UNSUPPORTED_PROCESSOR);
  EXPECT_EQ(context, nullptr);
  EXPECT_EQ(std::string(sinter_aot_error()).find("tiny was compiled for x86-64-v9 and above"), 0U);
  EXPECT_EQ(sinter_aot_workspace_bytes(&tiny.model, 1), 0U);
}

TEST(AotRuntime, TheFirstVersionThatRunsIsTaken) {
  TinyModel tiny;
  Program wrong = tiny.program;
  wrong.step_count = 0;
  const Program* wrong_programs = &wrong;
  const std::array<Version, 3> versions{Version{.level = 9, .programs = &wrong_programs},
                                        Version{.level = 0, .programs = &tiny.programs},
                                        Version{.level = 0, .programs = &wrong_programs}};
  tiny.model.versions = versions.data();
  tiny.model.version_count = 3;
  EXPECT_EQ(run_until(tiny, 1, {}), 0);
}

} // namespace
} // namespace sinter::rt::aot
