// Processes that are killed while they write to the cache, and many that share it. SINTER_CACHE_ROUNDS sets
// how often.
#include "sinter/runtime/disk_cache.h"
#include "support/model_builder.h"
#include "support/tool.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <random>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace sinter::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::microseconds;

int rounds(int otherwise) {
  const char* given = std::getenv("SINTER_CACHE_ROUNDS");
  return given != nullptr ? std::atoi(given) : otherwise;
}

rt::Digest key_of(int number) {
  return rt::sha256("key " + std::to_string(number));
}

constexpr int kKeys = 40;

/// Different for each key, and of several writes' size.
const std::string& blob_of(int number) {
  static const std::vector<std::string> blobs = [] {
    std::vector<std::string> made;
    std::minstd_rand random(1);
    for (std::size_t i = 0; i < kKeys; ++i) {
      made.emplace_back(1000 + i * 5003, '\0');
      for (char& byte : made.back())
        byte = static_cast<char>(random() >> 8);
    }
    return made;
  }();
  return blobs[static_cast<std::size_t>(number)];
}

/// In a process of its own; its exit status is what `body` returns.
pid_t start(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0)
    _exit(body());
  EXPECT_GT(child, 0);
  return child;
}

/// The exit status; 128 + signal if it was killed.
int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// Looks keys up at random and stores those it does not find. 1: something else was found.
int use_cache(const std::string& directory, uint64_t capacity, unsigned seed, int turns) {
  rt::DiskCache cache(directory, capacity);
  std::minstd_rand random(seed);
  std::vector<char> bytes;
  for (int i = 0; i < turns; ++i) {
    const int key = static_cast<int>(random() >> 4) % kKeys;
    const std::string& blob = blob_of(key);
    if (!cache.find(key_of(key), bytes))
      cache.store(key_of(key), blob);
    else if (std::string_view(bytes.data(), bytes.size()) != blob)
      return 1;
  }
  return 0;
}

void expect_whole(const rt::DiskCache& cache) {
  std::vector<char> bytes;
  for (const rt::DiskCache::Entry& entry : cache.entries())
    EXPECT_TRUE(cache.peek(entry.key, bytes)) << rt::to_hex(entry.key);
}

TEST(CacheStress, KilledWritersLeaveNothingHalf) {
  const TemporaryFolder folder;
  const std::string directory = folder.path("cache");
  const rt::DiskCache cache(directory, uint64_t{1} << 30);
  std::minstd_rand random(1);
  std::size_t unfinished = 0;
  blob_of(0); // made here, so that the writers do nothing but write
  for (int round = 0; round < 3 * rounds(40); ++round) {
    cache.clear();
    const pid_t child = start([&] {
      rt::DiskCache own(directory, uint64_t{1} << 30);
      for (int key = round;; ++key) // also over what is there
        own.store(key_of(key % kKeys), blob_of(key % kKeys));
      return 0;
    });
    std::this_thread::sleep_for(microseconds(random() % 8000));
    kill(child, SIGKILL);
    ASSERT_EQ(wait_for(child), 128 + SIGKILL);
    std::error_code none;
    for (const auto& file : fs::directory_iterator(directory, none))
      unfinished += file.path().filename().string().starts_with("unfinished-") ? 1 : 0;
    expect_whole(cache);
    std::vector<char> bytes;
    for (int key = 0; key < kKeys; ++key)
      if (cache.find(key_of(key), bytes))
        EXPECT_EQ(std::string(bytes.begin(), bytes.end()), blob_of(key));
  }
  EXPECT_GT(unfinished, 0U) << "none was killed while it wrote";
}

TEST(CacheStress, EightProcessesShareADirectoryThatIsTooSmall) {
  const TemporaryFolder folder;
  const std::string directory = folder.path("cache");
  constexpr uint64_t kCapacity = 2 << 20; // the keys have 4 MB
  for (int round = 0; round < rounds(10); ++round) {
    std::vector<pid_t> children;
    for (unsigned i = 0; i < 8; ++i)
      children.push_back(start(
          [&, i] { return use_cache(directory, kCapacity, static_cast<unsigned>(round) * 8 + i + 1, 60); }));
    for (const pid_t child : children)
      ASSERT_EQ(wait_for(child), 0) << "a process found what was not stored";
    expect_whole(rt::DiskCache(directory, kCapacity));
  }
}

class ToolStress : public ::testing::Test {
protected:
  ToolStress() {
    setenv("SINTER_CACHE", "on", 1);
    setenv("SINTER_CACHE_DIR", directory_.c_str(), 1);
    small_classifier().save(model_);
    folder_.write("x.npy", npy_zeros({2, 3, 8, 8}));
  }
  ~ToolStress() override {
    setenv("SINTER_CACHE", "off", 1);
    unsetenv("SINTER_CACHE_DIR");
  }

  std::vector<std::string> arguments(const std::string& output) const {
    return {"run",       model_, "--input",      folder_.path("x.npy"),
            "--threads", "1",    "--output-dir", folder_.path(output)};
  }

  /// What the tool computes, in a process of its own.
  std::string result(const std::string& output) const {
    const ToolResult run = run_program(SINTER_TOOL, arguments(output));
    EXPECT_EQ(run.status, 0) << run.err;
    return read_file(folder_.path(output + "/y.npy"));
  }

  pid_t start_tool() const {
    const std::vector<std::string> words = arguments("killed");
    std::vector<char*> argv{const_cast<char*>(SINTER_TOOL)};
    for (const std::string& word : words)
      argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    return start([&] {
      dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
      return execv(SINTER_TOOL, argv.data());
    });
  }

  TemporaryFolder folder_;
  std::string directory_ = folder_.path("cache");
  std::string model_ = folder_.path("model.onnx");
};

TEST_F(ToolStress, ToolsThatAreKilledSpoilNothing) {
  const rt::DiskCache cache(directory_, uint64_t{1} << 30);
  const auto begin = std::chrono::steady_clock::now();
  const std::string expected = result("expected");
  const auto whole =
      std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - begin).count();
  const std::size_t kernels = cache.entries().size();
  std::minstd_rand random(1);
  for (int round = 0; round < rounds(10); ++round) {
    if (round % 4 == 0)
      cache.clear();
    const pid_t child = start_tool();
    std::this_thread::sleep_for(microseconds(static_cast<int64_t>(random()) % whole));
    kill(child, SIGKILL);
    wait_for(child);
    expect_whole(cache);
  }
  EXPECT_EQ(result("after"), expected);
  EXPECT_EQ(cache.entries().size(), kernels) << "something is lost";
  expect_whole(cache);
}

TEST_F(ToolStress, EightToolsShareTheCache) {
  const rt::DiskCache cache(directory_, uint64_t{1} << 30);
  const std::string expected = result("expected");
  const std::size_t kernels = cache.entries().size();
  for (int round = 0; round < rounds(2); ++round) {
    if (round % 2 == 0)
      cache.clear();
    std::vector<std::thread> tools;
    for (int i = 0; i < 8; ++i)
      tools.emplace_back([&, i] { EXPECT_EQ(result("out" + std::to_string(i)), expected); });
    for (std::thread& tool : tools)
      tool.join();
    EXPECT_EQ(cache.entries().size(), kernels) << "something is lost, or two made different kernels of one";
    expect_whole(cache);
  }
}

} // namespace
} // namespace sinter::test
