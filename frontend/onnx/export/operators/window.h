// Windows of pools, and sums over them as convolutions.
#pragma once

#include "frontend/onnx/export/op_writer.h"

namespace sinter::onnx_export {

/// The windows of a pool over an input of the extents `input`; there are `output` of them. Padding after the
/// input is such that this many windows fit when their number is rounded down: what ONNX says of rounding up
/// has changed, and is not what everybody does.
struct Window {
  Dims kernel, strides, dilations, pad_begin, pad_end, input, output;
  bool ceil_mode = false;
  Dims given_end; ///< padding as the operation has it

  template <class Op>
  static Window of(Op op, llvm::ArrayRef<int64_t> input, llvm::ArrayRef<int64_t> output) {
    Window window{Dims(op.getKernel()),
                  Dims(op.getStrides()),
                  Dims(op.getDilations()),
                  Dims(op.getPadBegin()),
                  {},
                  Dims(input.take_back(op.getKernel().size())),
                  Dims(output.take_back(op.getKernel().size())),
                  op.getCeilMode(),
                  Dims(op.getPadEnd())};
    window.fit();
    return window;
  }

  std::size_t rank() const { return kernel.size(); }
  int64_t reach(std::size_t d) const { return dilations[d] * (kernel[d] - 1) + 1; }
  int64_t taps() const;
  bool is_dilated() const;
  /// True if a window may lie in padding only, by ONNX's rules for pools an error.
  bool is_padded_widely() const;
  Dims pads() const;
  llvm::SmallVector<Attribute> attributes() const;
  /// How many elements each window has, at least 1: those inside the input, or inside input and padding.
  llvm::SmallVector<double> counts(bool include_pad) const;
  /// For each window, whether it has an element inside the input.
  bool all_have_elements() const;

private:
  void fit();
};

/// Those of a convolution, always the same ones in the same order.
llvm::SmallVector<Attribute> convolution_attributes(llvm::ArrayRef<int64_t> kernel,
                                                    llvm::ArrayRef<int64_t> strides,
                                                    llvm::ArrayRef<int64_t> dilations,
                                                    llvm::ArrayRef<int64_t> pads, int64_t groups);

/// [1, 1, extents...]
Dims for_channels(llvm::ArrayRef<int64_t> extents);

/// [N, C, in...] becomes [N, C * filters, out...]: every channel convolved with `filters` filters of its own,
/// whose taps are `filter` in row-major order.
std::string write_windows(OpWriter& w, const Window& window, const Input& input, int64_t channels,
                          int64_t filters, llvm::ArrayRef<double> filter, Type element);
/// The transpose: [N, C * filters, out...] becomes [N, C, in...], of which nothing is left to do but this
/// last node, the operation's result.
void write_windows_back(OpWriter& w, const Window& window, const Input& values, int64_t channels,
                        int64_t filters, llvm::ArrayRef<double> filter, Type element);

/// Filters that have 1 at one tap and 0 elsewhere, one for each tap; the taps of one filter after the other.
llvm::SmallVector<double> one_per_tap(int64_t taps);

} // namespace sinter::onnx_export
