// Typed, checked reading of a message's fields.
#include "frontend/caffe/settings.h"

#include "sinter/runtime/error.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace sinter::caffe_import {
namespace {

// Runs `read`, naming `what` in the errors it throws.
template <class F>
auto naming(const std::string& what, F&& read) {
  try {
    return read();
  } catch (const Error& error) {
    throw Error(what + " " + error.what(), error.kind());
  }
}

const std::string& scalar_of(const Field& field) {
  if (field.message)
    throw Error("is a message where a value is expected");
  return field.text;
}

std::string quote(const std::string& text) {
  return "'" + text.substr(0, 60) + "'";
}

double number_of(const Field& field) {
  const std::string& text = scalar_of(field);
  const bool negative = text.starts_with('-');
  std::string_view digits = std::string_view(text).substr(negative || text.starts_with('+') ? 1 : 0);
  if (digits.ends_with('f') || digits.ends_with('F'))
    digits.remove_suffix(digits.size() > 1 && digits != "inf" ? 1 : 0);
  double value = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (field.quoted || code != std::errc() || end != digits.data() + digits.size() ||
      digits.starts_with('-') || !std::isfinite(value) ||
      std::abs(value) > static_cast<double>(std::numeric_limits<float>::max()))
    throw Error("is " + quote(text) + ", which is no finite number");
  // Caffe's numbers are floats.
  return static_cast<double>(static_cast<float>(negative ? -value : value));
}

bool boolean_of(const Field& field) {
  const std::string& text = scalar_of(field);
  if (!field.quoted && (text == "true" || text == "t" || text == "True" || text == "1"))
    return true;
  if (!field.quoted && (text == "false" || text == "f" || text == "False" || text == "0"))
    return false;
  throw Error("is " + quote(text) + ", which is neither true nor false");
}

int64_t integer_within(const Field& field, int64_t least, int64_t most) {
  const int64_t value = integer_of(field);
  if (value < least || value > most)
    throw Error("is " + std::to_string(value) + "; it must be from " + std::to_string(least) + " to " +
                std::to_string(most));
  return value;
}

// Of training, of how Caffe computes, and of nothing at all.
constexpr std::string_view kHarmless[] = {
    "engine",      "weight_filler", "bias_filler",     "filler",           "scale_filler",
    "mean_filler", "dropout_ratio", "force_nd_im2col", "stable_prod_grad", "moving_average_fraction"};

} // namespace

int64_t integer_of(const Field& field) {
  const std::string& text = scalar_of(field);
  const bool negative = text.starts_with('-');
  std::string_view digits = std::string_view(text).substr(negative ? 1 : 0);
  int base = 10;
  if (digits.starts_with("0x") || digits.starts_with("0X"))
    base = 16, digits.remove_prefix(2);
  else if (digits.size() > 1 && digits.starts_with('0'))
    base = 8;
  int64_t value = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (field.quoted || code != std::errc() || end != digits.data() + digits.size() || value < 0)
    throw Error("is " + quote(text) + ", which is no integer");
  return negative ? -value : value;
}

std::vector<const Field*> Settings::find_all(const char* field) const {
  read_.emplace_back(field);
  std::vector<const Field*> found;
  if (message_)
    for (const Field& other : message_->fields)
      if (other.name == field)
        found.push_back(&other);
  return found;
}

const Field* Settings::find(const char* field) const {
  const auto found = find_all(field);
  if (found.size() > 1)
    throw Error(describe(field) + " is given twice, in lines " + std::to_string(found[0]->line) + " and " +
                std::to_string(found[1]->line));
  return found.empty() ? nullptr : found.front();
}

int64_t Settings::integer(const char* field, int64_t otherwise, int64_t least, int64_t most) const {
  const Field* found = find(field);
  return found ? naming(describe(field), [&] { return integer_within(*found, least, most); }) : otherwise;
}

double Settings::number(const char* field, double otherwise) const {
  const Field* found = find(field);
  return found ? naming(describe(field), [&] { return number_of(*found); }) : otherwise;
}

bool Settings::boolean(const char* field, bool otherwise) const {
  const Field* found = find(field);
  return found ? naming(describe(field), [&] { return boolean_of(*found); }) : otherwise;
}

std::string Settings::text(const char* field, const std::string& otherwise) const {
  const Field* found = find(field);
  return found ? naming(describe(field), [&] { return scalar_of(*found); }) : otherwise;
}

std::size_t Settings::word(const char* field, std::span<const char* const> words,
                           std::size_t otherwise) const {
  const Field* found = find(field);
  if (!found)
    return otherwise;
  return naming(describe(field), [&] {
    const std::string& text = scalar_of(*found);
    std::string known;
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (text == words[i] || text == std::to_string(i))
        return i;
      known += (i ? ", " : "") + std::string(words[i]);
    }
    throw Error("is " + quote(text) + ", which is none of " + known);
  });
}

std::vector<int64_t> Settings::integers(const char* field, int64_t least, int64_t most) const {
  std::vector<int64_t> values;
  for (const Field* found : find_all(field))
    values.push_back(naming(describe(field), [&] { return integer_within(*found, least, most); }));
  return values;
}

std::vector<double> Settings::numbers(const char* field) const {
  std::vector<double> values;
  for (const Field* found : find_all(field))
    values.push_back(naming(describe(field), [&] { return number_of(*found); }));
  return values;
}

std::vector<std::string> Settings::texts(const char* field) const {
  std::vector<std::string> values;
  for (const Field* found : find_all(field))
    values.push_back(naming(describe(field), [&] { return scalar_of(*found); }));
  return values;
}

std::vector<const Message*> Settings::messages(const char* field) const {
  std::vector<const Message*> values;
  for (const Field* found : find_all(field)) {
    if (!found->message)
      throw Error(describe(field) + " is a value where a message is expected");
    values.push_back(found->message.get());
  }
  return values;
}

Settings Settings::message(const char* field) const {
  const auto found = messages(field);
  if (found.size() > 1)
    throw Error(describe(field) + " is given twice, in lines " + std::to_string(found[0]->line) + " and " +
                std::to_string(found[1]->line));
  return Settings(found.empty() ? nullptr : found.front(), describe(field));
}

void Settings::check_all_read() const {
  if (!message_)
    return;
  for (const Field& field : message_->fields)
    if (std::find(read_.begin(), read_.end(), field.name) == read_.end() &&
        std::find(std::begin(kHarmless), std::end(kHarmless), field.name) == std::end(kHarmless))
      throw Error(describe(field.name.c_str()) + " is not known");
}

} // namespace sinter::caffe_import
