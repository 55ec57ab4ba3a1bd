// Convolutions with what follows them, by cuDNN.
#pragma once

#include "sinter/runtime/cuda/device.h"
#include "sinter/runtime/dtype.h"
#include "sinter/runtime/pointwise_function.h"

#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

namespace sinter::rt::cuda {

/// A tensor of a call: where its elements lie in one of the call's buffers.
struct BufferTensor {
  uint32_t buffer = 0; ///< number
  DType dtype = DType::f32;
  std::vector<int64_t> extents, strides; ///< strides in elements

  bool operator==(const BufferTensor&) const = default;
};

/// One elementwise function of a call, on f32.
struct PointwiseStep {
  /// What step `number` made; -1: the convolution.
  struct Earlier {
    int32_t number = -1;
  };
  /// Tensors have the rank of the result, with extents that broadcast to its.
  using Operand = std::variant<Earlier, BufferTensor, float>;

  PointwiseFunction function;
  Operand a;
  Operand b = Earlier{}; ///< of binary functions only
};

/// A convolution or one of its gradients, then steps, of which the last makes the result. Tensors are of f32,
/// f16 or bf16, all of one type, with one or two or three spatial dimensions: images [N, C, ...], filters
/// [M, C / groups, ...], whose extents say how many groups there are.
struct FusedConvolution {
  enum class Kind : uint8_t {
    forward,         ///< image, filter -> image
    data_gradient,   ///< image's cotangent, filter -> the image's gradient: a transposed convolution
    filter_gradient, ///< image, its cotangent -> filter
  };
  Kind kind = Kind::forward;
  BufferTensor first, second, result;
  std::vector<int64_t> strides, dilations, pad_begin, pad_end; ///< one for each spatial dimension
  std::vector<PointwiseStep> steps;                            ///< none: the sums are the result
  bool tf32 = false;    ///< factors of f32 may lose bits: 10 of the mantissa are left
  bool precise = false; ///< products are summed up as they are: neither Winograd's algorithm nor FFTs
};

/// `count` ways to compute `problem` on `device`, or fewer, as cuDNN would try them in turn; none, if there
/// is no cuDNN of 9.8 or newer or it has none that always gives the same bits. Buffers are at least as large
/// as the tensors say. From several threads at once. Throws Error (system).
std::vector<std::shared_ptr<const DeviceCall>>
plan_convolution(CudaDevice& device, const FusedConvolution& problem, std::size_t count = 1);

} // namespace sinter::rt::cuda
