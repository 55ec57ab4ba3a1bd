// A convolution or matrix product in the terms the micro-kernel generators think in.
#pragma once

#include "llvm/ADT/SmallVector.h"

#include <array>
#include <cstdint>

namespace sinter::ir {

/// Sizes of a contraction. Spatial sizes are (depth, height, width), 1 where the operation has fewer
/// dimensions.
///
/// Convolution: lhs [batch, groups * in_channels, spatial...], rhs (filter) [groups * out_channels,
/// in_channels, kernel...], result [batch, groups * out_channels, output...]. Matrix product: lhs [batch...,
/// m, k], rhs [batch..., k, n], whose batches broadcast, result [batch..., m, n]; here `batch` is the product
/// of the batch dimensions, in_channels = k, out_channels = n, and input = output = (1, 1, m).
/// Gradient of a filter: the sizes of the convolution; its result is the rhs here, and its filter the result.
struct Contraction {
  enum class Kind : uint8_t { matmul, convolution, transposed_convolution, filter_gradient };
  Kind kind = Kind::convolution;
  int64_t batch = 1;
  int64_t groups = 1;
  int64_t inChannels = 1;  ///< of one group
  int64_t outChannels = 1; ///< of one group
  std::array<int64_t, 3> input{1, 1, 1};
  std::array<int64_t, 3> output{1, 1, 1};
  std::array<int64_t, 3> kernel{1, 1, 1};
  std::array<int64_t, 3> stride{1, 1, 1};
  std::array<int64_t, 3> dilation{1, 1, 1};
  std::array<int64_t, 3> padBegin{0, 0, 0};
  bool transposeLhs = false; ///< matmul: lhs is stored [.., k, m]
  bool transposeRhs = false; ///< matmul: rhs is stored [.., n, k]
  int64_t winogradTile = 0;  ///< convolution: by Winograd's F(tile x tile, 3 x 3); 0: directly
  bool hasBias = false;      ///< operand 2 is a bias of groups * out_channels elements

  bool isDepthwise() const {
    return kind == Kind::convolution && inChannels == 1 && outChannels == 1 && groups > 1;
  }
  /// Multiply-adds times two.
  double flops() const {
    double macs = static_cast<double>(batch) * static_cast<double>(groups) * static_cast<double>(inChannels) *
                  static_cast<double>(outChannels);
    const auto& positions = kind == Kind::transposed_convolution ? input : output;
    for (int d = 0; d < 3; ++d)
      macs *= static_cast<double>(positions[static_cast<std::size_t>(d)]) *
              static_cast<double>(kernel[static_cast<std::size_t>(d)]);
    return 2 * macs;
  }
};

/// The sums of products that a contraction is (LoopEmitter::products), as a matrix product: dimensions of the
/// result along which only the first, or only the second factor changes. Along others, both do. Empty: there
/// is no such.
struct FactorDimensions {
  llvm::SmallVector<int64_t, 4> first, second;
  int64_t terms = 0; ///< of every sum
  /// Of each factor: terms that are neighbours in the sum are neighbours in memory.
  bool firstAlongSum = false, secondAlongSum = false;
};

} // namespace sinter::ir
