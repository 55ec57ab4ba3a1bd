// Matrix products with what follows them, by cuBLASLt.
#pragma once

#include "sinter/runtime/cuda/device.h"
#include "sinter/runtime/dtype.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace sinter::rt::cuda {

/// activation(alpha * lhs * rhs + addend + bias), for each of `batch` matrices: lhs [rows, terms], rhs
/// [terms, columns], addend and result [rows, columns], bias [columns]. All of one type, f32, f16 or bf16;
/// sums are of f32.
struct FusedMatmul {
  enum class Activation : uint8_t { none, relu, gelu_tanh };

  /// Where matrices lie, in elements: rows are contiguous, and apart by `row_stride`.
  struct Matrix {
    uint32_t buffer = 0;     ///< number, of the call's buffers
    bool transposed = false; ///< the rows that lie there are the columns of the factor
    int64_t row_stride = 0;
    int64_t batch_stride = 0; ///< 0: one for all

    bool operator==(const Matrix&) const = default;
  };

  DType dtype = DType::f32;
  int64_t batch = 1, rows = 1, columns = 1, terms = 1;
  Matrix lhs, rhs, result;
  std::optional<Matrix> addend;
  std::optional<uint32_t> bias; ///< the number of its buffer
  double alpha = 1;
  Activation activation = Activation::none;
  bool tf32 = false; ///< factors of f32 may lose bits: 10 of the mantissa are left
};

/// `count` ways to compute `problem` on `device`, or fewer, as cuBLASLt would try them in turn; none, if
/// there is no cuBLASLt of CUDA 12 or newer or it has none. From several threads at once. Throws Error
/// (system).
std::vector<std::shared_ptr<const DeviceCall>> plan_matmul(CudaDevice& device, const FusedMatmul& problem,
                                                           std::size_t count = 1);

} // namespace sinter::rt::cuda
