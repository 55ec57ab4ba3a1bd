// What the operating system knows about this process.
#include "process.h"

#include <algorithm>
#include <ctime>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <unistd.h>

namespace sinter::tool {

namespace {

double now_ms(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

/// Field 22 of /proc/self/stat: when the process was started, in ticks of the clock that also runs while the
/// machine sleeps. Infinitely late where there is no /proc.
double start_ticks() {
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  const auto name_end = text.rfind(") ");
  if (name_end == std::string::npos)
    return std::numeric_limits<double>::infinity();
  std::istringstream fields(text.substr(name_end + 2)); // from the third on
  std::string skipped;
  for (int field = 3; field < 22; ++field)
    fields >> skipped;
  double ticks = 0;
  fields >> ticks;
  return ticks;
}

/// Before main: the time so far, which is spent on loading libraries. A tick of the start time is some 10 ms,
/// so the processor time tells where in the tick it was; it is less than what passed only if there was
/// waiting for the disk.
double loading_ms() {
  const double tick_ms = 1e3 / static_cast<double>(sysconf(_SC_CLK_TCK));
  const double most = now_ms(CLOCK_BOOTTIME) - start_ticks() * tick_ms;
  return std::clamp(now_ms(CLOCK_PROCESS_CPUTIME_ID), std::max(0.0, most - tick_ms), std::max(0.0, most));
}

const double kMainStart = now_ms(CLOCK_MONOTONIC);
const double kLoading = loading_ms();

} // namespace

uint64_t peak_rss_bytes() {
  // What getrusage says may be that of the program which started this one.
  std::ifstream file("/proc/self/status");
  for (std::string field; file >> field;)
    if (uint64_t kibibytes = 0; field == "VmHWM:" && file >> kibibytes)
      return kibibytes * 1024;
  return 0;
}

double ms_since_start() {
  return kLoading + now_ms(CLOCK_MONOTONIC) - kMainStart;
}

} // namespace sinter::tool
