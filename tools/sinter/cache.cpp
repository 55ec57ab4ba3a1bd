// sinter cache: what is kept on disk of the kernels compiled and the weights packed so far.
#include "commands.h"
#include "usage.h"

#include "codegen/kernel/kernel_store.h"

#include "sinter/error.h"

#include <fmt/format.h>

#include <array>
#include <ctime>
#include <memory>

namespace sinter::tool {

namespace {

std::string amount(uint64_t bytes) {
  constexpr std::array<const char*, 4> kUnits{"B", "KiB", "MiB", "GiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit)
    value /= 1024;
  return fmt::format("{:.{}f} {}", value, unit == 0 || value >= 100 ? 0 : 1, kUnits[unit]);
}

std::string count(uint64_t number, const char* what) {
  return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

/// "3 h": how long ago, in the largest unit of which it is at least two.
std::string age(const timespec& then) {
  const int64_t seconds = std::max<int64_t>(time(nullptr) - then.tv_sec, 0);
  for (const auto& [unit, length] : {std::pair{"d", 86400}, {"h", 3600}, {"min", 60}})
    if (seconds >= 2 * length)
      return fmt::format("{} {}", seconds / length, unit);
  return fmt::format("{} s", seconds);
}

/// The directory, if there is one and it is the user's; also when nothing is kept there at present.
rt::DiskCache& directory_of(codegen::KernelStore& store) {
  rt::DiskCache& cache = store.cache();
  if (cache.directory().empty())
    throw Error("there is no cache: " + store.off());
  if (const std::string refusal = cache.refusal(); !refusal.empty())
    throw Error("the cache is not used: " + refusal, ErrorKind::system);
  return cache;
}

std::string size(const rt::DiskCache& cache) {
  uint64_t bytes = 0;
  const auto entries = cache.entries();
  for (const rt::DiskCache::Entry& entry : entries)
    bytes += entry.bytes;
  return fmt::format("{}, {} of {}", count(entries.size(), "file"), amount(bytes), amount(cache.capacity()));
}

int show_state(codegen::KernelStore& store) {
  const rt::DiskCache& cache = store.cache();
  const std::string off = store.off();
  fmt::print("{}\n", cache.directory().empty() ? "no directory" : cache.directory());
  if (off.empty() || (!cache.directory().empty() && cache.refusal().empty()))
    fmt::print("{}\n", size(cache));
  if (!off.empty())
    fmt::print("off: {}\n", off);
  return 0;
}

int show_size(codegen::KernelStore& store) {
  const rt::DiskCache& cache = directory_of(store);
  fmt::print("{}\n{}\n", cache.directory(), size(cache));
  return 0;
}

int list(codegen::KernelStore& store) {
  const rt::DiskCache& cache = directory_of(store);
  fmt::print("{}\n", cache.directory());
  uint64_t damaged = 0;
  std::vector<char> bytes;
  for (const rt::DiskCache::Entry& entry : cache.entries()) {
    if (!cache.peek(entry.key, bytes)) {
      ++damaged; // or another process has removed it by now
      continue;
    }
    const auto kernel = codegen::unpack({bytes.data(), bytes.size()});
    fmt::print("{}  {:>9}  {:>7}  {:<26}  {}\n", rt::to_hex(entry.key).substr(0, 12), amount(entry.bytes),
               age(entry.used), kernel ? kernel->target : "", kernel ? kernel->algorithm : "weights");
  }
  if (damaged > 0)
    fmt::print("{} damaged, removed\n", count(damaged, "file"));
  return 0;
}

int clear(codegen::KernelStore& store) {
  const rt::DiskCache& cache = directory_of(store);
  const rt::DiskCache::Removed removed = cache.clear();
  fmt::print("{}\n{}, {} removed\n", cache.directory(), count(removed.files, "file"), amount(removed.bytes));
  return 0;
}

} // namespace

Command add_cache(CLI::App& app) {
  CLI::App* sub = app.add_subcommand("cache", "Show or clear the kernels and weights kept on disk");
  sub->footer("Compiled kernels, and weights in the layouts they read, are kept in SINTER_CACHE_DIR, else in "
              "$XDG_CACHE_HOME/sinter, else in ~/.cache/sinter, up to SINTER_CACHE_BYTES (1G); what was not "
              "used for the longest time goes first. "
              "SINTER_CACHE=off: none are.");
  auto action = std::make_shared<std::string>();
  sub->add_option(
         "ACTION", *action,
         "list: every file, with its size, the time since its last use, and of kernels the target and "
         "algorithm. size: "
         "how much there is. clear: remove all. Without: the directory, whether it is used, and if not, why")
      ->check(one_of({"list", "size", "clear"}))
      ->type_name("");
  return [action] {
    codegen::KernelStore& store = codegen::KernelStore::instance();
    return action->empty()     ? show_state(store)
           : *action == "list" ? list(store)
           : *action == "size" ? show_size(store)
                               : clear(store);
  };
}

} // namespace sinter::tool
