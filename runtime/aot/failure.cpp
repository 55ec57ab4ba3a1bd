// The calling thread's last failure, as text.
#include "aot/failure.h"

#include <cstdarg>
#include <cstdio>

namespace sinter::rt::aot {
namespace {

thread_local char text[512];

} // namespace

int fail(int status, const char* format, ...) {
  va_list values;
  va_start(values, format);
  std::vsnprintf(text, sizeof text, format, values);
  va_end(values);
  return status;
}

const char* last_failure() {
  return text;
}

} // namespace sinter::rt::aot
