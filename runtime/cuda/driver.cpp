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

bool Driver::usable() const {
  return init && error_string && device_count && device && device_name && device_attribute && total_memory &&
         retain_context && push_context && pop_context && create_stream && synchronize && create_event &&
         record_event && wait_for_event && allocate_host && create_pool && allocate && set_pool_attribute &&
         trim_pool && release && upload && download && copy && set_bytes && load_module && unload_module &&
         function && set_attribute && launch && begin_capture && end_capture && create_graph &&
         destroy_graph && add_kernel_node && add_child_graph && instantiate && set_kernel_node &&
         set_child_graph && launch_graph && destroy_exec;
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
                  std::to_string(status) +
                  (stays(status) ? "; this process cannot use the device any more)" : ")"),
              ErrorKind::system);
}

} // namespace sinter::rt::cuda
