// A line on the terminal for whatever takes more than a second.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace sinter::tool {

/// Shows "label done/total" on standard error once a second has passed, if that is a terminal. The line goes
/// away with the object.
class Progress {
public:
  explicit Progress(std::string label);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(int64_t done, int64_t total);

private:
  std::string label_;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point shown_;
  bool terminal_;
  bool visible_ = false;
};

} // namespace sinter::tool
