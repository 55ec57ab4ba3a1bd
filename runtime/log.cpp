// What Sinter says unasked.
#include "sinter/runtime/log.h"

#include <cstdio>
#include <cstdlib>
#include <string>

namespace sinter::rt {

void log(std::string_view message) {
  const char* setting = std::getenv("SINTER_LOG");
  if (setting && std::string_view(setting) == "off")
    return;
  const std::string line = "sinter: " + std::string(message) + "\n"; // one write: lines of threads do not mix
  std::fputs(line.c_str(), stderr);
}

} // namespace sinter::rt
