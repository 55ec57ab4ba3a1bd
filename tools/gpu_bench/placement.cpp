// Where the benchmark's tensors lie.
#include "placement.h"

#include "workload.h"

namespace sinter::bench {

CompileOptions compile_options(const Settings& settings) {
  CompileOptions options;
  options.fuse = settings.fuse;
  options.device = settings.device;
  options.precision = settings.precision;
  return options;
}

Tensor placed(const Tensor& tensor, const Settings& settings) {
  return tensor.to(Device::named(settings.device));
}

Tensor on_host(const Tensor& tensor) {
  return tensor.to(Device::cpu);
}

void wait(const Settings& settings) {
  synchronize(Device::named(settings.device));
}

} // namespace sinter::bench
