// Errors of models, as users see them.
#pragma once

#include "sinter/runtime/error.h"

#include <algorithm>
#include <new>
#include <string>

namespace sinter::model {

/// Runs `f`; whatever it throws becomes an Error of one line that begins with `path`, for model files put
/// their own text into messages. No path: the errors name it themselves.
template <class F>
decltype(auto) guarded(const std::string& path, F&& f) {
  const std::string start = path.empty() ? "" : path + ": ";
  auto line = [](std::string text) {
    std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c < 32 || c == 127; }, ' ');
    return text;
  };
  try {
    return f();
  } catch (const Error& error) {
    throw Error(start + line(error.what()), error.kind());
  } catch (const std::bad_alloc&) {
    throw Error(start + "out of memory", ErrorKind::system);
  } catch (const std::exception& error) {
    throw Error(start + line(error.what()), ErrorKind::internal);
  }
}

} // namespace sinter::model
