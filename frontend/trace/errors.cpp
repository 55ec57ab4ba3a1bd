// Errors that name the user's line.
#include "trace/errors.h"

#include <cctype>

namespace sinter::trace {
namespace {

// The inside of tensor<...>, such as "2x3xf32" or "2x3xi1, #layout", as "f32[2, 3]"; empty if it is something
// else.
std::string tensor_in_user_terms(std::string_view inside) {
  inside = inside.substr(0, inside.find(','));
  std::string dims;
  while (!inside.empty() && (std::isdigit(static_cast<unsigned char>(inside[0])) || inside[0] == '?')) {
    const auto end = inside.find('x');
    if (end == std::string_view::npos)
      return {};
    dims += (dims.empty() ? "" : ", ") + std::string(inside.substr(0, end));
    inside.remove_prefix(end + 1);
  }
  std::string element(inside);
  if (element == "i1")
    element = "bool";
  else if (element == "ui8")
    element = "u8";
  return element.empty() ? std::string() : element + "[" + dims + "]";
}

} // namespace

std::string_view file_of(const SourceLocation& where) {
  const std::string_view file = where.file_name();
  return file.substr(file.find_last_of('/') + 1); // npos + 1 is 0
}

std::string to_string(const SourceLocation& where) {
  return std::string(file_of(where)) + ":" + std::to_string(where.line());
}

void fail(const SourceLocation& where, std::string_view operation, std::string_view message, ErrorKind kind) {
  throw Error(to_string(where) + ": " + std::string(operation) + ": " + std::string(message), kind);
}

std::string in_user_terms(std::string_view diagnostic) {
  constexpr std::string_view kOpen = "tensor<";
  std::string text;
  while (true) {
    const auto begin = diagnostic.find(kOpen);
    const auto end = begin == std::string_view::npos ? begin : diagnostic.find('>', begin);
    if (end == std::string_view::npos)
      return text + std::string(diagnostic);
    text += diagnostic.substr(0, begin);
    const std::string tensor =
        tensor_in_user_terms(diagnostic.substr(begin + kOpen.size(), end - begin - kOpen.size()));
    // MLIR quotes types in diagnostics.
    const bool quoted =
        !tensor.empty() && text.ends_with('\'') && diagnostic.substr(end + 1).starts_with('\'');
    if (quoted)
      text.pop_back();
    text += tensor.empty() ? std::string(diagnostic.substr(begin, end - begin + 1)) : tensor;
    diagnostic.remove_prefix(end + (quoted ? 2 : 1));
  }
}

} // namespace sinter::trace
