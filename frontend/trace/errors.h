// Errors that name the user's line.
#pragma once

#include "sinter/error.h"
#include "sinter/tensor.h"

#include <new>
#include <string>
#include <string_view>

namespace sinter::trace {

/// The file's name without its folder: short enough for errors and profiles, and the same on every machine.
std::string_view file_of(const SourceLocation& where);

/// "file.cpp:12"
std::string to_string(const SourceLocation& where);

/// Throws "file.cpp:12: operation: message".
[[noreturn]] void fail(const SourceLocation& where, std::string_view operation, std::string_view message,
                       ErrorKind kind = ErrorKind::user);

/// Calls `body`; an Error it throws is thrown on with the location and the operation in front.
template <class Body>
decltype(auto) locate(const SourceLocation& where, std::string_view operation, Body&& body) {
  try {
    return body();
  } catch (const Error& error) {
    fail(where, operation, error.what(), error.kind());
  } catch (const std::bad_alloc&) {
    fail(where, operation, "out of memory", ErrorKind::system);
  }
}

/// A compiler diagnostic in the words of the C++ API: tensor<2x3xf32> becomes f32[2, 3].
std::string in_user_terms(std::string_view diagnostic);

} // namespace sinter::trace
