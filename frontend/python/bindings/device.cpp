// Devices, which Python calls by name.
#include "located.h"

#include "sinter/compile.h"
#include "sinter/device.h"

namespace sinter::python {

void bind_device(nb::module_& module) {
  module.def(
      "is_available",
      [](const std::string& device) {
        return unlocked(
            [&](const SourceLocation& where) { return is_available(Device::named(device, where)); });
      },
      "device"_a, "True if there is such a device, as \"cuda\" or \"cuda:1\", and it can be used.");
  module.def(
      "check_target",
      [](const std::string& transform, const std::string& device, const std::string& precision,
         const SourceLocation& where) { detail::check_target(transform.c_str(), device, precision, where); },
      "transform"_a, "device"_a, "precision"_a, "where"_a,
      "Raises unless the options of `transform` may name this device and this precision.");
  module.def(
      "synchronize",
      [](const std::string& device) {
        unlocked([&](const SourceLocation& where) { synchronize(Device::named(device, where), where); });
      },
      "device"_a = "cuda", "Waits until a device has done all it was given.");
}

} // namespace sinter::python
