// Damaging files of text, word by word, and files of bytes with lengths in them.
#pragma once

#include <cstdint>
#include <string>

namespace sinter::test {

/// Numbers made absurd, words exchanged, doubled and left out, lines moved, the file cut off. The same seed
/// gives the same damage.
std::string mutate_text(const std::string& text, uint64_t seed);

/// Bits flipped, bytes set to what lengths and tags may be, pieces left out, repeated and moved.
std::string mutate_bytes(const std::string& bytes, uint64_t seed);

} // namespace sinter::test
