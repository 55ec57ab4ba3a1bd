// The driver is loaded once; without one, every call says so again.
#include "cuda/driver.h"

#include "sinter/runtime/error.h"

namespace sinter::rt::cuda {

bool Driver::usable() const {
  return init && error_string && device_count && device && device_name && device_attribute && total_memory &&
         retain_context && push_context && pop_context && create_stream && synchronize && allocate &&
         release && upload && download && copy && load_module && unload_module && function && launch;
}

const Driver& Driver::get() {
  static const Driver driver;
  if (!driver.usable())
    throw Error("there is no CUDA device: " + (driver.library.loaded()
                                                   ? "the driver found lacks functions of CUDA 12"
                                                   : driver.library.error()),
                ErrorKind::system);
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
                  std::to_string(status) + ")",
              ErrorKind::system);
}

} // namespace sinter::rt::cuda
