// The message of the sinter::Error that a call throws.
#pragma once

#include "sinter/error.h"

#include <string>

namespace sinter::test {

template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

} // namespace sinter::test
