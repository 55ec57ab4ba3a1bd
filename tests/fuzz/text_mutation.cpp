// Damaging files of text, word by word, and files of bytes with lengths in them.
#include "fuzz/text_mutation.h"

#include <algorithm>
#include <cctype>
#include <random>
#include <vector>

namespace sinter::test {
namespace {

class Dice {
public:
  explicit Dice(uint64_t seed) : engine_(seed * 0x9E3779B97F4A7C15ULL + 11) {}
  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : engine_() % bound; }

private:
  std::mt19937_64 engine_;
};

std::string absurd(Dice& dice) {
  static constexpr const char* kWords[] = {"0",
                                           "1",
                                           "-1",
                                           "2",
                                           "3",
                                           "7",
                                           "-2",
                                           "64",
                                           "1000",
                                           "1073741824",
                                           "2147483648",
                                           "4294967295",
                                           "9223372036854775807",
                                           "-9223372036854775808",
                                           "99999999999999999999",
                                           "0x10",
                                           "07",
                                           "1e38",
                                           "1e400",
                                           "-0.0",
                                           "nan",
                                           "inf",
                                           "true",
                                           "TRAIN",
                                           "\"\"",
                                           "\"data\"",
                                           "\"a\\n\\x01b\"",
                                           "{",
                                           "}",
                                           "[",
                                           "]",
                                           "<",
                                           ":"};
  return kWords[dice.below(std::size(kWords))];
}

// Words, numbers, strings, and single other characters.
std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> tokens;
  const auto is_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '-';
  };
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at + 1;
    if (is_word(text[at]))
      while (end < text.size() && is_word(text[end]))
        ++end;
    else if (text[at] == '"')
      end = std::min(text.find('"', end), text.size() - 1) + 1;
    tokens.push_back(text.substr(at, end - at));
    at = end;
  }
  return tokens;
}

void damage(std::vector<std::string>& tokens, Dice& dice) {
  if (tokens.empty())
    return;
  const auto is_space = [](const std::string& token) { return token == " " || token == "\n"; };
  const auto any = [&] {
    std::size_t at = dice.below(tokens.size());
    while (is_space(tokens[at]) && at + 1 < tokens.size())
      ++at;
    return at;
  };
  const std::size_t a = any(), b = any();
  switch (dice.below(8)) {
  case 0:
    tokens[a] = tokens[b];
    return;
  case 1:
    std::swap(tokens[a], tokens[b]);
    return;
  case 2:
    tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(a));
    return;
  case 3: { // a piece twice, or out of its place
    const std::vector<std::string> piece(
        tokens.begin() + static_cast<std::ptrdiff_t>(std::min(a, b)),
        tokens.begin() + static_cast<std::ptrdiff_t>(std::min({std::max(a, b), std::min(a, b) + 40})));
    tokens.insert(tokens.begin() + static_cast<std::ptrdiff_t>(any()), piece.begin(), piece.end());
    return;
  }
  case 4:
    if (dice.below(8) == 0)
      tokens.resize(a);
    return;
  default: // a number, most of all
    for (std::size_t i = 0; i < tokens.size(); ++i)
      if (const std::size_t at = (a + i) % tokens.size();
          std::isdigit(static_cast<unsigned char>(tokens[at][0]))) {
        tokens[at] = absurd(dice);
        return;
      }
  }
}

} // namespace

std::string mutate_text(const std::string& text, uint64_t seed) {
  Dice dice(seed);
  std::vector<std::string> tokens = split(text);
  for (std::size_t i = 0, count = 1 + dice.below(3); i < count; ++i)
    damage(tokens, dice);
  std::string damaged;
  for (const std::string& token : tokens)
    damaged += token;
  if (dice.below(10) == 0 && !damaged.empty())
    damaged[dice.below(damaged.size())] = static_cast<char>(dice.below(256));
  return damaged;
}

std::string mutate_bytes(const std::string& bytes, uint64_t seed) {
  Dice dice(seed);
  std::string damaged = bytes;
  for (std::size_t i = 0, count = 1 + dice.below(3); i < count && !damaged.empty(); ++i) {
    // Most bytes are elements, which are hard to damage: the start of a message matters more.
    std::size_t at = dice.below(damaged.size());
    static constexpr char kTags[] = {'\x3a', '\x2a', '\x0a', '\x42', '\x08', '\x12'};
    if (dice.below(2) != 0)
      at =
          std::min(damaged.find(kTags[dice.below(std::size(kTags))], at) + dice.below(3), damaged.size() - 1);
    const std::size_t length = 1 + dice.below(std::min<std::size_t>(damaged.size() - at, 40));
    switch (dice.below(6)) {
    case 0:
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << dice.below(8)));
      break;
    case 1: {
      static constexpr char kBytes[] = {'\0',   '\x01', '\x02', '\x7f', '\x80',
                                        '\xff', '\x08', '\x3a', '\x2a', '\x03'};
      damaged[at] = kBytes[dice.below(std::size(kBytes))];
      break;
    }
    case 2:
      damaged.erase(at, length);
      break;
    case 3:
      damaged.insert(dice.below(damaged.size()), damaged.substr(at, length));
      break;
    case 4:
      damaged.insert(at, std::string(1 + dice.below(10), '\xff'));
      break;
    default:
      damaged.resize(at);
    }
  }
  return damaged;
}

} // namespace sinter::test
