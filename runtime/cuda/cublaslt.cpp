// cuBLASLt is loaded when a program first has use for it.
#include "cuda/cublaslt.h"

#include "sinter/runtime/error.h"

namespace sinter::rt::cuda::cublaslt {

const CublasLt* CublasLt::find() {
  static const CublasLt loaded;
  static const bool usable = loaded.create && loaded.status_name && loaded.create_operation &&
                             loaded.destroy_operation && loaded.set_operation && loaded.create_layout &&
                             loaded.destroy_layout && loaded.set_layout && loaded.create_preference &&
                             loaded.destroy_preference && loaded.set_preference && loaded.heuristic &&
                             loaded.matmul;
  return usable ? &loaded : nullptr;
}

void CublasLt::check(Status status, const char* what) const {
  if (status != 0)
    throw Error(std::string("cuBLASLt: ") + what + ": " + status_name(status), ErrorKind::system);
}

} // namespace sinter::rt::cuda::cublaslt
