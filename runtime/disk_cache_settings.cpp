// Where the cache on disk is, as the environment says.
#include "sinter/runtime/disk_cache.h"
#include "sinter/runtime/error.h"

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <optional>

namespace sinter::rt {
namespace {

/// Unset and empty are the same.
std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::optional<uint64_t> byte_count(std::string_view text) {
  int shift = 0;
  if (!text.empty())
    switch (text.back()) {
    case 'K':
      shift = 10;
      break;
    case 'M':
      shift = 20;
      break;
    case 'G':
      shift = 30;
      break;
    default:
      break;
    }
  if (shift > 0)
    text.remove_suffix(1);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > (UINT64_MAX >> 1 >> shift))
    return std::nullopt;
  return value << shift;
}

std::string wanted_directory() {
  if (const std::string named = environment("SINTER_CACHE_DIR"); !named.empty()) {
    std::error_code code; // a relative path where the working directory is gone: as if there were no place
    const std::filesystem::path path = std::filesystem::absolute(named, code);
    return code ? "" : path.lexically_normal().string();
  }
  // The XDG base directory specification: relative paths are not valid and are ignored.
  if (const std::string base = environment("XDG_CACHE_HOME"); base.starts_with('/'))
    return base + "/sinter";
  if (const std::string home = environment("HOME"); home.starts_with('/'))
    return home + "/.cache/sinter";
  return "";
}

} // namespace

DiskCacheSettings DiskCacheSettings::from_environment() {
  DiskCacheSettings settings;
  const std::string state = environment("SINTER_CACHE");
  if (!state.empty() && state != "on" && state != "off")
    throw Error("SINTER_CACHE is '" + state + "': neither on nor off");
  if (const std::string bytes = environment("SINTER_CACHE_BYTES"); !bytes.empty()) {
    const auto value = byte_count(bytes);
    if (!value)
      throw Error("SINTER_CACHE_BYTES is '" + bytes + "': not a number of bytes, which may end in K, M or G");
    settings.capacity = *value;
  }
  settings.directory = wanted_directory();
  if (state == "off")
    settings.off = "SINTER_CACHE is off";
  else if (settings.directory.empty())
    settings.off = "there is no place for it: none of SINTER_CACHE_DIR, XDG_CACHE_HOME and HOME names one";
  return settings;
}

} // namespace sinter::rt
