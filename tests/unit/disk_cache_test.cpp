// The cache on disk: what it was given comes back whole or not at all.
#include "sinter/runtime/disk_cache.h"

#include "support/tool.h"
#include "unit/error_of.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace sinter::rt {
namespace {

namespace fs = std::filesystem;
using test::TemporaryFolder;
using ::testing::HasSubstr;

constexpr uint64_t kPlenty = uint64_t{1} << 30;

Digest key_of(int number) {
  return sha256("key " + std::to_string(number));
}

std::optional<std::string> found(const DiskCache& cache, const Digest& key) {
  std::vector<char> blob;
  return cache.find(key, blob) ? std::optional(std::string(blob.begin(), blob.end())) : std::nullopt;
}

class DiskCacheTest : public ::testing::Test {
protected:
  std::string directory() const { return folder_.path("a/cache"); }
  std::string file(const Digest& key) const { return directory() + "/" + to_hex(key); }

  void set_age(const std::string& path, int64_t seconds) const {
    const std::array<timespec, 2> times{timespec{.tv_sec = time(nullptr) - seconds, .tv_nsec = 0},
                                        timespec{.tv_sec = time(nullptr) - seconds, .tv_nsec = 0}};
    ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times.data(), 0), 0) << path;
  }

  void write(const std::string& path, const std::string& bytes) const {
    std::ofstream(path, std::ios::binary) << bytes;
    chmod(path.c_str(), 0600);
  }

private:
  TemporaryFolder folder_;
};

TEST_F(DiskCacheTest, KeepsWhatItIsGiven) {
  DiskCache cache(directory(), kPlenty);
  EXPECT_EQ(found(cache, key_of(1)), std::nullopt);
  EXPECT_FALSE(fs::exists(directory())) << "made by reading";
  EXPECT_TRUE(cache.store(key_of(1), "one"));
  EXPECT_TRUE(cache.store(key_of(2), ""));
  const std::string large(3 << 20, 'l');
  EXPECT_TRUE(cache.store(key_of(3), large));
  EXPECT_EQ(found(cache, key_of(1)), "one");
  EXPECT_EQ(found(cache, key_of(2)), "");
  EXPECT_EQ(found(cache, key_of(3)), large);
  EXPECT_EQ(found(cache, key_of(4)), std::nullopt);
  EXPECT_TRUE(cache.store(key_of(1), "another"));
  EXPECT_EQ(found(cache, key_of(1)), "another");
  cache.remove(key_of(1));
  EXPECT_EQ(found(cache, key_of(1)), std::nullopt);
  EXPECT_EQ(cache.entries().size(), 2U);
}

TEST_F(DiskCacheTest, MapsWhatItIsGiven) {
  DiskCache cache(directory(), kPlenty);
  EXPECT_EQ(cache.map(key_of(1)), nullptr);
  EXPECT_FALSE(cache.contains(key_of(1)));
  // Around the ends of pages, of which the header takes 64 bytes.
  for (const std::size_t bytes : {0, 1, 63, 64, 4031, 4032, 4033, 8128, 100000}) {
    std::string blob(bytes, 'b');
    for (std::size_t i = 0; i < bytes; ++i)
      blob[i] = static_cast<char>(i * 7);
    ASSERT_TRUE(cache.store(key_of(1), blob));
    EXPECT_TRUE(cache.contains(key_of(1)));
    const auto storage = cache.map(key_of(1));
    ASSERT_NE(storage, nullptr) << bytes;
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(storage->data()), storage->bytes()), blob);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(storage->data()) % 64, 0U);
    unsigned behind = 0;
    for (std::size_t i = 0; i < 64; ++i)
      behind += std::to_integer<unsigned>(static_cast<volatile std::byte*>(storage->data())[bytes + i]);
    EXPECT_EQ(behind, 0U) << bytes;
    cache.remove(key_of(1));
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(storage->data()), storage->bytes()), blob)
        << "removed";
  }
}

TEST_F(DiskCacheTest, MapsNothingThatIsDamaged) {
  DiskCache cache(directory(), kPlenty);
  ASSERT_TRUE(cache.store(key_of(1), std::string(5000, 'b')));
  const std::string whole = test::read_file(file(key_of(1)));
  for (std::size_t i = 0; i < whole.size(); i += i < 64 ? 1 : 997) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x40);
    write(file(key_of(1)), damaged);
    EXPECT_EQ(cache.map(key_of(1)), nullptr) << "byte " << i;
    EXPECT_FALSE(fs::exists(file(key_of(1)))) << "byte " << i;
  }
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{63}, std::size_t{64}, whole.size() - 1}) {
    write(file(key_of(1)), whole.substr(0, bytes));
    EXPECT_EQ(cache.map(key_of(1)), nullptr) << bytes;
  }
  write(file(key_of(1)), whole);
  EXPECT_NE(cache.map(key_of(1)), nullptr) << "the test spoils more than it means to";
}

TEST_F(DiskCacheTest, WhatCannotBeMappedStays) {
  DiskCache cache(directory(), kPlenty);
  EXPECT_TRUE(cache.can_map());
  ASSERT_TRUE(cache.store(key_of(1), std::string(64 << 20, 'b')));
  const pid_t child = fork();
  if (child == 0) { // the limit would stay
    uint64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlim_t bytes = pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) + (32 << 20);
    const rlimit little{.rlim_cur = bytes, .rlim_max = bytes};
    _exit(setrlimit(RLIMIT_AS, &little) == 0 && cache.map(key_of(1)) == nullptr ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_NE(cache.map(key_of(1)), nullptr);
}

TEST_F(DiskCacheTest, IsOnlyTheUsers) {
  const mode_t before = umask(0);
  DiskCache cache(directory(), kPlenty);
  EXPECT_TRUE(cache.store(key_of(1), "one"));
  umask(before);
  EXPECT_EQ(fs::status(directory()).permissions(), fs::perms::owner_all);
  EXPECT_EQ(fs::status(file(key_of(1))).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(DiskCacheTest, TwoCachesShareADirectory) {
  DiskCache one(directory(), kPlenty);
  DiskCache two(directory(), kPlenty);
  EXPECT_TRUE(one.store(key_of(1), "one"));
  EXPECT_EQ(found(two, key_of(1)), "one");
  EXPECT_TRUE(two.store(key_of(1), "two"));
  EXPECT_EQ(found(one, key_of(1)), "two");
  EXPECT_EQ(two.clear().files, 1U);
  EXPECT_EQ(found(one, key_of(1)), std::nullopt);
}

TEST_F(DiskCacheTest, FindsEveryChangedByteAndRemovesTheFile) {
  DiskCache cache(directory(), kPlenty);
  ASSERT_TRUE(cache.store(key_of(1), std::string(50, 'b') + std::string(51, 'c')));
  const std::string whole = test::read_file(file(key_of(1)));
  for (std::size_t i = 0; i < whole.size(); ++i)
    for (const int change : {0x01, 0x80, 0xff}) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(damaged[i] ^ change);
      write(file(key_of(1)), damaged);
      EXPECT_EQ(found(cache, key_of(1)), std::nullopt) << "byte " << i;
      EXPECT_FALSE(fs::exists(file(key_of(1)))) << "byte " << i;
    }
  write(file(key_of(1)), whole);
  EXPECT_NE(found(cache, key_of(1)), std::nullopt) << "the test spoils more than it means to";
}

TEST_F(DiskCacheTest, FindsEveryOtherLengthAndRemovesTheFile) {
  DiskCache cache(directory(), kPlenty);
  ASSERT_TRUE(cache.store(key_of(1), std::string(100, 'b')));
  const std::string whole = test::read_file(file(key_of(1)));
  for (std::size_t length = 0; length <= whole.size() + 9; ++length) {
    if (length == whole.size())
      continue;
    std::string damaged = whole;
    damaged.resize(length);
    write(file(key_of(1)), damaged);
    EXPECT_EQ(found(cache, key_of(1)), std::nullopt) << length << " bytes";
    EXPECT_FALSE(fs::exists(file(key_of(1)))) << length << " bytes";
  }
}

TEST_F(DiskCacheTest, AFileUnderAnothersNameIsNotTaken) {
  DiskCache cache(directory(), kPlenty);
  ASSERT_TRUE(cache.store(key_of(1), "one"));
  fs::copy_file(file(key_of(1)), file(key_of(2)));
  EXPECT_EQ(found(cache, key_of(2)), std::nullopt);
  EXPECT_EQ(found(cache, key_of(1)), "one");
}

TEST_F(DiskCacheTest, WhatIsNoFileOfTheUsersIsNotRead) {
  DiskCache cache(directory(), kPlenty);
  ASSERT_TRUE(cache.store(key_of(1), "one"));
  chmod(file(key_of(1)).c_str(), 0622);
  EXPECT_EQ(found(cache, key_of(1)), std::nullopt) << "others could have written it";
  ASSERT_EQ(mkfifo(file(key_of(2)).c_str(), 0600), 0);
  EXPECT_EQ(found(cache, key_of(2)), std::nullopt) << "a pipe";
  ASSERT_TRUE(cache.store(key_of(3), "three"));
  fs::rename(file(key_of(3)), directory() + "/elsewhere");
  fs::create_symlink(directory() + "/elsewhere", file(key_of(3)));
  EXPECT_EQ(found(cache, key_of(3)), std::nullopt) << "a link";
  EXPECT_TRUE(cache.store(key_of(3), "new"));
  EXPECT_EQ(found(cache, key_of(3)), "new");
}

TEST_F(DiskCacheTest, AnEmptyFileThatSaysItIsHugeCostsNothing) {
  DiskCache cache(directory(), 1 << 20);
  ASSERT_TRUE(cache.store(key_of(1), "one"));
  fs::resize_file(file(key_of(1)), uint64_t{1} << 40);
  EXPECT_EQ(found(cache, key_of(1)), std::nullopt);
  EXPECT_FALSE(fs::exists(file(key_of(1))));
}

TEST_F(DiskCacheTest, ADirectoryOthersCanWriteToIsRefused) {
  DiskCache cache(directory(), kPlenty);
  ASSERT_TRUE(cache.store(key_of(1), "one"));
  EXPECT_EQ(cache.refusal(), "");
  for (const mode_t mode : {0777, 0770, 0702}) {
    ASSERT_EQ(chmod(directory().c_str(), mode), 0);
    EXPECT_THAT(cache.refusal(), HasSubstr("can be written to by other users"));
    EXPECT_EQ(found(cache, key_of(1)), std::nullopt);
    EXPECT_FALSE(cache.store(key_of(2), "two"));
    EXPECT_TRUE(cache.entries().empty());
    EXPECT_EQ(cache.clear().files, 0U);
  }
  ASSERT_EQ(chmod(directory().c_str(), 0755), 0);
  EXPECT_EQ(found(cache, key_of(1)), "one");
}

TEST_F(DiskCacheTest, ADirectoryOfAnotherUserIsRefused) {
  if (geteuid() != 0)
    GTEST_SKIP() << "only root can give a directory away";
  DiskCache cache(directory(), kPlenty);
  ASSERT_TRUE(cache.store(key_of(1), "one"));
  ASSERT_EQ(chown(file(key_of(1)).c_str(), 12345, static_cast<gid_t>(-1)), 0);
  EXPECT_EQ(found(cache, key_of(1)), std::nullopt) << "a file of another user";
  ASSERT_EQ(chown(directory().c_str(), 12345, static_cast<gid_t>(-1)), 0);
  EXPECT_THAT(cache.refusal(), HasSubstr("belongs to another user (number 12345)"));
  EXPECT_FALSE(cache.store(key_of(1), "one"));
}

TEST_F(DiskCacheTest, WhatCannotBeWrittenIsNotKept) {
  DiskCache cache(directory(), kPlenty);
  ASSERT_TRUE(cache.store(key_of(1), "one"));
  const DiskCache beneath_a_file(file(key_of(1)) + "/cache", kPlenty);
  EXPECT_FALSE(DiskCache(file(key_of(1)) + "/cache", kPlenty).store(key_of(2), "two"));
  EXPECT_THAT(beneath_a_file.refusal(), HasSubstr("cannot be opened"));
  EXPECT_FALSE(DiskCache("/proc/sinter-cache", kPlenty).store(key_of(2), "two"));
  if (geteuid() != 0) {
    ASSERT_EQ(chmod(directory().c_str(), 0500), 0);
    EXPECT_FALSE(cache.store(key_of(2), "two"));
    EXPECT_EQ(found(cache, key_of(1)), "one") << "a directory that can only be read is read";
    ASSERT_EQ(chmod(directory().c_str(), 0700), 0);
  }
}

TEST_F(DiskCacheTest, AFullDiskLeavesNothingBehind) {
  DiskCache cache(directory(), kPlenty);
  ASSERT_TRUE(cache.store(key_of(1), "one"));
  struct rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN); // write() then fails behind the limit
  struct rlimit limited = before;
  limited.rlim_cur = 4096;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limited), 0);
  EXPECT_FALSE(cache.store(key_of(1), std::string(100000, 'x')));
  EXPECT_TRUE(cache.store(key_of(2), std::string(1000, 'x')));
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(found(cache, key_of(1)), "one") << "what was there stays";
  EXPECT_EQ(std::distance(fs::directory_iterator(directory()), fs::directory_iterator()), 2);
}

TEST_F(DiskCacheTest, TheLeastRecentlyUsedGoFirst) {
  constexpr uint64_t kCapacity = 160 << 10;
  DiskCache writer(directory(), kPlenty);
  for (int i = 0; i < 16; ++i) {
    ASSERT_TRUE(writer.store(key_of(i), std::string((10 << 10) - 64, 'x')));
    set_age(file(key_of(i)), 100000 - i);
  }
  DiskCache cache(directory(), kCapacity);
  EXPECT_EQ(cache.evict().files, 1U) << "room for a sixteenth";
  EXPECT_NE(found(cache, key_of(1)), std::nullopt); // used now
  std::vector<char> blob;
  EXPECT_TRUE(cache.peek(key_of(2), blob)); // looked at: no use
  EXPECT_EQ(cache.entries().front().key, key_of(1));
  EXPECT_EQ(cache.entries().back().key, key_of(2));
  ASSERT_TRUE(writer.store(key_of(100), std::string((20 << 10) - 64, 'x')));
  EXPECT_EQ(cache.evict().files, 2U);
  EXPECT_EQ(found(cache, key_of(2)), std::nullopt);
  EXPECT_EQ(found(cache, key_of(3)), std::nullopt);
  for (const int kept : {1, 4, 15, 100})
    EXPECT_NE(found(cache, key_of(kept)), std::nullopt) << kept;
}

// One write an hour is what the order of use may cost.
TEST_F(DiskCacheTest, UseIsNotedOnceAnHour) {
  DiskCache cache(directory(), kPlenty);
  ASSERT_TRUE(cache.store(key_of(1), "one"));
  const time_t now = time(nullptr);
  for (const auto& [age, noted] : {std::pair{1800, false}, {7200, true}, {-7200, true}}) {
    set_age(file(key_of(1)), age);
    EXPECT_EQ(found(cache, key_of(1)), "one");
    const time_t used = cache.entries().front().used.tv_sec;
    EXPECT_EQ(used >= now && used <= time(nullptr), noted) << age << " s old";
  }
}

TEST_F(DiskCacheTest, StaysWithinItsBounds) {
  constexpr uint64_t kCapacity = 256 << 10;
  DiskCache cache(directory(), kCapacity);
  uint64_t most = 0;
  for (int i = 0; i < 400; ++i) {
    ASSERT_TRUE(cache.store(key_of(i), std::string(3000, 'x')));
    uint64_t total = 0;
    for (const DiskCache::Entry& entry : cache.entries())
      total += entry.bytes;
    most = std::max(most, total);
    EXPECT_NE(found(cache, key_of(i)), std::nullopt) << "the newest went";
  }
  EXPECT_LE(most, kCapacity);
  EXPECT_GT(most, kCapacity * 3 / 4);
  EXPECT_FALSE(cache.store(key_of(1000), std::string(kCapacity / 4, 'x'))) << "one that drives out many";
}

TEST_F(DiskCacheTest, TheFirstWriteOfAProcessCleansUp) {
  DiskCache before(directory(), kPlenty);
  for (int i = 0; i < 8; ++i)
    ASSERT_TRUE(before.store(key_of(i), std::string(20000, 'x')));
  write(directory() + "/unfinished-killed", "part");
  set_age(directory() + "/unfinished-killed", 7200);
  write(directory() + "/unfinished-alive", "part");
  write(directory() + "/notes.txt", "the user's");
  DiskCache cache(directory(), 80000);
  EXPECT_TRUE(cache.store(key_of(100), "new"));
  EXPECT_FALSE(fs::exists(directory() + "/unfinished-killed"));
  EXPECT_TRUE(fs::exists(directory() + "/unfinished-alive"));
  EXPECT_TRUE(fs::exists(directory() + "/notes.txt"));
  uint64_t total = 0;
  for (const DiskCache::Entry& entry : cache.entries())
    total += entry.bytes;
  EXPECT_LE(total, 80000U);
  cache.clear();
  EXPECT_FALSE(fs::exists(directory() + "/unfinished-alive"));
  EXPECT_TRUE(fs::exists(directory() + "/notes.txt"));
}

TEST_F(DiskCacheTest, ADirectoryThatGoesAwayIsMadeAgain) {
  DiskCache cache(directory(), kPlenty);
  ASSERT_TRUE(cache.store(key_of(1), "one"));
  fs::remove_all(directory());
  EXPECT_EQ(found(cache, key_of(1)), std::nullopt);
  EXPECT_TRUE(cache.store(key_of(1), "one"));
  EXPECT_EQ(found(cache, key_of(1)), "one");
}

TEST_F(DiskCacheTest, ThreadsWriteReadAndRemoveAtOnce) {
  DiskCache cache(directory(), 64 << 10);
  const auto blob_of = [](int key) {
    return std::string(static_cast<std::size_t>(1000 + 10 * key), static_cast<char>('a' + key % 26));
  };
  std::atomic<int> hits = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) {
        const int key = (i * 7 + t) % 60;
        if (const auto blob = found(cache, key_of(key))) {
          EXPECT_EQ(*blob, blob_of(key));
          ++hits;
        } else {
          EXPECT_TRUE(cache.store(key_of(key), blob_of(key)));
        }
      }
    });
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_GT(hits, 0);
}

// Sets one variable while it lives.
class Variable {
public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name))
      old_ = old;
    value != nullptr ? setenv(name, value, 1) : unsetenv(name);
  }
  ~Variable() { old_ ? setenv(name_, old_->c_str(), 1) : unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

private:
  const char* name_;
  std::optional<std::string> old_;
};

TEST(DiskCacheSettings, TheEnvironmentSaysWhere) {
  const Variable state("SINTER_CACHE", nullptr);
  const Variable named("SINTER_CACHE_DIR", nullptr);
  const Variable bytes("SINTER_CACHE_BYTES", nullptr);
  const Variable home("HOME", "/home/somebody");
  const Variable base("XDG_CACHE_HOME", nullptr);
  EXPECT_EQ(DiskCacheSettings::from_environment().directory, "/home/somebody/.cache/sinter");
  EXPECT_EQ(DiskCacheSettings::from_environment().off, "");
  EXPECT_EQ(DiskCacheSettings::from_environment().capacity, uint64_t{1} << 30);
  {
    const Variable relative("XDG_CACHE_HOME", "cache");
    EXPECT_EQ(DiskCacheSettings::from_environment().directory, "/home/somebody/.cache/sinter");
    const Variable absolute("XDG_CACHE_HOME", "/var/cache");
    EXPECT_EQ(DiskCacheSettings::from_environment().directory, "/var/cache/sinter");
    const Variable own("SINTER_CACHE_DIR", "/tmp/x/../here");
    EXPECT_EQ(DiskCacheSettings::from_environment().directory, "/tmp/here");
    const Variable beside("SINTER_CACHE_DIR", "here");
    EXPECT_EQ(DiskCacheSettings::from_environment().directory, fs::current_path() / "here");
  }
  const Variable homeless("HOME", nullptr);
  EXPECT_THAT(DiskCacheSettings::from_environment().off,
              HasSubstr("none of SINTER_CACHE_DIR, XDG_CACHE_HOME and HOME"));
}

TEST(DiskCacheSettings, OffAndHowLarge) {
  const Variable directory("SINTER_CACHE_DIR", "/tmp/here");
  {
    const Variable off("SINTER_CACHE", "off");
    EXPECT_EQ(DiskCacheSettings::from_environment().off, "SINTER_CACHE is off");
    const Variable wrong("SINTER_CACHE", "no");
    EXPECT_EQ(test::error_of([] { DiskCacheSettings::from_environment(); }),
              "SINTER_CACHE is 'no': neither on nor off");
  }
  const Variable on("SINTER_CACHE", "on");
  for (const auto& [text, bytes] : {std::pair<const char*, uint64_t>{"0", 0},
                                    {"123", 123},
                                    {"2K", 2048},
                                    {"3M", 3 << 20},
                                    {"20G", uint64_t{20} << 30}}) {
    const Variable size("SINTER_CACHE_BYTES", text);
    EXPECT_EQ(DiskCacheSettings::from_environment().capacity, bytes) << text;
  }
  for (const char* text : {"-1", "K", "1 M", "1.5G", "1T", "99999999999G", "18446744073709551616"}) {
    const Variable size("SINTER_CACHE_BYTES", text);
    EXPECT_THAT(test::error_of([] { DiskCacheSettings::from_environment(); }), HasSubstr(text));
  }
}

} // namespace
} // namespace sinter::rt
