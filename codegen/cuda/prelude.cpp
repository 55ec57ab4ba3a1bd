// The prelude, as it lies beside this file.
#include "codegen/cuda/printer.h"
#include "codegen/embed.h"

SINTER_EMBED(cuda_prelude, SINTER_CUDA_PRELUDE)

namespace sinter::codegen::cuda {

std::string_view prelude() {
  return cuda_prelude();
}

} // namespace sinter::codegen::cuda
