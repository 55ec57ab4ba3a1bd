// How many processors this process may use.
#include "workers.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sched.h>
#include <unistd.h>

namespace sinter::rt {
namespace {

constexpr std::size_t kPathBytes = 4096;

// Processors' worth of time per period that a control group grants; 0 if it sets no limit. `path` begins with
// a slash, or is empty for the root.
int quota_of(const char* path) {
  char name[kPathBytes + 64];
  std::snprintf(name, sizeof name, "/sys/fs/cgroup%s/cpu.max", path);
  std::FILE* file = std::fopen(name, "re");
  if (!file)
    return 0;
  char line[128] = "";
  const bool is_read = std::fgets(line, sizeof line, file) != nullptr;
  std::fclose(file);
  char* rest = line;
  const double quota = std::strtod(line, &rest); // "max" is no number
  const double period = std::strtod(rest, nullptr);
  if (!is_read || rest == line || quota <= 0 || period <= 0)
    return 0;
  return std::max(1, static_cast<int>(std::min(quota / period, 1e6) + 0.5));
}

// The path of the process's control group, "" if there is none.
void find_group(char (&path)[kPathBytes]) {
  path[0] = '\0';
  std::FILE* file = std::fopen("/proc/self/cgroup", "re");
  if (!file)
    return;
  char line[kPathBytes];
  while (std::fgets(line, sizeof line, file))
    if (std::strncmp(line, "0::/", 4) == 0) {
      line[std::strcspn(line, "\n")] = '\0';
      std::strcpy(path, line + 3);
      break;
    }
  std::fclose(file);
}

// The tightest limit of this process's control group and its ancestors; 0 if there is none.
int group_limit() {
  char path[kPathBytes];
  find_group(path);
  if (path[0] == '\0')
    return 0;
  int limit = 0;
  while (true) {
    char* last = std::strrchr(path, '/');
    if (last && last[1] == '\0')
      *last = '\0'; // the root is no name
    if (const int quota = quota_of(path); quota > 0)
      limit = limit == 0 ? quota : std::min(limit, quota);
    last = std::strrchr(path, '/');
    if (!last)
      return limit;
    *last = '\0';
  }
}

} // namespace

int available_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set)
                                                           : static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  if (const int limit = group_limit(); limit > 0)
    count = std::min(count, limit);
  return std::clamp(count, 1, Workers::kMost);
}

} // namespace sinter::rt
