// The driver is loaded once; without one, every call says so again.
#include "cuda/driver.h"

#include "sinter/runtime/error.h"

namespace sinter::rt::cuda {

namespace {

// Faults of a kernel, after which every call says the same: CUDA_ERROR_ILLEGAL_ADDRESS, _LAUNCH_TIMEOUT,
// _ASSERT, _HARDWARE_STACK_ERROR to _INVALID_PC, _LAUNCH_FAILED.
bool stays(Status status) {
  return status == 700 || status == 702 || status == 710 || (status >= 714 && status <= 719);
}

} // namespace

const Driver& Driver::loaded() {
  static const Driver driver;
  return driver;
}

const Driver& Driver::get() {
  const Driver& driver = loaded();
  if (!driver.library.usable())
    throw Error("there is no CUDA device: " + driver.library.error(), ErrorKind::system);
  static const Status status = driver.init(0);
  driver.check(status, "CUDA's driver cannot be used");
  return driver;
}

void Driver::check(Status status, const char* what) const {
  if (status == 0)
    return;
  const char* text = nullptr;
  error_string(status, &text);
  throw Error(std::string(what) + ": " + (text ? text : "unknown error") + " (CUDA error " +
                  std::to_string(status) +
                  (stays(status) ? "; this process cannot use the device any more)" : ")"),
              ErrorKind::system);
}

Library toolkit_library(const std::string& name) {
  constexpr int kNewest = 13000, kMajor = 1000, kMinor = 10; // 12040: CUDA 12.4
  int version = kNewest;
  if (const Driver& driver = Driver::loaded(); driver.library.usable() && driver.version(&version) != 0)
    version = kNewest;
  if (version >= kNewest)
    return Library({name + ".so.13", name + ".so.12"});
  return Library({name + ".so.12"}, "the driver is of CUDA " + std::to_string(version / kMajor) + "." +
                                        std::to_string(version % kMajor / kMinor));
}

} // namespace sinter::rt::cuda
