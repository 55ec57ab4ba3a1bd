// OpenBLAS, loaded when first needed.
#pragma once

namespace sinter::eager {

/// The entry points of CBLAS that the eager tier uses; both null if the library is not installed.
struct Blas {
  // Enumerations are passed as CBLAS numbers them: row-major 101, as stored 111, transposed 112.
  void (*sgemm)(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float* a,
                int lda, const float* b, int ldb, float beta, float* c, int ldc) = nullptr;
  void (*dgemm)(int order, int transpose_a, int transpose_b, int m, int n, int k, double alpha,
                const double* a, int lda, const double* b, int ldb, double beta, double* c,
                int ldc) = nullptr;
};

const Blas& blas();

} // namespace sinter::eager
