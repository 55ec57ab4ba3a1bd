// Devices by name.
#include "sinter/runtime/cuda/device.h"
#include "sinter/runtime/error.h"

#include <charconv>
#include <string_view>

namespace sinter::rt::cuda {

std::optional<int> ordinal_of(const std::string& name) {
  if (name == "cpu")
    return std::nullopt;
  if (name == "cuda")
    return 0;
  constexpr std::string_view kPrefix = "cuda:";
  if (name.starts_with(kPrefix)) {
    int ordinal = 0;
    std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), ordinal);
    // Only one text of a number is its name.
    if (ordinal >= 0 && name == std::string(kPrefix) + std::to_string(ordinal))
      return ordinal;
  }
  throw Error("unknown device '" + name + "': use cpu, cuda or cuda:N");
}

} // namespace sinter::rt::cuda
