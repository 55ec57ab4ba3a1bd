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

const Driver& Driver::get() {
  static const Driver driver;
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

} // namespace sinter::rt::cuda
