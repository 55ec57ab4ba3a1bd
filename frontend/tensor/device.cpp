// Devices by name, and waiting for them.
#include "sinter/device.h"

#include "trace/errors.h"
#include "trace/placement.h"

namespace sinter {

Device Device::named(const std::string& name, SourceLocation where) {
  return trace::locate(where, "device", [&] { return trace::device_named(name); });
}

std::string to_string(Device device) {
  return device.kind == Device::Kind::cpu ? "cpu" : "cuda:" + std::to_string(device.index);
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
