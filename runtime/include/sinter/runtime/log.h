// What Sinter says unasked.
#pragma once

#include <string_view>

namespace sinter::rt {

/// Writes "sinter: message" and a new line to the standard error stream, unless the environment variable
/// SINTER_LOG is "off". For what a user would want to know and no error tells; nothing on the way of a normal
/// run.
void log(std::string_view message);

} // namespace sinter::rt
