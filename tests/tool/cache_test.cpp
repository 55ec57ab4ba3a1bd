// Compiled code is kept: a second process compiles nothing, and whatever happened to what was kept, results
// are right.
#include "codegen/kernel/kernel_store.h"
#include "sinter/sinter.h"
#include "support/model_builder.h"
#include "support/tool.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace sinter::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class Cache : public ::testing::Test {
protected:
  Cache() {
    setenv("SINTER_CACHE", "on", 1);
    setenv("SINTER_CACHE_DIR", directory_.c_str(), 1);
    unsetenv("SINTER_CACHE_BYTES");
    small_classifier().save(model_);
    folder_.write("x.npy", npy_zeros({2, 3, 8, 8}));
  }
  ~Cache() override {
    setenv("SINTER_CACHE", "off", 1);
    unsetenv("SINTER_CACHE_DIR");
    unsetenv("SINTER_CACHE_BYTES");
  }

  struct Counts {
    int64_t distinct = 0;
    int64_t compiled = 0;
    int64_t loaded = 0;
  };

  /// Of the fused program, in a process of its own.
  Counts bench(const std::vector<std::string>& options = {}) const {
    std::vector<std::string> arguments{"bench",  model_, "--shape", "x=2x3x8x8",
                                       "--runs", "1",    "--json",  folder_.path("figures.json")};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const ToolResult result = run_program(SINTER_TOOL, arguments);
    EXPECT_EQ(result.status, 0) << result.err;
    const std::string json = read_file(folder_.path("figures.json"));
    const auto number = [&](const std::string& name) {
      std::smatch match;
      EXPECT_TRUE(std::regex_search(json, match, std::regex("\"" + name + "\": ([0-9]+)"))) << name;
      return match.empty() ? -1 : std::stoll(match[1]);
    };
    return {number("distinct_kernels"), number("kernels_compiled"), number("kernels_loaded")};
  }

  /// The file of results, of a process of its own.
  std::string run(const std::vector<std::string>& options = {}) const {
    std::vector<std::string> arguments{
        "run", model_, "--input", folder_.path("x.npy"), "--output-dir", folder_.path("out")};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const ToolResult result = run_program(SINTER_TOOL, arguments);
    EXPECT_EQ(result.status, 0) << result.err;
    return read_file(folder_.path("out/y.npy"));
  }

  ToolResult cache(const std::vector<std::string>& action = {}) const {
    std::vector<std::string> arguments{"cache"};
    arguments.insert(arguments.end(), action.begin(), action.end());
    return run_program(SINTER_TOOL, arguments);
  }

  TemporaryFolder folder_;
  std::string directory_ = folder_.path("cache");
  std::string model_ = folder_.path("model.onnx");
};

TEST_F(Cache, ASecondProcessCompilesNothing) {
  const Counts first = bench();
  EXPECT_GT(first.compiled, 1);
  EXPECT_EQ(first.compiled, first.distinct);
  EXPECT_EQ(first.loaded, 0);
  const Counts second = bench();
  EXPECT_EQ(second.compiled, 0);
  EXPECT_EQ(second.loaded, first.compiled);
  const Counts without = bench({"--no-cache"});
  EXPECT_EQ(without.compiled, first.compiled);
  EXPECT_EQ(without.loaded, 0);
}

TEST_F(Cache, EveryTargetHasItsOwnKernels) {
  bench();
  const Counts other = bench({"--cpu", "x86-64"});
  EXPECT_EQ(other.loaded, 0);
  EXPECT_EQ(other.compiled, other.distinct);
  EXPECT_EQ(bench({"--cpu", "x86-64"}).compiled, 0);
}

// In processes of their own, since settings are read once.
TEST_F(Cache, FunctionsUseItUnlessToldNotTo) {
  const auto compile_in_child = [](bool disk_cache) {
    const pid_t child = fork();
    if (child == 0) {
      const auto function = compile([](Tensor x) { return softmax(x * 2); }, {.disk_cache = disk_cache});
      const auto executable = function.executable(Tensor::ones({3, 5}));
      _exit(executable->kernels_compiled() == 1 ? 1 : executable->kernels_loaded() == 1 ? 2 : 3);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  };
  EXPECT_EQ(compile_in_child(false), 1);
  EXPECT_FALSE(fs::exists(directory_));
  EXPECT_EQ(compile_in_child(true), 1);
  EXPECT_EQ(compile_in_child(true), 2);
  EXPECT_EQ(compile_in_child(false), 1);
}

TEST_F(Cache, WhatIsNotWantedIsNotKept) {
  const std::string expected = run({"--no-cache"});
  EXPECT_FALSE(fs::exists(directory_));
  setenv("SINTER_CACHE", "off", 1);
  EXPECT_EQ(run(), expected);
  EXPECT_FALSE(fs::exists(directory_));
}

TEST_F(Cache, KernelsFromDiskComputeTheSame) {
  const std::string expected = run({"--no-cache"});
  EXPECT_EQ(run(), expected) << "compiled and kept";
  EXPECT_EQ(run(), expected) << "read";
}

TEST_F(Cache, DamagedFilesAreMadeAnew) {
  const std::string expected = run();
  std::size_t number = 0;
  for (const auto& file : fs::directory_iterator(directory_)) {
    std::string bytes = read_file(file.path());
    if (number % 2 == 0)
      bytes[bytes.size() * (number + 1) / 17 % bytes.size()] ^= 0x10;
    else
      bytes.resize(bytes.size() / 2);
    std::ofstream(file.path(), std::ios::binary) << bytes;
    ++number;
  }
  ASSERT_GT(number, 1U);
  const ToolResult listed = cache({"list"});
  EXPECT_EQ(run(), expected);
  const Counts after = bench();
  EXPECT_EQ(after.compiled, 0) << "they are there again";
}

// Whole files that are no kernels, or kernels of an object that cannot be linked.
TEST_F(Cache, WhatCannotBeLinkedIsCompiled) {
  const std::string expected = run();
  rt::DiskCache blobs(directory_, uint64_t{1} << 30);
  const auto spoil = [&](const std::string& bytes) {
    for (const rt::DiskCache::Entry& entry : blobs.entries())
      ASSERT_TRUE(blobs.store(entry.key, bytes));
  };
  spoil("no kernel");
  EXPECT_EQ(run(), expected);
  EXPECT_EQ(bench().compiled, 0);
  spoil(
      codegen::pack({.symbol = "sinter_kernel", .algorithm = "loops", .target = "", .object = "no object"}));
  EXPECT_EQ(run(), expected);
  EXPECT_EQ(bench().compiled, 0);
  // A good object that lacks the function.
  std::vector<char> bytes;
  ASSERT_TRUE(blobs.peek(blobs.entries().front().key, bytes));
  codegen::StoredKernel kernel = *codegen::unpack({bytes.data(), bytes.size()});
  kernel.symbol = "elsewhere";
  spoil(codegen::pack(kernel));
  EXPECT_EQ(run(), expected);
}

TEST_F(Cache, WhatTuningFindsOutIsKept) {
  const std::string expected = run();
  EXPECT_THAT(cache({"list"}).out, Not(HasSubstr("tuned")));
  const Counts tuned = bench({"--tune"});
  EXPECT_GT(tuned.compiled, 0) << "those that have not been measured";
  EXPECT_LT(tuned.compiled, tuned.distinct) << "kernels that are loops have one way only";
  EXPECT_THAT(cache({"list"}).out, HasSubstr(", tuned"));
  EXPECT_EQ(bench({"--tune"}).compiled, 0);
  EXPECT_EQ(bench().compiled, 0);
  folder_.write("expected.npy", expected);
  run({"--expect", folder_.path("expected.npy"), "--rtol", "1e-5", "--atol", "1e-6"});
}

class CachedWeights : public Cache {
protected:
  CachedWeights() {
    save_model(/*seed=*/3);
    folder_.write("x.npy", npy_zeros({1, 4, 8, 8}));
  }

  /// A folded batch-norm, a layout change and weights as they are: 288 and 512 KiB.
  void save_model(uint64_t seed) const {
    ModelBuilder builder;
    builder.input("x", {1, 4, 8, 8}).output("y", {1, 455});
    builder.weight("w", {288, 4, 8, 8}, seed).weight("scale", {288}).weight("bias", {288}, 2);
    builder.weight("mean", {288}, 4).weight("variance", {288}, 5);
    for (char& byte : *builder.last_weight().mutable_raw_data())
      byte = static_cast<char>(byte & 0x7f); // not negative: clears sign bits, among others
    builder.weight("v", {288, 455}, seed + 1).weight("offset", {1, 4, 8, 8}, 6);
    builder.node("Add", {"x", "offset"}, {"a"}).node("Conv", {"a", "w"}, {"c"});
    builder.node("BatchNormalization", {"c", "scale", "bias", "mean", "variance"}, {"b"});
    builder.node("Flatten", {"b"}, {"f"}).node("MatMul", {"f", "v"}, {"y"});
    builder.save(model_);
  }

  /// Of `run --stats`: how many MiB of weights came from the disk.
  double mapped() const {
    const ToolResult result = run_program(SINTER_TOOL, {"run", model_, "--input", folder_.path("x.npy"),
                                                        "--output-dir", folder_.path("out"), "--stats"});
    EXPECT_EQ(result.status, 0) << result.err;
    std::smatch match;
    EXPECT_TRUE(std::regex_search(result.out, match, std::regex("of which ([0-9.]+) weights"))) << result.out;
    return match.empty() ? -1 : std::stod(match[1]);
  }
};

TEST_F(CachedWeights, ComputeTheSame) {
  const std::string expected = run({"--no-cache"});
  EXPECT_EQ(run(), expected) << "made and kept";
  EXPECT_GT(mapped(), 0.7);
  EXPECT_EQ(run(), expected) << "mapped";
  EXPECT_EQ(run({"--threads", "1"}), expected);
  EXPECT_THAT(cache({"list"}).out, HasSubstr("weights\n"));
}

TEST_F(CachedWeights, AreThoseOfTheModel) {
  const std::string first = run();
  save_model(/*seed=*/7);
  const std::string expected = run({"--no-cache"});
  ASSERT_NE(first, expected);
  EXPECT_EQ(mapped(), 0) << "the same kernels, other weights";
  EXPECT_EQ(run(), expected);
  EXPECT_GT(mapped(), 0.7);
}

TEST_F(CachedWeights, DamagedOnesAreMadeAnew) {
  const std::string expected = run();
  for (const auto& file : fs::directory_iterator(directory_)) {
    if (file.file_size() < (128U << 10))
      continue; // a kernel
    std::string bytes = read_file(file.path());
    bytes[bytes.size() - 1000] ^= 0x10;
    std::ofstream(file.path(), std::ios::binary) << bytes;
  }
  EXPECT_EQ(run(), expected);
  EXPECT_GT(mapped(), 0.7);
  rt::DiskCache blobs(directory_, uint64_t{1} << 30);
  for (const rt::DiskCache::Entry& entry : blobs.entries())
    if (entry.bytes > (128U << 10))
      ASSERT_TRUE(blobs.store(entry.key, "other bytes"));
  EXPECT_EQ(run(), expected);
  EXPECT_GT(mapped(), 0.7);
}

// They would drive out themselves and everything else.
TEST_F(CachedWeights, AreNotKeptWhereThereIsLittleRoom) {
  const auto large_files = [&] {
    std::size_t number = 0;
    for (const auto& file : fs::directory_iterator(directory_))
      number += file.file_size() > (128U << 10);
    return number;
  };
  setenv("SINTER_CACHE_BYTES", "1M", 1);
  run();
  EXPECT_EQ(large_files(), 0U) << "each more than a quarter";
  ModelBuilder builder;
  builder.input("x", {1, 4, 8, 8}).output("y", {1, 256}).node("Flatten", {"x"}, {"y0"});
  for (int i = 0; i < 5; ++i) {
    const std::string w = "w" + std::to_string(i), y = "y" + std::to_string(i);
    builder.weight(w, {256, 256}, static_cast<uint64_t>(i));
    builder.node("MatMul", {y, w}, {i == 4 ? "y" : "y" + std::to_string(i + 1)});
  }
  builder.save(model_);
  setenv("SINTER_CACHE_BYTES", "2M", 1);
  run();
  EXPECT_EQ(large_files(), 0U) << "more than a half together";
  setenv("SINTER_CACHE_BYTES", "3M", 1);
  run();
  EXPECT_EQ(large_files(), 5U);
}

TEST_F(Cache, ADirectoryThatCannotBeUsedFailsNothing) {
  const std::string expected = run({"--no-cache"});
  setenv("SINTER_CACHE_DIR", (model_ + "/cache").c_str(), 1);
  EXPECT_EQ(run(), expected);
  EXPECT_THAT(cache().out, HasSubstr("off: " + model_ + "/cache cannot be opened: Not a directory"));
  EXPECT_THAT(cache({"size"}).err, HasSubstr("sinter: error: the cache is not used: " + model_));
}

TEST_F(Cache, ADirectoryOthersCanWriteToIsNotUsed) {
  const std::string expected = run();
  ASSERT_EQ(chmod(directory_.c_str(), 0777), 0);
  EXPECT_EQ(bench().loaded, 0);
  EXPECT_EQ(run(), expected);
  EXPECT_THAT(cache().out, HasSubstr("off: " + directory_ + " can be written to by other users"));
  for (const char* action : {"list", "size", "clear"}) {
    const ToolResult result = cache({action});
    EXPECT_EQ(result.status, 2);
    EXPECT_THAT(result.err, HasSubstr("can be written to by other users"));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }
}

TEST_F(Cache, StaysWithinTheSizeItIsGiven) {
  setenv("SINTER_CACHE_BYTES", "200K", 1);
  for (const char* shape : {"1", "2", "3", "4"})
    EXPECT_EQ(run_program(SINTER_TOOL,
                          {"bench", model_, "--shape", std::string("x=") + shape + "x3x8x8", "--runs", "1"})
                  .status,
              0);
  uint64_t bytes = 0;
  for (const auto& file : fs::directory_iterator(directory_))
    bytes += file.file_size();
  EXPECT_LE(bytes, 200U << 10);
  EXPECT_GT(bytes, 50U << 10);
}

TEST_F(Cache, TheToolTellsAndClears) {
  EXPECT_EQ(cache().out, directory_ + "\n0 files, 0 B of 1.0 GiB\n");
  const int64_t kept = bench().distinct;
  const ToolResult list = cache({"list"});
  EXPECT_EQ(list.status, 0);
  EXPECT_THAT(list.out, AllOf(HasSubstr(directory_), HasSubstr("loops"), HasSubstr(" bits "),
                              Not(HasSubstr("damaged"))));
  EXPECT_GT(std::count(list.out.begin(), list.out.end(), '\n'), kept) << "the unfused kernels are there, too";
  EXPECT_THAT(cache({"size"}).out, HasSubstr(" files, "));
  EXPECT_THAT(cache({"clear"}).out, HasSubstr(" removed"));
  EXPECT_TRUE(fs::is_empty(directory_));
  EXPECT_EQ(cache({"list"}).out, directory_ + "\n");
}

TEST_F(Cache, TheToolSaysWhyThereIsNone) {
  setenv("SINTER_CACHE", "off", 1);
  EXPECT_THAT(cache().out, HasSubstr("off: SINTER_CACHE is off\n"));
  EXPECT_EQ(cache().status, 0);
  setenv("SINTER_CACHE", "never", 1);
  EXPECT_EQ(cache().err, "sinter: error: SINTER_CACHE is 'never': neither on nor off\n");
  setenv("SINTER_CACHE", "on", 1);
  setenv("SINTER_CACHE_BYTES", "lots", 1);
  const ToolResult result = run_program(SINTER_TOOL, {"run", model_, "--input", folder_.path("x.npy")});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("SINTER_CACHE_BYTES is 'lots': not a number of bytes"));
  EXPECT_THAT(cache({"burn"}).err, HasSubstr("'burn' is none of list, size, clear"));
}

} // namespace
} // namespace sinter::test
