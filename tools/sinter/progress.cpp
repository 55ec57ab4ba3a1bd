// A line on the terminal for whatever takes more than a second.
#include "progress.h"

#include <fmt/format.h>

#include <unistd.h>

namespace sinter::tool {

Progress::Progress(std::string label)
    : label_(std::move(label)), start_(std::chrono::steady_clock::now()), shown_(start_),
      terminal_(isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  if (visible_)
    fmt::print(stderr, "\r\x1b[K");
}

void Progress::update(int64_t done, int64_t total) {
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_ || now - start_ < std::chrono::seconds(1) || now - shown_ < std::chrono::milliseconds(100))
    return;
  shown_ = now;
  visible_ = true;
  fmt::print(stderr, "\r\x1b[K{} {}/{}", label_, done, total);
  std::fflush(stderr);
}

} // namespace sinter::tool
