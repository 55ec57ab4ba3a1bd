// Damaging files of tensors and saved functions: as text first, so that the damage gets past the parsers.
#include "fuzz/file_mutation.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <iterator>
#include <random>
#include <vector>

namespace sinter::test {
namespace {

class Dice {
public:
  explicit Dice(uint64_t seed) : engine_(seed * 0x9E3779B97F4A7C15ULL + 11) {}

  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : engine_() % bound; }
  bool one_in(std::size_t count) { return below(count) == 0; }
  template <class List>
  const auto& any_of(const List& list) {
    return list[below(std::size(list))];
  }
  uint64_t bits() { return engine_(); }

private:
  std::mt19937_64 engine_;
};

constexpr const char* kNumbers[] = {
    "0",          "1",           "-1",          "2",   "3",   "4",    "5",          "7",
    "8",          "16",          "33",          "64",  "255", "1000", "4294967296", "9223372036854775807",
    "2147483648", "-2147483649", "1e999",       "1.5", "",    "00",   "-0",         "9223372036854775808",
    "1048576",    "1000000000",  "0xFFFFFFFFF", "nan"};

void flip_bytes(Dice& dice, std::string& bytes) {
  if (bytes.empty())
    return;
  const std::size_t at = dice.below(bytes.size());
  switch (dice.below(5)) {
  case 0:
    bytes.resize(at);
    return;
  case 1: {
    const std::string part = bytes.substr(at, dice.below(60));
    bytes.insert(dice.below(bytes.size()), part);
    return;
  }
  case 2:
    bytes.erase(at, 1 + dice.below(20));
    return;
  default:
    for (std::size_t i = 0; i <= dice.below(4); ++i)
      bytes[dice.below(bytes.size())] ^= static_cast<char>(1 << dice.below(8));
  }
}

// Words, numbers and single characters, one after the other.
std::vector<std::string> tokens_of(const std::string& text) {
  const auto in_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '%' || c == '@';
  };
  std::vector<std::string> tokens;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at + 1;
    if (in_word(text[at]))
      while (end < text.size() && in_word(text[end]))
        ++end;
    tokens.push_back(text.substr(at, end - at));
    at = end;
  }
  return tokens;
}

std::string joined(const std::vector<std::string>& tokens) {
  std::string text;
  for (const std::string& token : tokens)
    text += token;
  return text;
}

bool starts_with_digit(const std::string& token) {
  return std::isdigit(static_cast<unsigned char>(token[0])) != 0;
}
bool is_operation(const std::string& token) {
  return token.starts_with("sinter.") || token.starts_with("func.") || token == "return";
}
bool is_value(const std::string& token) {
  return token[0] == '%';
}
bool is_word(const std::string& token) {
  return std::isalpha(static_cast<unsigned char>(token[0])) != 0;
}

template <class Is>
std::vector<std::size_t> places(const std::vector<std::string>& tokens, Is&& is) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < tokens.size(); ++i)
    if (is(tokens[i]))
      found.push_back(i);
  return found;
}

// In tensor<2x3xf32>, "2x3xf32" is one token: one of its extents.
std::string with_other_extent(Dice& dice, const std::string& token) {
  std::vector<std::size_t> digits;
  for (std::size_t i = 0; i < token.size(); ++i)
    if (std::isdigit(static_cast<unsigned char>(token[i])) && (i == 0 || token[i - 1] == 'x'))
      digits.push_back(i);
  if (digits.empty())
    return token;
  const std::size_t at = dice.any_of(digits);
  std::size_t end = at;
  while (end < token.size() && std::isdigit(static_cast<unsigned char>(token[end])))
    ++end;
  return token.substr(0, at) + dice.any_of(kNumbers) + token.substr(end);
}

void change_number(Dice& dice, std::vector<std::string>& tokens) {
  const auto found = places(tokens, starts_with_digit);
  if (found.empty())
    return;
  const std::string old = tokens[dice.any_of(found)];
  const bool typed = old.find('x') != std::string::npos;
  const std::string changed = typed ? with_other_extent(dice, old) : std::string(dice.any_of(kNumbers));
  const bool everywhere = dice.one_in(2);
  const std::size_t one = dice.any_of(found);
  for (const std::size_t at : found)
    if (everywhere ? tokens[at] == old : at == one)
      tokens[at] = changed;
}

// One token becomes another of its kind.
template <class Is>
void exchange(Dice& dice, std::vector<std::string>& tokens, Is&& is) {
  if (const auto found = places(tokens, is); !found.empty())
    tokens[dice.any_of(found)] = tokens[dice.any_of(found)];
}

void change_type(Dice& dice, std::vector<std::string>& tokens) {
  constexpr const char* kTypes[] = {"f32", "f64", "i64", "i32", "i1",    "ui8",  "i8",
                                    "f16", "i7",  "f80", "?",   "index", "none", "1xf32"};
  const auto found = places(tokens, [](const std::string& token) {
    return starts_with_digit(token) && token.find("xf") != std::string::npos;
  });
  if (found.empty())
    return;
  std::string& token = tokens[dice.any_of(found)];
  const std::string old = token, changed = token.substr(0, token.rfind('x') + 1) + dice.any_of(kTypes);
  if (dice.one_in(2))
    token = changed;
  else
    std::replace(tokens.begin(), tokens.end(), old, changed);
}

void change_operation(Dice& dice, std::vector<std::string>& tokens) {
  constexpr const char* kNames[] = {"sinter.add",     "sinter.relu",   "sinter.matmul",   "sinter.reshape",
                                    "sinter.sum",     "sinter.while",  "sinter.conv",     "sinter.kernel",
                                    "sinter.fusion",  "sinter.launch", "sinter.yield",    "sinter.concat",
                                    "sinter.softmax", "sinter.gather", "sinter.constant", "sinter.select",
                                    "func.call",      "arith.addf",    "sinter.slice",    "sinter.permute",
                                    "builtin.module", "sinter.cast",   "sinter.nothing"};
  if (dice.one_in(2))
    return exchange(dice, tokens, is_operation);
  if (const auto found = places(tokens, is_operation); !found.empty())
    tokens[dice.any_of(found)] = dice.any_of(kNames);
}

void insert_text(Dice& dice, std::vector<std::string>& tokens) {
  constexpr const char* kTexts[] = {"{-# dialect_resources: {} #-}",
                                    "#a = dense<0>\n",
                                    "!t = tuple<f32>\n",
                                    "// a comment\n",
                                    " loc(#loc1)",
                                    " {offsets = array<i64: 0>}",
                                    " dense_resource<weight> : tensor<4xf32>",
                                    "^bb1:\n",
                                    " \"x\"() ({}) : () -> ()\n",
                                    " {sinter.weight = \"weight0\"}",
                                    "\"builtin.module\"() : () -> ()\n",
                                    ", dense<0.0> : tensor<99999999999x99999999999xf32>",
                                    "\"sinter.constant\"() : () -> tensor<4xf32>\n",
                                    "%z = sinter.constant dense<1.0> : tensor<1000000000xf32>\n"};
  std::string text = dice.any_of(kTexts);
  if (dice.one_in(3)) { // deep
    constexpr const char* kOpening[] = {"[", "(", "{", "<", "tuple<", "loc(fused[", "({^bb0: \"x\"() "};
    const std::string one = dice.any_of(kOpening);
    const std::size_t depth = dice.one_in(2) ? 90 : 20000;
    text.clear();
    for (std::size_t i = 0; i < depth; ++i)
      text += one;
  }
  const auto at = static_cast<std::ptrdiff_t>(dice.below(tokens.size()));
  tokens.insert(tokens.begin() + at, text);
}

void move_lines(Dice& dice, std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    lines.push_back(text.substr(at, end - at));
    at = end;
  }
  if (lines.empty())
    return;
  const std::size_t a = dice.below(lines.size()), b = dice.below(lines.size());
  switch (dice.below(3)) {
  case 0:
    std::swap(lines[a], lines[b]);
    break;
  case 1:
    lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(a));
    break;
  default:
    lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(a), std::string(lines[b]));
  }
  text = joined(lines);
}

void change_text(Dice& dice, std::string& text) {
  std::vector<std::string> tokens = tokens_of(text);
  if (tokens.empty())
    return;
  switch (dice.below(12)) {
  case 0:
  case 1:
  case 2:
  case 3:
    change_number(dice, tokens);
    break;
  case 4:
    change_operation(dice, tokens);
    break;
  case 5:
    change_type(dice, tokens);
    break;
  case 6:
    exchange(dice, tokens, is_value);
    break;
  case 7:
    exchange(dice, tokens, is_word);
    break;
  case 8:
    insert_text(dice, tokens);
    break;
  case 9: {
    const auto at = tokens.begin() + static_cast<std::ptrdiff_t>(dice.below(tokens.size()));
    tokens.erase(at, std::min(tokens.end(), at + 1 + static_cast<std::ptrdiff_t>(dice.below(6))));
    break;
  }
  default:
    move_lines(dice, text);
    return;
  }
  text = joined(tokens);
}

} // namespace

std::string mutate_safetensors(const std::string& file, uint64_t seed) {
  Dice dice(seed);
  std::string damaged = file;
  if (dice.one_in(4)) {
    flip_bytes(dice, damaged);
    return damaged;
  }
  uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof length);
  std::string header = file.substr(8, length), data = file.substr(8 + length);
  for (std::size_t i = 0; i <= dice.below(3); ++i)
    change_text(dice, header);
  if (dice.one_in(6))
    flip_bytes(dice, header);
  length = header.size();
  if (dice.one_in(8))
    length = dice.one_in(2) ? dice.bits() >> dice.below(64) : length + dice.below(40) - 20;
  if (dice.one_in(8))
    flip_bytes(dice, data);
  std::memcpy(damaged.data(), &length, sizeof length);
  return damaged.substr(0, 8) + header + data;
}

std::string mutate_program(const std::string& text, uint64_t seed) {
  Dice dice(seed);
  std::string damaged = text;
  for (std::size_t i = 0; i <= dice.below(3); ++i)
    change_text(dice, damaged);
  if (dice.one_in(8))
    flip_bytes(dice, damaged);
  return damaged;
}

} // namespace sinter::test
