// Loads OpenBLAS with the settings it fails to find out by itself.
#include "matmul_blas.h"

#include <cstdlib>
#include <dlfcn.h>
#include <sched.h>
#include <string>

namespace sinter::eager {
namespace {

// OpenBLAS knows processors by model number and takes those it does not know, as virtual machines often
// report them, for a Prescott: a fifth of the speed. It reads the variable when it is loaded.
void choose_core_type() {
#if defined(__x86_64__)
  const char* type = nullptr;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    type = "SKYLAKEX";
  else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    type = __builtin_cpu_is("amd") ? "ZEN" : "HASWELL";
  if (type)
    setenv("OPENBLAS_CORETYPE", type, /*overwrite=*/0);
#endif
}

void choose_threads() {
  cpu_set_t processors;
  if (getenv("OMP_NUM_THREADS") || getenv("GOTO_NUM_THREADS") ||
      sched_getaffinity(0, sizeof(processors), &processors) != 0)
    return;
  setenv("OPENBLAS_NUM_THREADS", std::to_string(CPU_COUNT(&processors)).c_str(), /*overwrite=*/0);
}

Blas load() {
  choose_core_type();
  choose_threads();
  Blas blas;
  void* library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  if (!library)
    library = dlopen("libopenblas.so", RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return blas;
  blas.sgemm = reinterpret_cast<decltype(blas.sgemm)>(dlsym(library, "cblas_sgemm"));
  blas.dgemm = reinterpret_cast<decltype(blas.dgemm)>(dlsym(library, "cblas_dgemm"));
  return blas;
}

} // namespace

const Blas& blas() {
  static const Blas loaded = load();
  return loaded;
}

} // namespace sinter::eager
