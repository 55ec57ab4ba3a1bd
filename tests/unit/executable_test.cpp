// Executable: steps in order, checks of inputs and outputs, and no allocation once warm.
#include "sinter/runtime/executable.h"

#include "sinter/runtime/error.h"
#include "sinter/runtime/thread_pool.h"
#include "unit/allocation_counter.h"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <thread>

namespace sinter::rt {
namespace {

using Space = BufferRef::Space;

// buffers: a, b, result; one task is 16 elements.
void add_kernel(void* const* buffers, int64_t begin, int64_t end, void*) {
  const auto* a = static_cast<const float*>(buffers[0]);
  const auto* b = static_cast<const float*>(buffers[1]);
  auto* out = static_cast<float*>(buffers[2]);
  for (int64_t i = begin * 16; i < end * 16; ++i)
    out[i] = a[i] + b[i];
}

// buffers: in, out; goes through its scratch memory.
void double_kernel(void* const* buffers, int64_t begin, int64_t end, void* scratch) {
  const auto* in = static_cast<const float*>(buffers[0]);
  auto* out = static_cast<float*>(buffers[1]);
  auto* temporary = static_cast<float*>(scratch);
  for (int64_t task = begin; task < end; ++task) {
    for (int64_t i = 0; i < 16; ++i)
      temporary[i] = 2 * in[task * 16 + i];
    std::memcpy(out + task * 16, temporary, 16 * sizeof(float));
  }
}

constexpr int64_t kElements = 1024;

Kernel kernel(const char* name, KernelFn function, uint64_t scratch) {
  Kernel kernel;
  kernel.name = name;
  kernel.function = function;
  kernel.tasks = kElements / 16;
  kernel.scratch_bytes = scratch;
  return kernel;
}

Step step(uint32_t kernel, std::vector<BufferRef> buffers) {
  Step step;
  step.kernel = kernel;
  step.buffers = std::move(buffers);
  step.label = "step";
  return step;
}

// y = 2 * (x + c) with c = 0.5
Executable::Parts parts() {
  Executable::Parts parts;
  parts.inputs = {{"x", DType::f32, {kElements}}};
  parts.outputs = {{"y", DType::f32, {kElements}}};
  auto constant = Storage::allocate(kElements * sizeof(float));
  std::fill_n(reinterpret_cast<float*>(constant->data()), kElements, 0.5F);
  parts.constants = {constant};
  parts.kernels = {kernel("add", add_kernel, 0), kernel("double", double_kernel, 100)};
  parts.memory.arena_bytes = kElements * sizeof(float) + 64;
  parts.steps = {step(0, {{Space::input, 0, 0}, {Space::constant, 0, 0}, {Space::arena, 0, 64}}),
                 step(1, {{Space::arena, 0, 64}, {Space::output, 0, 0}})};
  return parts;
}

struct Buffers {
  std::vector<float> x = std::vector<float>(kElements), y = std::vector<float>(kElements);
  Buffers() { std::iota(x.begin(), x.end(), 0.0F); }
  View in() { return View::dense(x.data(), DType::f32, {kElements}); }
  View out() { return View::dense(y.data(), DType::f32, {kElements}); }
  void check() const {
    for (std::size_t i = 0; i < y.size(); ++i)
      ASSERT_EQ(y[i], 2 * (x[i] + 0.5F));
  }
};

std::string error_of(const Executable& program, std::vector<View> inputs, std::vector<View> outputs) {
  ThreadPool pool(1);
  try {
    program.run(inputs, outputs, pool);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Executable, RunsStepsInOrderOnPoolsOfAnySize) {
  const Executable program(parts());
  for (int threads : {1, 3, 2}) {
    ThreadPool pool(threads);
    Buffers buffers;
    const View in = buffers.in(), out = buffers.out();
    program.run({&in, 1}, {&out, 1}, pool);
    buffers.check();
  }
}

TEST(Executable, AllocatesNothingOnceWarm) {
  const Executable program(parts());
  ThreadPool pool(2);
  Buffers buffers, others;
  View in = buffers.in(), out = buffers.out();
  program.run({&in, 1}, {&out, 1}, pool);
  in = others.in(), out = others.out();
  const uint64_t blocks = Storage::allocation_count(), news = test::allocations();
  for (int i = 0; i < 100; ++i)
    program.run({&in, 1}, {&out, 1}, pool);
  EXPECT_EQ(test::allocations(), news);
  EXPECT_EQ(Storage::allocation_count(), blocks);
  others.check();
}

// y = the above, `rounds` times over.
Executable::Parts rounds(int64_t rounds) {
  Executable::Parts outer;
  outer.inputs = {{"x", DType::f32, {kElements}}};
  outer.outputs = {{"y", DType::f32, {kElements}}};
  auto control = std::make_shared<Control>();
  control->kind = Control::Kind::scan;
  control->bodies = {std::make_shared<Executable>(parts())};
  control->carries = 1;
  control->rounds = rounds;
  outer.steps = {step(0, {{Space::input, 0, 0}, {Space::output, 0, 0}})};
  outer.steps[0].control = std::move(control);
  return outer;
}

TEST(Executable, RunsProgramsAsSteps) {
  for (int64_t n : {0, 1, 2, 5}) {
    const Executable program(rounds(n));
    for (int threads : {1, 3}) {
      ThreadPool pool(threads);
      Buffers buffers;
      const View in = buffers.in(), out = buffers.out();
      program.run({&in, 1}, {&out, 1}, pool);
      const uint64_t blocks = Storage::allocation_count(), news = test::allocations();
      program.run({&in, 1}, {&out, 1}, pool);
      EXPECT_EQ(test::allocations(), news);
      EXPECT_EQ(Storage::allocation_count(), blocks);
      for (std::size_t i = 0; i < kElements; ++i) {
        float wanted = buffers.x[i];
        for (int64_t round = 0; round < n; ++round)
          wanted = 2 * (wanted + 0.5F);
        ASSERT_EQ(buffers.y[i], wanted);
      }
    }
  }
}

TEST(Executable, RunsFromSeveralThreadsAtOnce) {
  const Executable program(parts());
  ThreadPool pool(2);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      Buffers buffers;
      const View in = buffers.in(), out = buffers.out();
      for (int i = 0; i < 20; ++i) {
        program.run({&in, 1}, {&out, 1}, pool);
        buffers.check();
      }
    });
  for (auto& thread : threads)
    thread.join();
}

TEST(Executable, ProfilesEveryStep) {
  const Executable program(parts());
  ThreadPool pool(1);
  Profiler profiler(program.steps().size());
  Buffers buffers;
  const View in = buffers.in(), out = buffers.out();
  for (int i = 0; i < 3; ++i)
    program.run({&in, 1}, {&out, 1}, pool, &profiler);
  for (const auto& sample : profiler.samples()) {
    EXPECT_EQ(sample.runs, 3);
    EXPECT_GT(sample.min_ms, 0);
    EXPECT_GE(sample.total_ms, 3 * sample.min_ms);
  }
  Profiler wrong(5);
  EXPECT_THROW(program.run({&in, 1}, {&out, 1}, pool, &wrong), Error);
}

TEST(Executable, NamesTheInputThatIsWrong) {
  const Executable program(parts());
  Buffers buffers;
  const View in = buffers.in(), out = buffers.out();
  View shape = View::dense(buffers.x.data(), DType::f32, {8, 128});
  View type = View::dense(buffers.x.data(), DType::i32, {kElements});
  View strided = in;
  strided.strides = {2};
  View null = in;
  null.data = nullptr;
  EXPECT_EQ(error_of(program, {shape}, {out}), "input 'x': expected f32[1024], got f32[8, 128]");
  EXPECT_EQ(error_of(program, {type}, {out}), "input 'x': expected f32[1024], got i32[1024]");
  EXPECT_EQ(error_of(program, {strided}, {out}),
            "input 'x': must be dense in row-major order, got strides [2] for shape [1024]");
  EXPECT_EQ(error_of(program, {null}, {out}), "input 'x': has no data");
  EXPECT_EQ(error_of(program, {}, {out}), "the program has 1 inputs, got 0");
  EXPECT_EQ(error_of(program, {in}, {shape}), "output 'y': expected f32[1024], got f32[8, 128]");
  EXPECT_EQ(error_of(program, {in}, {in}), "output 'y' shares memory with input 'x'");
}

TEST(Executable, RefusesMalformedPrograms) {
  auto missing_kernel = parts();
  missing_kernel.steps[0].kernel = 7;
  EXPECT_THROW(Executable{std::move(missing_kernel)}, Error);
  auto missing_constant = parts();
  missing_constant.steps[0].buffers[1].index = 1;
  EXPECT_THROW(Executable{std::move(missing_constant)}, Error);
  auto outside = parts();
  outside.steps[0].buffers[2].byte_offset = 1 << 20;
  EXPECT_THROW(Executable{std::move(outside)}, Error);
  auto missing_body = rounds(1);
  missing_body.steps[0].control = std::make_shared<Control>();
  EXPECT_THROW(Executable{std::move(missing_body)}, Error);
  auto missing_result = rounds(1);
  missing_result.steps[0].buffers.pop_back();
  EXPECT_THROW(Executable{std::move(missing_result)}, Error);
  auto no_code = parts();
  no_code.kernels[0].function = nullptr;
  EXPECT_THROW(Executable{std::move(no_code)}, Error);
}

} // namespace
} // namespace sinter::rt
