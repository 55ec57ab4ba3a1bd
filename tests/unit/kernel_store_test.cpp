// Kernels on disk: their bytes, and when none are kept.
#include "codegen/kernel/kernel_store.h"

#include "codegen/kernel/build_identity.h"
#include "sinter/runtime/error.h"
#include "support/tool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>

namespace sinter::codegen {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

StoredKernel sample() {
  return {.symbol = "sinter_kernel",
          .algorithm = "direct conv 6x16",
          .target = "znver4, 512 bits",
          .tasks = 12,
          .grain = 3,
          .scratchBytes = 4096,
          .object = "\x7f"
                    "ELF and so on"};
}

TEST(KernelStore, PacksAllThereIsToAKernel) {
  const std::string bytes = pack(sample());
  const auto kernel = unpack(bytes);
  ASSERT_TRUE(kernel);
  EXPECT_EQ(kernel->symbol, sample().symbol);
  EXPECT_EQ(kernel->algorithm, sample().algorithm);
  EXPECT_EQ(kernel->target, sample().target);
  EXPECT_EQ(kernel->tasks, 12);
  EXPECT_EQ(kernel->grain, 3);
  EXPECT_EQ(kernel->scratchBytes, 4096U);
  EXPECT_EQ(kernel->object, sample().object);
  EXPECT_EQ((kernel->object.data() - bytes.data()) % 16, 0);
}

TEST(KernelStore, OtherBytesAreNoKernel) {
  std::string bytes = pack(sample());
  for (std::size_t length = 0; length < bytes.size(); ++length)
    EXPECT_FALSE(unpack(std::string_view(bytes).substr(0, length))) << length;
  EXPECT_FALSE(unpack(bytes + "x"));
  EXPECT_FALSE(unpack(std::string(200, '\0')));
  // The lengths of the texts and of the object, all bits set: sums must not wrap around.
  for (const auto& [at, size] : {std::pair{32, 4}, {36, 4}, {40, 4}, {48, 8}}) {
    std::string damaged = bytes;
    damaged.replace(static_cast<std::size_t>(at), static_cast<std::size_t>(size),
                    static_cast<std::size_t>(size), '\xff');
    EXPECT_FALSE(unpack(damaged)) << at;
  }
  bytes[15] = '\x80'; // the sign of `tasks`
  EXPECT_FALSE(unpack(bytes));
}

TEST(KernelStore, ThisBuildCanBeToldFromOthers) {
  EXPECT_THAT(buildIdentity(), MatchesRegex("LLVM 22[.0-9]*( [0-9a-f]+)+"));
}

TEST(KernelStore, WithoutABuildIdNothingIsKept) {
  rt::DiskCacheSettings settings;
  settings.directory = "/nonexistent";
  EXPECT_THAT(KernelStore(settings, "").off(), HasSubstr("has no build-id"));
  EXPECT_EQ(KernelStore(settings, "build 1").off(), "");
  settings.off = "SINTER_CACHE is off";
  EXPECT_EQ(KernelStore(settings, "").off(), "SINTER_CACHE is off");
}

TEST(KernelStore, ADirectoryOfOthersIsNotUsed) {
  const test::TemporaryFolder folder;
  rt::DiskCacheSettings settings;
  settings.directory = folder.path("");
  EXPECT_EQ(KernelStore(settings, "build 1").off(), "");
  ASSERT_EQ(chmod(settings.directory.c_str(), 0777), 0);
  EXPECT_THAT(KernelStore(settings, "build 1").off(), HasSubstr("can be written to by other users"));
}

TEST(KernelStore, WhatCannotBeLinkedIsRemoved) {
  const test::TemporaryFolder folder;
  rt::DiskCacheSettings settings;
  settings.directory = folder.path("cache");
  KernelStore store(settings, "build 1");
  const rt::Digest kernel = store.digestOf("a"), other = store.digestOf("b");
  ASSERT_TRUE(store.cache().store(kernel, pack(sample())));
  ASSERT_TRUE(store.cache().store(other, "no kernel"));
  std::string algorithm;
  const auto link = [&](const StoredKernel& stored) { algorithm = stored.algorithm; };
  EXPECT_FALSE(store.load(store.digestOf("c"), link));
  EXPECT_TRUE(store.load(kernel, link));
  EXPECT_EQ(algorithm, sample().algorithm);
  EXPECT_FALSE(store.load(kernel, [](const StoredKernel&) { throw Error("not here"); }));
  EXPECT_FALSE(store.load(kernel, link));
  EXPECT_FALSE(store.load(other, link));
  EXPECT_FALSE(store.cache().contains(kernel));
  EXPECT_FALSE(store.cache().contains(other));
}

TEST(KernelStore, BuildsDoNotShareKernels) {
  const rt::DiskCacheSettings settings;
  const KernelStore one(settings, "build 1");
  EXPECT_EQ(one.digestOf("text"), KernelStore(settings, "build 1").digestOf("text"));
  EXPECT_NE(one.digestOf("text"), one.digestOf("text "));
  EXPECT_NE(one.digestOf("text"), KernelStore(settings, "build 2").digestOf("text"));
}

} // namespace
} // namespace sinter::codegen
