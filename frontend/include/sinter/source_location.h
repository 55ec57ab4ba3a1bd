// SourceLocation: a place in somebody's source.
#pragma once

#include <cstdint>
#include <source_location>

namespace sinter {

/// Where a call was written: the default argument of every operation, and what its errors name. Unlike
/// std::source_location, it can also be made of a file and a line: that of another language's caller.
class SourceLocation {
public:
  /// `file` must live as long as whatever is made with this location.
  constexpr SourceLocation(const char* file, uint32_t line, uint32_t column = 0)
      : file_(file), line_(line), column_(column) {}
  constexpr SourceLocation(const std::source_location& where)
      : SourceLocation(where.file_name(), where.line(), where.column()) {}
  /// As a default argument: of the call.
  static constexpr SourceLocation current(std::source_location where = std::source_location::current()) {
    return where;
  }

  constexpr const char* file_name() const { return file_; }
  constexpr uint32_t line() const { return line_; }
  constexpr uint32_t column() const { return column_; }

private:
  const char* file_;
  uint32_t line_, column_;
};

} // namespace sinter
