// A convolution or matrix product as one strided loop nest: what the micro-kernel planner and generator work
// on.
#pragma once

#include "ir/contraction.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <array>
#include <cstdint>

namespace sinter::codegen::cpu::contraction {

/// (depth, height, width)
using Triple = std::array<int64_t, 3>;

/// Positions (width innermost) times blocks of `lanes` output channels, reduced over kernel positions and
/// input channels. A matrix product is a 1x1 convolution whose positions are the rows of the lhs. All strides
/// are in elements.
struct Problem {
  const char* algorithm = "direct conv"; ///< what reports call it
  bool depthwise =
      false; ///< lanes of the input meet lanes of the filter one to one; nothing is reduced over channels
  int64_t lanes = 1;

  // Outer loops.
  llvm::SmallVector<int64_t> batchDims; ///< extents of the batch loops, outermost first
  llvm::SmallVector<int64_t> inputBatchStrides, filterBatchStrides, outputBatchStrides;
  int64_t groups = 1;
  int64_t inputGroupStride = 0, filterGroupStride = 0, outputGroupStride = 0;

  // Input channels of one group: `channelBlock` of them `inputChannelStride` apart, blocks `inputBlockStride`
  // apart.
  int64_t channels = 1, channelBlock = 1;
  int64_t inputChannelStride = 0, inputBlockStride = 0, filterChannelStride = 0;

  // Output channels of one group, in blocks of `lanes`.
  int64_t outChannels = 1;
  int64_t inputOutBlockStride = 0; ///< depthwise: input of the next output block
  int64_t filterBlockStride = 0, outputBlockStride = 0;
  bool outputUnpadded = false;   ///< stores past the last channel of the last block must be masked
  bool filterUnpadded = false;   ///< and so must loads of the filter
  bool filterTransposed = false; ///< matmul: the rhs is [n, k]; it must be packed before tiles can read it
  bool hasBias = false;
  bool addsToOutput = false; ///< sums start from what the output holds

  // Positions.
  Triple input{1, 1, 1}, output{1, 1, 1}, kernel{1, 1, 1}, stride{1, 1, 1}, dilation{1, 1, 1}, pad{0, 0, 0};
  Triple inputStride{0, 0, 0}, outputStride{0, 0, 0}, filterStride{0, 0, 0};

  // How a position is named to the epilogue.
  bool channelLast =
      false;               ///< result is [batch..., position..., channel], else [batch, channel, position...]
  int64_t spatialRank = 1; ///< how many of (d, h, w), counted from w, are dimensions of the result
  llvm::SmallVector<int64_t> foldedDims; ///< if not empty, w alone stands for these dimensions of the result

  int64_t batch() const;
  int64_t blocks() const { return (outChannels + lanes - 1) / lanes; }
  int64_t tailLanes() const { return outChannels % lanes; }
  int64_t rows() const { return output[0] * output[1]; }
  /// Multiply-add steps that one accumulator goes through.
  int64_t reductionSteps() const;
  double multiplyAdds() const;
  bool isEmpty() const;
  /// The range [begin, end) of kernel positions that meet the input when dimension `dim` of the output is at
  /// `at`.
  std::array<int64_t, 2> kernelRange(int dim, int64_t at) const;
};

/// Filter packed as passes/contraction_layout.h says; input blocked or row-major; result blocked.
Problem convolutionProblem(const ir::Contraction& shape, int64_t lanes, bool inputBlocked,
                           int64_t spatialRank);

/// Layouts as passes/contraction_layout.h says. Seen as a convolution whose positions are the taps and input
/// channels of the filter, whose kernel positions are those of the cotangent, and whose channels are the
/// batch. At most two spatial dimensions.
Problem filterGradientProblem(const ir::Contraction& shape, int64_t lanes);

/// `lhsBatch` and `rhsBatch` are aligned with the batch dimensions `resultBatch` and hold 1 where the operand
/// broadcasts. The rhs is packed [n / lanes][k]{lanes}, or row-major: [k, n], or [n, k] if `shape` says
/// that it is transposed.
Problem matmulProblem(const ir::Contraction& shape, int64_t lanes, bool rhsPacked,
                      llvm::ArrayRef<int64_t> lhsBatch, llvm::ArrayRef<int64_t> rhsBatch,
                      llvm::ArrayRef<int64_t> resultBatch);

} // namespace sinter::codegen::cpu::contraction
