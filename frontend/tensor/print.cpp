// Tensors as text.
#include "sinter/tensor.h"

#include "trace/placement.h"
#include "trace/trace.h"

#include <cstdio>

namespace sinter {
namespace {

constexpr int64_t kMostPrinted = 64;

std::string element_text(const View& view, int64_t offset) {
  return visit_dtype(view.dtype, "to_string", [&](auto zero) -> std::string {
    using T = decltype(zero);
    const T value = view.as<T>()[offset];
    if constexpr (std::is_same_v<T, bool>)
      return value ? "true" : "false";
    else if constexpr (std::is_floating_point_v<T>) {
      char text[32];
      std::snprintf(text, sizeof(text), "%.6g", static_cast<double>(value));
      return text;
    } else
      return std::to_string(value);
  });
}

// Dimensions from `dim` on, at `offset`.
void append_elements(const View& view, int dim, int64_t offset, std::string& text) {
  if (dim == view.rank()) {
    text += element_text(view, offset);
    return;
  }
  text += '[';
  for (int64_t i = 0; i < view.shape[dim]; ++i) {
    if (i > 0)
      text += ", ";
    append_elements(view, dim + 1, offset + i * view.strides[dim], text);
  }
  text += ']';
}

} // namespace

std::string to_string(const Tensor& tensor) {
  std::string text = to_string(View{nullptr, tensor.dtype(), tensor.shape(), {}});
  if (trace::is_readable(tensor) && tensor.elements() <= kMostPrinted) {
    const bool is_half = tensor.dtype() == DType::f16 || tensor.dtype() == DType::bf16;
    const Tensor here = trace::placed(tensor, Device::cpu),
                 shown = is_half ? trace::without_halves(here.view()) : here;
    text += ' ';
    append_elements(shown.view(), 0, 0, text);
  }
  if (const Device device = tensor.device(); device != Device::cpu)
    text += " on " + to_string(device);
  return text;
}

} // namespace sinter
