// Convolutions, their gradients, and what follows them in memory: channels last.
#include "structure_programs.h"

namespace sinter::cuda_tests {
namespace {

// Shapes of a program's tensors: %x, a convolution's result %c, and the program's result %r.
struct Shapes {
  std::string x, filter, c, result;
};

const std::string kOnes =
    "dilations = array<i64: 1, 1>, pad_begin = array<i64: 1, 1>, pad_end = array<i64: 1, 1>";
const std::string kWindow = "strides = array<i64: 1, 1>, " + kOnes;
const std::string kSkips =
    "strides = array<i64: 2, 1>, dilations = array<i64: 1, 2>, pad_begin = array<i64: 1, "
    "2>, pad_end = array<i64: 1, 0>";

std::string tensor(const std::string& shape) {
  return "tensor<" + shape + "xf32>";
}

// %c = conv %x, %f; %d = relu %c; then `body`, which makes %r.
std::string program(const std::string& convolution, const Shapes& shapes, const std::string& body) {
  const std::string x = tensor(shapes.x), f = tensor(shapes.filter), c = tensor(shapes.c);
  return "func.func @main(%x: " + x + ", %f: " + f + ") -> " + tensor(shapes.result) + " {\n  %c = sinter." +
         convolution + " : (" + x + ", " + f + ") -> " + c + "\n  %d = sinter.relu %c : (" + c + ") -> " + c +
         "\n" + body + "  func.return %r : " + tensor(shapes.result) + "\n}\n";
}

std::string reduced(const std::string& input, const std::string& axes, const std::string& result,
                    const std::string& keep = "false") {
  return "  %r = sinter.reduce_sum %d {axes = array<i64: " + axes + ">, keep_dims = " + keep + "} : (" +
         tensor(input) + ") -> " + tensor(result) + "\n";
}

std::string depthwise(const std::string& channels) {
  const std::string images = "2x" + channels + "x9x11";
  return program("conv %x, %f {" + kWindow + ", groups = " + channels + " : i64}",
                 {images, channels + "x1x3x3", images, images},
                 "  %r = sinter.neg %d : (" + tensor(images) + ") -> " + tensor(images) + "\n");
}

} // namespace

std::vector<StructureProgram> channelsLastPrograms() {
  const std::string images = "2x32x9x11";
  const Shapes same{images, "32x32x3x3", images, images};
  const std::string conv = "conv %x, %f {" + kWindow + "}";
  auto reduction = [&](const std::string& axes, const std::string& result,
                       const std::string& keep = "false") {
    return program(conv, {images, "32x32x3x3", images, result}, reduced(images, axes, result, keep));
  };
  std::vector<StructureProgram> programs{
      {program("conv %x, %f {" + kSkips + "}", {"2x5x19x21", "33x5x3x3", "2x33x10x19", "2x33x10x19"},
               "  %r = sinter.neg %d : (tensor<2x33x10x19xf32>) -> tensor<2x33x10x19xf32>\n"),
       "tiles of 64x64"},
      {program("conv_transpose %x, %f {" + kSkips + ", output_padding = array<i64: 1, 0>}",
               {"2x6x7x9", "6x32x3x3", "2x32x14x11", "2x32x14x11"},
               "  %r = sinter.neg %d : (tensor<2x32x14x11xf32>) -> tensor<2x32x14x11xf32>\n"),
       "tiles of 64x64"},
      // The filter's gradient from a convolution's result, which need not be converted.
      {program("conv %x, %f {" + kWindow + "}", {images, "32x32x3x3", images, "32x32x3x3"},
               "  %r = sinter.conv_filter_gradient %d, %x {kernel = array<i64: 3, 3>, " + kWindow + "} : (" +
                   tensor(images) + ", " + tensor(images) + ") -> tensor<32x32x3x3xf32>\n"),
       "tiles of 64x64"},
      {depthwise("24"), "elements x4"},
      {depthwise("7"), "elements"},
      {program(
           conv, {images, "32x32x3x3", images, "2x32x4x5"},
           "  %r = sinter.max_pool %d {kernel = array<i64: 2, 3>, strides = array<i64: 2, 2>, dilations = "
           "array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : (" +
               tensor(images) + ") -> tensor<2x32x4x5xf32>\n"),
       "elements x4"},
      {program(
           conv, {images, "32x32x3x3", images, "2x68x9x11"},
           "  %z = sinter.slice %x {starts = array<i64: 0, 3, 0, 0>, sizes = array<i64: 2, 4, 9, 11>, steps "
           "= array<i64: 1, 1, 1, 1>} : (" +
               tensor(images) +
               ") -> tensor<2x4x9x11xf32>\n"
               "  %r = sinter.concat %d, %z, %d {axis = 1 : i64} : (" +
               tensor(images) + ", tensor<2x4x9x11xf32>, " + tensor(images) + ") -> tensor<2x68x9x11xf32>\n"),
       ""},
      // A gate for each channel, and sums of what it lets pass.
      {program(conv, {images, "32x32x3x3", images, "2x32"},
               "  %s = sinter.reduce_max %d {axes = array<i64: 2, 3>, keep_dims = true} : (" +
                   tensor(images) + ") -> tensor<2x32x1x1xf32>\n  %m = sinter.mul %d, %s : (" +
                   tensor(images) + ", tensor<2x32x1x1xf32>) -> " + tensor(images) +
                   "\n  %r = sinter.reduce_sum %m {axes = array<i64: 2, 3>, keep_dims = false} : (" +
                   tensor(images) + ") -> tensor<2x32xf32>\n"),
       "columns x4"},
      {reduction("0, 2, 3", "32"), "columns x4"},
      {reduction("0, 2, 3", "1x32x1x1", "true"), "columns x4"},
      {reduction("1", "2x9x11"), "rows by warps x4"},
      {reduction("1", "2x1x9x11", "true"), "rows by warps x4"},
      {reduction("1, 2, 3", "2"), "rows by blocks x4"},
      {reduction("3", "2x32x9"), ""},
  };
  for (StructureProgram& program : programs)
    program.channelsLast = true;
  return programs;
}

} // namespace sinter::cuda_tests
