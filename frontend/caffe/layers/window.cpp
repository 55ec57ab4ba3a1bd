// Windows of convolutions and poolings.
#include "frontend/caffe/layers/window.h"

namespace sinter::caffe_import {
namespace {

// Far above any network, far below where sums and products of such numbers overflow.
constexpr int64_t kMost = int64_t{1} << 20;

// `field`, or `field_h` and `field_w`.
Dims read_extents(const Settings& settings, const std::string& field, const std::string& short_name,
                  std::size_t count, int64_t otherwise, int64_t least) {
  const std::string h = short_name + "_h", w = short_name + "_w";
  if (!settings.has(h.c_str()) && !settings.has(w.c_str()))
    return per_dimension(settings, field.c_str(), count, otherwise, least);
  if (count != 2)
    throw Error(h + " and " + w + " are for 2 spatial dimensions; there are " + std::to_string(count));
  if (!settings.integers(field.c_str(), least, kMost).empty())
    throw Error("both " + field + " and " + h + " or " + w + " are given");
  Dims values;
  for (const std::string& name : {h, w}) {
    if (least > 0 && otherwise < 0 && !settings.has(name.c_str()))
      throw Error(name + " is missing");
    values.push_back(settings.integer(name.c_str(), otherwise, least, kMost));
  }
  return values;
}

} // namespace

Dims spatial_extents(Value value) {
  Dims dims = dims_of(value);
  if (dims.size() < 3 || dims.size() > 5)
    throw Error("the bottom has shape " + to_text(dims) +
                "; [N, C] and 1 to 3 spatial dimensions are supported");
  dims.erase(dims.begin(), dims.begin() + 2);
  return dims;
}

Dims per_dimension(const Settings& settings, const char* field, std::size_t count, int64_t otherwise,
                   int64_t least) {
  const std::vector<int64_t> values = settings.integers(field, least, kMost);
  if (values.empty())
    return Dims(count, otherwise);
  if (values.size() == 1)
    return Dims(count, values.front());
  if (values.size() != count)
    throw Error(std::string(field) + " has " + std::to_string(values.size()) + " entries for " +
                std::to_string(count) + " spatial dimensions");
  return Dims(values.begin(), values.end());
}

Window read_window(const Settings& settings, std::size_t count, bool needs_kernel) {
  Window window;
  window.kernel = read_extents(settings, "kernel_size", "kernel", count, -1, 1);
  if (window.kernel.front() < 0) {
    if (needs_kernel)
      throw Error("kernel_size is missing");
    window.kernel.clear();
  }
  window.strides = read_extents(settings, "stride", "stride", count, 1, 1);
  window.pads = read_extents(settings, "pad", "pad", count, 0, 0);
  return window;
}

} // namespace sinter::caffe_import
