// The exception every layer of Sinter throws.
#pragma once

#include <stdexcept>
#include <string>

namespace sinter {

/// What went wrong, from the caller's point of view.
enum class ErrorKind {
  user,     ///< The caller's input is wrong: a shape, a file, an unsupported operator.
  system,   ///< The machine refused: out of memory, unreadable file, missing device.
  internal, ///< A bug in Sinter.
};

/// An error with a one-line message: cause, operands, and, where known, the user's source location.
class Error : public std::runtime_error {
public:
  explicit Error(const std::string& message, ErrorKind kind = ErrorKind::user)
      : std::runtime_error(message), kind_(kind) {}

  ErrorKind kind() const noexcept { return kind_; }

private:
  ErrorKind kind_;
};

} // namespace sinter
