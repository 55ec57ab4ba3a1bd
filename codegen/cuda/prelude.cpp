// The prelude, as its files lie beside this one.
#include "codegen/cuda/printer.h"
#include "codegen/embed.h"

#include <string>

SINTER_EMBED(cuda_prelude, SINTER_CUDA_PRELUDE)
SINTER_EMBED(cuda_tensor_cores, SINTER_CUDA_TENSOR_CORES)
SINTER_EMBED(cuda_attention, SINTER_CUDA_ATTENTION)

namespace sinter::codegen::cuda {

std::string_view prelude() {
  static const std::string text =
      std::string(cuda_prelude()) + std::string(cuda_tensor_cores()) + std::string(cuda_attention());
  return text;
}

} // namespace sinter::codegen::cuda
