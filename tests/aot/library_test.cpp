// Libraries in this process: what they compute, what they refuse, what they are made of.
#include "library_fixture.h"

#include "sinter/compile.h"
#include "sinter/control.h"
#include "sinter/error.h"
#include "sinter/ops.h"

#include <gmock/gmock.h>

#include <atomic>
#include <bit>
#include <cmath>
#include <filesystem>
#include <limits>
#include <thread>

namespace sinter::test {
namespace {

using testing::HasSubstr;

template <class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST_F(Libraries, ComputeWhatTheModelComputes) {
  Model model = small();
  const aot::LibraryReport report = model.compile_library(folder.path("libsmall.so"), {input().shape()});
  EXPECT_EQ(report.header, folder.path("small.h"));
  EXPECT_GT(report.weights_bytes, 0U);
  const aot::Model library = aot::Model::load(report.library, 1);
  EXPECT_EQ(library.name(), "small");
  ASSERT_EQ(library.inputs().size(), 1U);
  EXPECT_EQ(library.inputs()[0].name, "x");
  EXPECT_EQ(library.inputs()[0].shape, input().shape());
  EXPECT_EQ(library.outputs()[0].name, "y");
  for (const uint64_t seed : {1, 2, 3})
    EXPECT_EQ(bytes_of(library.run({input(2, seed)})[0]), bytes_of(model.run({input(2, seed)})[0]));
}

TEST_F(Libraries, AreTheSameEveryTime) {
  Model model = small();
  for (const bool multiversion : {false, true}) {
    const aot::LibraryOptions options{.name = "small", .multiversion = multiversion};
    const auto first = model.compile_library(folder.path("a.so"), {input().shape()}, options);
    const std::string header = read_file(first.header), bytes = read_file(first.library);
    // The file's name is in the library, so it is the same one.
    const auto second = model.compile_library(folder.path("a.so"), {input().shape()}, options);
    EXPECT_TRUE(bytes == read_file(second.library)) << "multiversion " << multiversion;
    EXPECT_EQ(header, read_file(second.header));
  }
}

TEST_F(Libraries, TakeTheBestOfSeveralVersions) {
  Model model = small();
  const auto report =
      model.compile_library(folder.path("libsmall.so"), {input().shape()}, {.multiversion = true});
  EXPECT_EQ(report.programs, 3U);
  const Tensor expected = model.interpret({input()})[0];
  const Tensor actual = aot::Model::load(report.library).run({input()})[0];
  EXPECT_LT(max(abs(actual - expected)).item(), 1e-5);
}

TEST_F(Libraries, RunTheExtentsTheyWereCompiledFor) {
  Model model = small();
  const auto report = model.compile_library(folder.path("libsmall.so"), {input().shape()},
                                            {.dynamic = {{.name = "n", .values = {4, 1, 2}}}});
  EXPECT_EQ(report.programs, 3U);
  const aot::Model library = aot::Model::load(report.library, 2);
  EXPECT_EQ(library.inputs()[0].shape[0], 4);
  for (const int64_t batch : {1, 2, 4, 1})
    EXPECT_EQ(bytes_of(library.run({input(batch)})[0]), bytes_of(model.run({input(batch)})[0])) << batch;
  EXPECT_THAT(message_of([&] { library.run({input(3)}); }),
              HasSubstr("was not compiled for inputs of f32[3, 3, 8, 8]"));
}

TEST_F(Libraries, MapSeparateWeights) {
  Model model = small();
  const auto report =
      model.compile_library(folder.path("libsmall.so"), {input().shape()}, {.separate_weights = true});
  EXPECT_EQ(report.weights, folder.path("small.weights"));
  const std::string good = read_file(report.weights);
  const std::string expected = bytes_of(model.run({input()})[0]);
  EXPECT_EQ(bytes_of(aot::Model::load(report.library).run({input()})[0]), expected);

  const std::string elsewhere = folder.write("elsewhere", good);
  std::filesystem::remove(report.weights);
  EXPECT_THAT(message_of([&] { aot::Model::load(report.library); }), HasSubstr("cannot open the weights"));
  EXPECT_EQ(bytes_of(aot::Model::load(report.library, 0, elsewhere).run({input()})[0]), expected);

  folder.write("small.weights", good.substr(0, good.size() - 1));
  EXPECT_THAT(message_of([&] { aot::Model::load(report.library); }),
              HasSubstr("bytes, the weights of small"));
  std::string other = good;
  other[20] ^= 1; // in the digest
  folder.write("small.weights", other);
  EXPECT_THAT(message_of([&] { aot::Model::load(report.library); }),
              HasSubstr("does not hold the weights of this small"));
  folder.write("small.weights", std::string(good.size(), 'x'));
  EXPECT_THAT(message_of([&] { aot::Model::load(report.library); }), HasSubstr("does not hold the weights"));
}

TEST_F(Libraries, HoldBranchesAndLoops) {
  auto f = compile([](Tensor x, Tensor n) {
    const Tensor halved =
        while_loop(x, [](Tensor v) { return max(abs(v)) > 1.0; }, [](Tensor v) { return v * 0.5; });
    const auto [last, all] =
        scan([](Tensor carry, Tensor row) { return std::pair(carry * 0.5 + row, tanh(carry + row)); },
             Tensor::zeros({4}), halved);
    const Tensor rows = concat({reshape(last, {1, 4}), all}, 0);
    return cond(sum(n) > 0.0, [&] { return rows + 1.0; }, [&] { return rows * 2.0; });
  });
  const Tensor x = Tensor::uniform({5, 4}, 3, -9.0, 9.0);
  for (const double sign : {1.0, -1.0}) {
    const Tensor n = Tensor::full({2}, sign);
    const std::vector<Tensor> inputs{x, n};
    f.core().compile_library(folder.path("libloops.so"), inputs);
    const aot::Model library = aot::Model::load(folder.path("libloops.so"), 2);
    EXPECT_EQ(library.inputs()[1].name, "arg1");
    EXPECT_EQ(bytes_of(library.run(inputs)[0]), bytes_of(f(x, n)));
  }
}

TEST_F(Libraries, OfFunctionsTakeNumbersOfAllTypes) {
  auto f = compile([](std::vector<Tensor> x) {
    return std::vector<Tensor>{x[0] + 1.0, where(x[1], x[2], x[2] + x[2]), cast(x[2], DType::f64)};
  });
  const std::vector<Tensor> inputs{Tensor::uniform({3}, 1), Tensor::of({1, 0}, {2}) > 0.5,
                                   Tensor::of(std::vector<int64_t>{3, 4}, {2})};
  f.core().compile_library(folder.path("libtypes.so"), inputs);
  const aot::Model library = aot::Model::load(folder.path("libtypes.so"), 1);
  const std::vector<Tensor> expected = f(inputs), actual = library.run(inputs);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(actual[i].dtype(), expected[i].dtype());
    EXPECT_EQ(bytes_of(actual[i]), bytes_of(expected[i]));
  }
  EXPECT_THAT(message_of([&] { library.run({inputs[0], inputs[1]}); }), HasSubstr("takes 3 inputs, got 2"));
  EXPECT_THAT(message_of([&] { library.run({inputs[0], inputs[2], inputs[2]}); }),
              HasSubstr("input 'arg1' must be bool[2], got i64[2]"));
}

// The nearest number whose last 16 bits are zero, of two equally near the one with an even last bit.
float nearest_brain(double x) {
  const uint32_t cut = std::bit_cast<uint32_t>(static_cast<float>(x)) & 0xffff0000U;
  float best = std::bit_cast<float>(cut);
  double least = std::numeric_limits<double>::infinity();
  for (const uint32_t bits : {cut - 0x10000U, cut, cut + 0x10000U}) {
    // Past the largest number, "infinity" is as far away as the next number would be.
    const auto value = static_cast<double>(std::bit_cast<float>(bits));
    const double distance = std::abs((std::isinf(value) ? std::copysign(0x1p128, x) : value) - x);
    if (distance < least || (distance == least && (bits >> 16) % 2 == 0)) {
      least = distance;
      best = std::bit_cast<float>(bits);
    }
  }
  return best;
}

// Processors of these levels lack some or all of the conversions.
TEST_F(Libraries, ConvertToHalvesOnEveryProcessor) {
  std::vector<float> numbers;
  for (uint32_t bits = 1 << 23; bits < 0xff7f0000U; bits += 100003U) // all exponents; ties among them
    numbers.push_back(std::bit_cast<float>(bits & (bits % 3 == 0 ? 0xfffff000U : ~0U)));
  std::erase_if(numbers, [](float x) { return !std::isnormal(x); });
  std::vector<double> doubles;
  for (const float x : numbers)
    doubles.push_back(x * (1 + 0x1p-40)); // a tie no more, which a detour by f32 would not see
  const auto extent = static_cast<int64_t>(numbers.size());
  const std::vector<Tensor> inputs{Tensor::of(numbers, {extent}), Tensor::of(doubles, {extent})};
  for (const DType type : {DType::f16, DType::bf16}) {
    auto f = compile([type](std::vector<Tensor> x) {
      return std::vector<Tensor>{cast(cast(x[0], type), DType::f32), cast(cast(x[1], type), DType::f32)};
    });
    const auto rounded = [&](double x) {
      return type == DType::f16 ? static_cast<float>(static_cast<_Float16>(x)) : nearest_brain(x);
    };
    for (const char* target : {"x86-64", "x86-64-v2", "x86-64-v3"}) {
      f.core().compile_library(folder.path("libhalves.so"), inputs, {.target = target});
      const std::vector<Tensor> actual = aot::Model::load(folder.path("libhalves.so"), 1).run(inputs);
      int wrong = 0;
      for (std::size_t i = 0; i < numbers.size(); ++i) {
        wrong += actual[0].view().as<float>()[i] != rounded(numbers[i]);
        wrong += actual[1].view().as<float>()[i] != rounded(doubles[i]);
      }
      EXPECT_EQ(wrong, 0) << target << " " << name_of(type);
    }
  }
}

TEST_F(Libraries, RunInManyThreads) {
  Model model = small();
  const auto report = model.compile_library(folder.path("libsmall.so"), {input().shape()});
  const aot::Model library = aot::Model::load(report.library, 2);
  const std::string expected = bytes_of(model.run({input()})[0]);
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      for (int run = 0; run < 50; ++run)
        if (bytes_of(library.run({input()})[0]) != expected)
          ++wrong;
    });
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(Libraries, AreRefusedWhereTheyCannotBeMade) {
  Model model = small();
  const auto refused = [&](const std::string& path, const aot::LibraryOptions& options) {
    return message_of([&] { model.compile_library(path, {input().shape()}, options); });
  };
  EXPECT_THAT(refused(folder.path("small.dll"), {}), HasSubstr("its name must end in .so"));
  EXPECT_THAT(refused(folder.path("2nd.so"), {}), HasSubstr("cannot begin the names of C functions"));
  EXPECT_THAT(refused(folder.path("sinter_x.so"), {}), HasSubstr("Sinter's own"));
  EXPECT_THAT(refused(folder.path("a.so"), {.target = "pentium"}), HasSubstr("unknown target \"pentium\""));
  EXPECT_THAT(refused(folder.path("a.so"), {.target = "aarch64", .multiversion = true}),
              HasSubstr("no target of its own"));
  EXPECT_THAT(refused(folder.path("none/a.so"), {}), HasSubstr("cannot write"));
  EXPECT_THAT(refused(folder.path("a.so"), {.dynamic = {{.name = "k", .values = {1}}}}),
              HasSubstr("no input has it"));
  EXPECT_THAT(refused(folder.path("a.so"), {.dynamic = {{.name = "n"}}}), HasSubstr("no value"));
  EXPECT_THAT(refused(folder.path("a.so"), {.dynamic = {{.name = "n", .values = {1, 1}}}}),
              HasSubstr("given twice"));
  EXPECT_THAT(
      refused(folder.path("a.so"), {.dynamic = {{.name = "n", .values = {1}},
                                                {.name = "m", .input = "x", .axis = 0, .values = {2}}}}),
      HasSubstr("dynamic dimension 'm' is given twice"));
  // A failure leaves nothing behind.
  EXPECT_FALSE(std::filesystem::exists(folder.path("a.so")));
  EXPECT_FALSE(std::filesystem::exists(folder.path("a.h")));
}

TEST_F(Libraries, AreRefusedWhereTheyAreNone) {
  EXPECT_THAT(message_of([&] { aot::Model::load(folder.path("none.so")); }), HasSubstr("cannot load"));
  EXPECT_THAT(message_of([&] { aot::Model::load(folder.write("text.so", "no library")); }),
              HasSubstr("cannot load"));
  EXPECT_THAT(message_of([&] { aot::Model::load("/lib/x86_64-linux-gnu/libm.so.6"); }),
              HasSubstr("is no model"));
}

} // namespace
} // namespace sinter::test
