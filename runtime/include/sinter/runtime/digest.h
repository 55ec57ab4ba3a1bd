// Digests of bytes: a strong one that names them, and a quick one that tells whether they are still the same.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sinter::rt {

/// A SHA-256 digest: nobody finds two texts with the same.
using Digest = std::array<uint8_t, 32>;

/// SHA-256, as FIPS 180-4 has it.
Digest sha256(std::string_view bytes);

/// 64 lower-case hexadecimal digits.
std::string to_hex(const Digest& digest);

/// XXH64 as its specification has it: finds accidental changes at several GB/s; no protection from people.
/// A text in pieces: give the checksum of what comes before as the seed.
uint64_t checksum(std::string_view bytes, uint64_t seed = 0);

} // namespace sinter::rt
