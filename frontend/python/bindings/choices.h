// Arguments that are one of several words.
#pragma once

#include "sinter/runtime/error.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace sinter::python {

template <class Choice>
using Named = std::pair<std::string_view, Choice>;

/// The choice called `given`. Throws Error, which begins with `what`, for another word.
template <class Choice, std::size_t N>
Choice choice(const std::string& given, const std::array<Named<Choice>, N>& choices, const char* what) {
  std::string known;
  for (const auto& [name, value] : choices) {
    if (name == given)
      return value;
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  throw Error(std::string(what) + " '" + given + "' is none of " + known);
}

} // namespace sinter::python
