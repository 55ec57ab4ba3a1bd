// Convolutions, transposed convolutions, and the gradient of filters.
#include "frontend/onnx/export/exporters.h"
#include "frontend/onnx/export/operators/window.h"

#include <algorithm>

namespace sinter::onnx_export {
namespace {

Dims concatenated(llvm::ArrayRef<int64_t> a, llvm::ArrayRef<int64_t> b) {
  Dims all(a);
  all.append(b.begin(), b.end());
  return all;
}

void write_conv(OpWriter& w, ir::ConvOp op) {
  w.result("Conv", {op.getInput(), op.getFilter(), op.getBias()},
           convolution_attributes(dims_of(op.getFilter()).drop_front(2), op.getStrides(), op.getDilations(),
                                  concatenated(op.getPadBegin(), op.getPadEnd()),
                                  static_cast<int64_t>(op.getGroups())));
}

// Output padding is below the stride in ONNX; more of it is less padding at the end, as far as there is any.
void write_conv_transpose(OpWriter& w, ir::ConvTransposeOp op) {
  Dims pad_end(op.getPadEnd()), output_padding(op.getOutputPadding());
  for (std::size_t d = 0; d < pad_end.size(); ++d) {
    const int64_t stride = op.getStrides()[d];
    if (output_padding[d] < stride)
      continue;
    const int64_t both = std::min(pad_end[d], output_padding[d]);
    pad_end[d] -= both;
    output_padding[d] -= both;
    if (output_padding[d] >= stride)
      throw Error("output padding " + std::to_string(output_padding[d]) + " is not below stride " +
                  std::to_string(stride));
  }
  auto attributes =
      convolution_attributes(dims_of(op.getFilter()).drop_front(2), op.getStrides(), op.getDilations(),
                             concatenated(op.getPadBegin(), pad_end), static_cast<int64_t>(op.getGroups()));
  attributes.push_back({"output_padding", output_padding});
  w.result("ConvTranspose", {op.getInput(), op.getFilter(), op.getBias()}, attributes);
}

// A convolution seen from the side: channels are the images of the batch, taps are positions.
void write_filter_gradient(OpWriter& w, ir::ConvFilterGradientOp op) {
  const auto input = dims_of(op.getInput()), cotangent = dims_of(op.getCotangent());
  const auto spatial = input.drop_front(2);
  const auto groups = static_cast<int64_t>(op.getGroups());
  const int64_t own = input[1] / groups; // channels
  const auto count = static_cast<int64_t>(spatial.size());
  // [N, C, ...] -> [N, groups, own, ...] -> [own, groups, N, ...] -> [own, groups * N, ...]
  Dims apart{input[0], groups, own}, order{2, 1, 0}, joined{own, groups * input[0]}, swap{1, 0};
  for (int64_t i = 0; i < count; ++i) {
    order.push_back(3 + i);
    swap.push_back(2 + i);
  }
  apart.append(spatial.begin(), spatial.end());
  joined.append(spatial.begin(), spatial.end());
  std::string images = w.node("Reshape", {op.getInput(), w.integers("shape", apart)});
  images = w.node("Transpose", {images}, {{"perm", llvm::ArrayRef<int64_t>(order)}});
  images = w.node("Reshape", {images, w.integers("shape", joined)});
  const std::string filter =
      w.node("Transpose", {op.getCotangent()}, {{"perm", llvm::ArrayRef<int64_t>(swap)}});
  std::string taps =
      w.node("Conv", {images, filter},
             convolution_attributes(cotangent.drop_front(2), op.getDilations(), op.getStrides(),
                                    concatenated(op.getPadBegin(), op.getPadEnd()), groups));
  // Positions that strides left over would be further taps.
  Dims starts, ends, axes, steps;
  for (std::size_t d = 0; d < spatial.size(); ++d) {
    const int64_t padded = spatial[d] + op.getPadBegin()[d] + op.getPadEnd()[d],
                  reach = (cotangent[2 + d] - 1) * op.getStrides()[d] + 1;
    if ((padded - reach) / op.getDilations()[d] + 1 == op.getKernel()[d])
      continue;
    starts.push_back(0);
    ends.push_back(op.getKernel()[d]);
    axes.push_back(static_cast<int64_t>(2 + d));
    steps.push_back(1);
  }
  if (!axes.empty())
    taps = w.node("Slice", {taps, w.integers("starts", starts), w.integers("ends", ends),
                            w.integers("axes", axes), w.integers("steps", steps)});
  w.result("Transpose", {taps}, {{"perm", llvm::ArrayRef<int64_t>(swap)}});
}

} // namespace

void add_convolutions(ExporterTable& table) {
  table.add(write_conv);
  table.add(write_conv_transpose);
  table.add(write_filter_gradient);
}

} // namespace sinter::onnx_export
