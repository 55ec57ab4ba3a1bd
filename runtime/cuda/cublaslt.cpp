// cuBLASLt is loaded when a program first has use for it.
#include "cuda/cublaslt.h"

#include "sinter/runtime/error.h"
#include "sinter/runtime/log.h"

namespace sinter::rt::cuda::cublaslt {

const CublasLt* CublasLt::find() {
  static const CublasLt loaded;
  static const bool usable = [] {
    if (!loaded.library.usable() && loaded.library.was_found())
      log("cuBLASLt is not used: " + loaded.library.error());
    return loaded.library.usable();
  }();
  return usable ? &loaded : nullptr;
}

void CublasLt::check(Status status, const char* what) const {
  if (status != 0)
    throw Error(std::string("cuBLASLt: ") + what + ": " + status_name(status), ErrorKind::system);
}

} // namespace sinter::rt::cuda::cublaslt
