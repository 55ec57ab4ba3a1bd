// Where tensors lie and programs run.
#pragma once

#include "sinter/source_location.h"

#include <cstdint>
#include <string>

namespace sinter {

/// The host's processors and memory, or one GPU.
struct Device {
  enum class Kind : uint8_t { cpu, cuda };

  Kind kind = Kind::cpu;
  int index = 0; ///< of several GPUs

  static const Device cpu;
  /// The device that "cpu", "cuda" or "cuda:N" names. Throws Error for another text.
  static Device named(const std::string& name, SourceLocation where = SourceLocation::current());

  bool operator==(const Device&) const = default;
};

inline constexpr Device Device::cpu{};
/// The first GPU: x.to(cuda).
inline constexpr Device cuda{Device::Kind::cuda, 0};

/// "cpu", "cuda:0".
std::string to_string(Device device);

/// True if there is such a device and it can be used.
bool is_available(Device device);

/// Waits until a device has done all it was given: what runs on a GPU returns before. Reading elements waits,
/// too. Throws Error if there is no such device, or if it reports a fault.
void synchronize(Device device, SourceLocation where = SourceLocation::current());

} // namespace sinter
