// Devices by name, and waiting for them.
#include "sinter/device.h"

#include "codegen/cuda/compile.h"
#include "trace/errors.h"
#include "trace/placement.h"

namespace sinter {

Device Device::named(const std::string& name, SourceLocation where) {
  return trace::locate(where, "device", [&] {
    const auto ordinal = codegen::cuda::ordinalOf(name);
    return ordinal ? Device{Kind::cuda, *ordinal} : Device::cpu;
  });
}

std::string to_string(Device device) {
  return device == Device::cpu ? "cpu" : "cuda:" + std::to_string(device.index);
}

bool is_available(Device device) {
  try {
    trace::open(device);
    return true;
  } catch (const Error&) {
    return false;
  }
}

void synchronize(Device device, SourceLocation where) {
  trace::locate(where, "synchronize", [&] {
    if (rt::Device* opened = trace::open(device)) {
      const auto lock = opened->exclusive();
      opened->synchronize();
    }
  });
}

} // namespace sinter
