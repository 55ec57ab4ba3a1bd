// Where the benchmark's tensors lie.
#include "placement.h"

#include "workload.h"

#include "sinter/runtime/cuda/device.h"

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

std::string opened(const std::string& device) {
  const Device named = Device::named(device);
  if (named == Device::cpu)
    return "the host's processors";
  const auto gpu = rt::cuda::CudaDevice::open(named.index);
  return gpu->name() + ", " + gpu->architecture();
}

void check_computes(const std::string& device) {
  const double sum = (Tensor::ones({1}).to(Device::named(device)) + 2).item();
  if (sum != 3)
    throw Error(device + " computes " + std::to_string(sum) + " for 1 + 2");
}

} // namespace sinter::bench
