// Protobuf's text format, which .prototxt files are written in, as a tree without a schema.
#include "frontend/caffe/text_format.h"

#include "sinter/runtime/error.h"

#include <cctype>
#include <cstdint>

namespace sinter::caffe_import {
namespace {

constexpr int kMaxDepth = 32;
// A field costs many times its bytes in memory; more than this is no network.
constexpr std::size_t kMaxFields = std::size_t{1} << 22;

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '+' || c == '-';
}

class Parser {
public:
  explicit Parser(const std::string& text) : text_(text) {}

  Message parse() {
    Message message = parse_fields('\0', 0);
    return message;
  }

private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error("line " + std::to_string(line_) + ": " + what);
  }

  // What comes next, as errors quote it.
  std::string next_text() const {
    if (at_ >= text_.size())
      return "the end of the file";
    if (!is_word(text_[at_]))
      return std::isprint(static_cast<unsigned char>(text_[at_])) ? std::string("'") + text_[at_] + "'"
                                                                  : "a byte that is no text";
    std::size_t end = at_;
    while (end < text_.size() && is_word(text_[end]) && end - at_ < 40)
      ++end;
    return "'" + text_.substr(at_, end - at_) + "'";
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void skip_space() {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '#')
        while (at_ + 1 < text_.size() && text_[at_ + 1] != '\n')
          ++at_;
      else if (c == '\n')
        ++line_;
      else if (c != ' ' && c != '\t' && c != '\r' && c != '\v' && c != '\f')
        return;
    }
  }

  bool take(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c)
      return false;
    ++at_;
    return true;
  }

  // The fields up to `close`, which is '\0' at the end of the file.
  Message parse_fields(char close, int depth) {
    if (depth > kMaxDepth)
      fail("messages nest more than " + std::to_string(kMaxDepth) + " deep");
    Message message;
    message.line = line_;
    while (true) {
      skip_space();
      if (at_ >= text_.size()) {
        if (close != '\0')
          fail(std::string("the file ends where a '") + close + "' is missing");
        return message;
      }
      if (close != '\0' && take(close))
        return message;
      parse_field(message, depth);
      if (!take(','))
        take(';');
    }
  }

  void parse_field(Message& message, int depth) {
    const char c = peek();
    if (!std::isalpha(static_cast<unsigned char>(c)) && c != '_')
      fail("a field's name is expected, not " + next_text());
    const int line = line_;
    const std::string name = parse_word();
    const bool colon = take(':');
    if (!take('[')) {
      parse_value(message, name, line, colon, depth);
      return;
    }
    if (take(']'))
      return;
    do
      parse_value(message, name, line, colon, depth);
    while (take(','));
    if (!take(']'))
      fail("a ',' or ']' is expected in the list " + name + ", not " + next_text());
  }

  void parse_value(Message& message, const std::string& name, int line, bool colon, int depth) {
    if (++fields_ > kMaxFields)
      fail("more than " + std::to_string(kMaxFields) + " fields");
    Field field;
    field.name = name;
    field.line = line;
    if (take('{'))
      field.message = std::make_unique<Message>(parse_fields('}', depth + 1));
    else if (take('<'))
      field.message = std::make_unique<Message>(parse_fields('>', depth + 1));
    else if (!colon)
      fail("a ':' or '{' is expected after " + name + ", not " + next_text());
    else if (skip_space(); peek() == '"' || peek() == '\'')
      parse_strings(field);
    else if (is_word(peek()))
      field.text = parse_scalar();
    else
      fail("a value of " + name + " is expected, not " + next_text());
    message.fields.push_back(std::move(field));
  }

  std::string parse_word() {
    const std::size_t start = at_;
    while (at_ < text_.size() && is_word(text_[at_]))
      ++at_;
    return text_.substr(start, at_ - start);
  }

  // A sign may stand apart from its number.
  std::string parse_scalar() {
    const std::string word = parse_word();
    if (word != "-")
      return word;
    skip_space();
    return "-" + parse_word();
  }

  // Strings that follow each other are one.
  void parse_strings(Field& field) {
    field.quoted = true;
    do {
      const char quote = text_[at_++];
      while (peek() != quote || at_ >= text_.size()) {
        if (at_ >= text_.size() || text_[at_] == '\n')
          fail("a string does not end");
        field.text += text_[at_] == '\\' ? parse_escape() : text_[at_++];
      }
      ++at_;
      skip_space();
    } while (peek() == '"' || peek() == '\'');
  }

  char parse_escape() {
    ++at_;
    if (at_ >= text_.size())
      fail("a string does not end");
    const char c = text_[at_++];
    static constexpr std::string_view kLetters = "abfnrtv\\'\"?", kMeaning = "\a\b\f\n\r\t\v\\'\"?";
    if (const auto found = kLetters.find(c); found != std::string_view::npos)
      return kMeaning[found];
    const auto number = [&](int base, int most) {
      int value = 0;
      for (int i = 0; i < most && std::isxdigit(static_cast<unsigned char>(peek())); ++i, ++at_) {
        const char d = peek();
        const int digit = d <= '9' ? d - '0' : (d | 0x20) - 'a' + 10;
        if (digit >= base)
          break;
        value = value * base + digit;
      }
      return static_cast<char>(value);
    };
    if (c == 'x' || c == 'X')
      return number(16, 2);
    if (c >= '0' && c <= '7')
      return --at_, number(8, 3);
    fail(std::string("a string has the unknown escape \\") + c);
  }

  const std::string& text_;
  std::size_t at_ = 0;
  int line_ = 1;
  std::size_t fields_ = 0;
};

} // namespace

Message parse_text_format(const std::string& text) {
  return Parser(text).parse();
}

} // namespace sinter::caffe_import
