// SHA-256 and XXH64 against their published answers.
#include "sinter/runtime/digest.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace sinter::rt {
namespace {

// FIPS 180-2, appendix B, and the empty text.
TEST(Digest, Sha256) {
  EXPECT_EQ(to_hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(to_hex(sha256(std::string(1000000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// The padding begins a block of its own for 56 to 63 bytes left.
TEST(Digest, EveryLengthHasItsOwnDigest) {
  std::set<std::string> digests;
  for (std::size_t length = 0; length < 200; ++length)
    digests.insert(to_hex(sha256(std::string(length, '\0'))));
  EXPECT_EQ(digests.size(), 200U);
}

TEST(Digest, Checksum) {
  EXPECT_EQ(checksum(""), 0xEF46DB3751D8E999U);
  EXPECT_EQ(checksum("a"), 0xD24EC4F1A98C6E5BU);
  EXPECT_EQ(checksum("abc"), 0x44BC2CF5AD770999U);
  // Above 32 bytes there are four lanes.
  EXPECT_EQ(checksum("Nobody inspects the spammish repetition"), 0xFBCEA83C8A378BF1U);
}

TEST(Digest, ChecksumSeesEveryBit) {
  std::string text(77, 'x'); // two rounds of 32 bytes, 8, 4 and single bytes
  const uint64_t whole = checksum(text);
  for (char& byte : text)
    for (int bit = 0; bit < 8; ++bit) {
      byte = static_cast<char>(byte ^ 1 << bit);
      EXPECT_NE(checksum(text), whole);
      byte = static_cast<char>(byte ^ 1 << bit);
    }
  EXPECT_NE(checksum(text, 1), whole);
}

} // namespace
} // namespace sinter::rt
