// Typed, checked reading of a message's fields.
#pragma once

#include "frontend/caffe/text_format.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sinter::caffe_import {

/// The fields of a message, which may be absent as a whole. Everything throws Error naming the field.
/// Remembers what was asked for: a field that nobody knows may change what a layer means.
class Settings {
public:
  /// `message` may be null and outlives this. `name`: how errors call it; "" for what needs no name.
  Settings(const Message* message, std::string name) : message_(message), name_(std::move(name)) {}

  bool has(const char* field) const { return find(field) != nullptr; }
  /// Within [least, most].
  int64_t integer(const char* field, int64_t otherwise, int64_t least, int64_t most) const;
  double number(const char* field, double otherwise) const;
  bool boolean(const char* field, bool otherwise) const;
  std::string text(const char* field, const std::string& otherwise) const;
  /// Which of `words` an enumeration's value is, by name or by number.
  std::size_t word(const char* field, std::span<const char* const> words, std::size_t otherwise) const;

  /// All values of a field that may be repeated.
  std::vector<int64_t> integers(const char* field, int64_t least, int64_t most) const;
  std::vector<double> numbers(const char* field) const;
  std::vector<std::string> texts(const char* field) const;
  std::vector<const Message*> messages(const char* field) const;
  /// The message `field`, without fields if there is none.
  Settings message(const char* field) const;

  /// Throws if there is a field that nobody asked for, other than those that only training needs.
  void check_all_read() const;

private:
  // The only field of that name, or null.
  const Field* find(const char* field) const;
  std::vector<const Field*> find_all(const char* field) const;
  std::string describe(const char* field) const { return (name_.empty() ? "" : name_ + ".") + field; }

  const Message* message_;
  std::string name_;
  mutable std::vector<std::string> read_;
};

/// The value of `field` as an integer. Throws Error without naming the field.
int64_t integer_of(const Field& field);

} // namespace sinter::caffe_import
