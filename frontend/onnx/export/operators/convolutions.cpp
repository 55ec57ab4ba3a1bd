// Convolutions, transposed convolutions, and the gradient of filters.
#include "frontend/onnx/export/exporters.h"

namespace sinter::onnx_export {
namespace {

Dims concatenated(llvm::ArrayRef<int64_t> a, llvm::ArrayRef<int64_t> b) {
  Dims all(a);
  all.append(b.begin(), b.end());
  return all;
}

template <class Op>
llvm::SmallVector<Attribute> attributes_of(Op op, llvm::ArrayRef<int64_t> kernel) {
  return {{"kernel_shape", kernel},
          {"strides", op.getStrides()},
          {"dilations", op.getDilations()},
          {"pads", llvm::ArrayRef<int64_t>(concatenated(op.getPadBegin(), op.getPadEnd()))},
          {"group", static_cast<int64_t>(op.getGroups())}};
}

void write_conv(OpWriter& w, ir::ConvOp op) {
  w.result("Conv", {op.getInput(), op.getFilter(), op.getBias()},
           attributes_of(op, dims_of(op.getFilter()).drop_front(2)));
}

void write_conv_transpose(OpWriter& w, ir::ConvTransposeOp op) {
  auto attributes = attributes_of(op, dims_of(op.getFilter()).drop_front(2));
  attributes.push_back({"output_padding", op.getOutputPadding()});
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
  const std::string taps =
      w.node("Conv", {images, filter},
             {{"kernel_shape", cotangent.drop_front(2)},
              {"strides", op.getDilations()},
              {"dilations", op.getStrides()},
              {"pads", llvm::ArrayRef<int64_t>(concatenated(op.getPadBegin(), op.getPadEnd()))},
              {"group", groups}});
  // Positions that strides left over would be further taps.
  Dims starts(static_cast<std::size_t>(count), 0), axes;
  for (int64_t i = 0; i < count; ++i)
    axes.push_back(2 + i);
  const std::string kernel = w.node("Slice", {taps, w.integers("starts", starts),
                                              w.integers("ends", op.getKernel()), w.integers("axes", axes)});
  w.result("Transpose", {kernel}, {{"perm", llvm::ArrayRef<int64_t>(swap)}});
}

} // namespace

void add_convolutions(ExporterTable& table) {
  table.add(write_conv);
  table.add(write_conv_transpose);
  table.add(write_filter_gradient);
}

} // namespace sinter::onnx_export
