// Contractions with what is fused after them, compiled to micro-kernels, against the interpreter.
#include "codegen/compile.h"
#include "codegen/cpu/target.h"
#include "ir/ops.h"
#include "sinter/runtime/thread_pool.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace sinter::codegen {
namespace {

struct Program {
  std::string text;
  std::vector<Shape> inputs;
  Shape output;
  std::string algorithm; ///< how the name of the kernel's algorithm begins
  std::string way;       ///< what it contains
  float tolerance = 1e-4F;
};

mlir::OwningOpRef<mlir::ModuleOp> parse(mlir::MLIRContext& context, const std::string& text) {
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  EXPECT_TRUE(module) << text;
  return module;
}

void check(const Program& program, const std::string& cpu) {
  mlir::MLIRContext context;
  context.loadDialect<ir::SinterDialect, mlir::func::FuncDialect>();
  std::mt19937 engine(7);
  std::vector<std::vector<float>> memory;
  std::vector<View> inputs;
  for (const Shape& shape : program.inputs) {
    memory.emplace_back(static_cast<size_t>(shape.elements()));
    for (float& value : memory.back())
      value = std::uniform_real_distribution<float>(-1, 1)(engine);
    inputs.push_back(View::dense(memory.back().data(), DType::f32, shape));
  }
  std::vector<float> wanted(static_cast<size_t>(program.output.elements())), got(wanted.size(), 12345);
  const View wantedView = View::dense(wanted.data(), DType::f32, program.output);
  const View gotView = View::dense(got.data(), DType::f32, program.output);

  auto reference = parse(context, program.text), module = parse(context, program.text);
  ASSERT_TRUE(reference && module);
  interpret(*reference, inputs, std::span(&wantedView, 1));
  CompileOptions options;
  options.cpu = cpu;
  std::shared_ptr<rt::Executable> executable = compile(*module, options);
  bool found = false;
  std::string all;
  for (const rt::Kernel& kernel : executable->kernels()) {
    found = found || (kernel.algorithm.starts_with(program.algorithm) &&
                      kernel.algorithm.find(program.way) != std::string::npos);
    all += " [" + kernel.algorithm + "]";
  }
  EXPECT_TRUE(found) << "wanted " << program.algorithm << program.way << ", got" << all << "\n"
                     << program.text;
  rt::ThreadPool pool(2);
  executable->run(inputs, std::span(&gotView, 1), pool);
  for (size_t i = 0; i < wanted.size(); ++i)
    ASSERT_NEAR(got[i], wanted[i], program.tolerance * (1 + std::abs(wanted[i]))) << "element " << i << "\n"
                                                                                  << program.text;
}

void check(const Program& program) {
  check(program, "native");
  check(program, "x86-64");
}

const std::string kConv3x3 = "{strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, "
                             "pad_begin = array<i64: 1, 1>, pad_end = array<i64: 1, 1>}";
const std::string kConv1x1 = "{strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, "
                             "pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>}";

// Convolutions of [2, `channels`, 9, 11] with `kernel` x `kernel` filters to 37 channels, followed by
// `after`, which turns %0 into %r with the help of %other of shape `other`.
Program convolution(int kernel, const std::string& after, const std::string& other, const Shape& otherShape,
                    int64_t channels = 20) {
  const std::string k = std::to_string(kernel), result = "tensor<2x37x9x11xf32>";
  const std::string input = "tensor<2x" + std::to_string(channels) + "x9x11xf32>";
  const std::string filter = "tensor<37x" + std::to_string(channels) + "x" + k + "x" + k + "xf32>";
  Program p;
  p.text = "func.func @main(%x: " + input + ", %f: " + filter + ", %b: tensor<37xf32>, %other: " + other +
           ") -> " + result + " {\n  %0 = sinter.conv %x, %f, %b " + (kernel == 1 ? kConv1x1 : kConv3x3) +
           " : (" + input + ", " + filter + ", tensor<37xf32>) -> " + result + "\n" + after +
           "  func.return %r : " + result + "\n}\n";
  p.inputs = {{2, channels, 9, 11}, {37, channels, kernel, kernel}, {37}, otherShape};
  p.output = {2, 37, 9, 11};
  p.algorithm = "direct conv";
  return p;
}

const std::string kFull = "tensor<2x37x9x11xf32>";

std::string unary(const std::string& op, const std::string& from, const std::string& to) {
  return "  %" + to + " = sinter." + op + " %" + from + " : (" + kFull + ") -> " + kFull + "\n";
}

std::string binary(const std::string& op, const std::string& from, const std::string& other,
                   const std::string& to) {
  return "  %" + to + " = sinter." + op + " %" + from + ", %other : (" + kFull + ", " + other + ") -> " +
         kFull + "\n";
}

TEST(ContractionFusion, ResidualAdditionAndRelu) {
  for (int kernel : {1, 3})
    check(
        convolution(kernel, binary("add", "0", kFull, "1") + unary("relu", "1", "r"), kFull, {2, 37, 9, 11}));
}

TEST(ContractionFusion, LongEpilogues) {
  for (int kernel : {1, 3})
    check(convolution(kernel,
                      unary("silu", "0", "1") + binary("mul", "1", kFull, "2") + unary("tanh", "2", "r"),
                      kFull, {2, 37, 9, 11}));
}

// So many that a tile's filter does not stay in a cache.
TEST(ContractionFusion, ChannelsInParts) {
  for (const std::string& after :
       {binary("add", "0", kFull, "1") + unary("relu", "1", "r"),
        unary("silu", "0", "1") + binary("mul", "1", kFull, "2") + unary("tanh", "2", "r")}) {
    // 512 for half a megabyte of second-level cache; the programs of an architecture's level guess it from
    // the machine, too.
    const int64_t channels = std::max<int64_t>(512, cpu::Target::host().l2Bytes / 1024);
    Program p = convolution(3, after, kFull, {2, 37, 9, 11}, channels);
    // Enough images for the threads, so that rows stay together.
    for (size_t at = 0; (at = p.text.find("tensor<2x", at)) != std::string::npos; ++at)
      p.text.replace(at, 9, "tensor<16x");
    p.inputs[0] = {16, channels, 9, 11};
    p.inputs[3] = p.output = {16, 37, 9, 11};
    p.tolerance = 1e-3F; // long sums
    check(p, "x86-64");
    p.way = " parts";
    check(p, "native");
  }
}

// Rows of the cotangent, of which some do not meet the first and the last taps.
TEST(ContractionFusion, CotangentInParts) {
  Program p;
  p.text =
      R"(func.func @main(%x: tensor<16x64x40x40xf32>, %y: tensor<16x46x40x40xf32>) -> tensor<46x64x3x3xf32> {
  %0 = sinter.conv_filter_gradient %x, %y {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 2, 1>, pad_begin = array<i64: 2, 1>, pad_end = array<i64: 2, 1>} : (tensor<16x64x40x40xf32>, tensor<16x46x40x40xf32>) -> tensor<46x64x3x3xf32>
  func.return %0 : tensor<46x64x3x3xf32>
}
)";
  p.inputs = {{16, 64, 40, 40}, {16, 46, 40, 40}};
  p.output = {46, 64, 3, 3};
  p.algorithm = "filter gradient";
  p.tolerance = 1e-3F; // long sums
  check(p, "x86-64");
  p.way = " parts";
  check(p, "native");
}

TEST(ContractionFusion, OperandsThatBroadcast) {
  const std::pair<std::string, Shape> others[] = {
      {"tensor<37x1x1xf32>", {37, 1, 1}}, {"tensor<2x37x1x1xf32>", {2, 37, 1, 1}}, {"tensor<11xf32>", {11}},
      {"tensor<9x1xf32>", {9, 1}},        {"tensor<2x1x9x11xf32>", {2, 1, 9, 11}}, {"tensor<1xf32>", {1}},
  };
  for (const auto& [type, shape] : others)
    for (int kernel : {1, 3})
      check(convolution(kernel, binary("add", "0", type, "r"), type, shape));
}

TEST(ContractionFusion, FirstLayerReadsRowMajor) {
  Program p;
  p.text = R"(func.func @main(%x: tensor<1x3x20x20xf32>, %f: tensor<16x3x3x3xf32>) -> tensor<1x16x20x20xf32> {
  %0 = sinter.conv %x, %f )" +
           kConv3x3 + R"( : (tensor<1x3x20x20xf32>, tensor<16x3x3x3xf32>) -> tensor<1x16x20x20xf32>
  %r = sinter.hard_swish %0 : (tensor<1x16x20x20xf32>) -> tensor<1x16x20x20xf32>
  func.return %r : tensor<1x16x20x20xf32>
}
)";
  p.inputs = {{1, 3, 20, 20}, {16, 3, 3, 3}};
  p.output = {1, 16, 20, 20};
  p.algorithm = "direct conv";
  check(p);
}

TEST(ContractionFusion, Depthwise) {
  Program p;
  p.text = R"(func.func @main(%x: tensor<2x19x12x10xf32>, %f: tensor<19x1x3x3xf32>, %b: tensor<19xf32>)
    -> tensor<2x19x12x10xf32> {
  %0 = sinter.conv %x, %f, %b {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 19 : i64,
    pad_begin = array<i64: 1, 1>, pad_end = array<i64: 1, 1>}
    : (tensor<2x19x12x10xf32>, tensor<19x1x3x3xf32>, tensor<19xf32>) -> tensor<2x19x12x10xf32>
  %r = sinter.silu %0 : (tensor<2x19x12x10xf32>) -> tensor<2x19x12x10xf32>
  func.return %r : tensor<2x19x12x10xf32>
}
)";
  p.inputs = {{2, 19, 12, 10}, {19, 1, 3, 3}, {19}};
  p.output = {2, 19, 12, 10};
  p.algorithm = "depthwise";
  check(p);
}

// lhs [batch..., m, 33] times rhs [.., 33, 21], plus a bias of 21 columns and a residual.
Program product(const std::string& batch, const Shape& lhs, const std::string& rhsBatch, const Shape& rhs,
                const Shape& out, const std::string& activation) {
  const std::string m = std::to_string(lhs[lhs.rank() - 2]);
  const std::string l = "tensor<" + batch + m + "x33xf32>", r = "tensor<" + rhsBatch + "33x21xf32>";
  const std::string o = "tensor<" + batch + m + "x21xf32>";
  Program p;
  p.text = "func.func @main(%l: " + l + ", %w: " + r + ", %b: tensor<21xf32>, %res: " + o + ") -> " + o +
           " {\n" + "  %0 = sinter.matmul %l, %w : (" + l + ", " + r + ") -> " + o + "\n" + //
           "  %1 = sinter.add %0, %b : (" + o + ", tensor<21xf32>) -> " + o + "\n" + "  %2 = sinter." +
           activation + " %1 : (" + o + ") -> " + o + "\n" + //
           "  %3 = sinter.add %2, %res : (" + o + ", " + o + ") -> " + o + "\n" + "  func.return %3 : " + o +
           "\n}\n";
  p.inputs = {lhs, rhs, {21}, out};
  p.output = out;
  p.algorithm = lhs.rank() == 2 && lhs[0] == 1 ? "gemv" : "matmul";
  return p;
}

TEST(ContractionFusion, Matmul) {
  for (const char* activation : {"relu", "tanh"}) {
    check(product("", {40, 33}, "", {33, 21}, {40, 21}, activation));
    check(product("", {1, 33}, "", {33, 21}, {1, 21}, activation));
    check(product("2x3x", {2, 3, 7, 33}, "", {33, 21}, {2, 3, 7, 21}, activation));
    check(product("6x", {6, 1, 33}, "", {33, 21}, {6, 1, 21}, activation));
    check(product("2x3x", {2, 3, 7, 33}, "2x3x", {2, 3, 33, 21}, {2, 3, 7, 21}, activation));
  }
}

TEST(ContractionFusion, ConstantWeightsArePacked) {
  Program p;
  p.text = R"(func.func @main(%x: tensor<5x33xf32>, %y: tensor<5x3xf32>) -> tensor<5x21xf32> {
  %w = sinter.constant dense<0.5> : tensor<33x21xf32>
  %v = sinter.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %0 = sinter.matmul %x, %w : (tensor<5x33xf32>, tensor<33x21xf32>) -> tensor<5x21xf32>
  %1 = sinter.matmul %y, %v {transpose_rhs = true} : (tensor<5x3xf32>, tensor<2x3xf32>) -> tensor<5x2xf32>
  %2 = sinter.reduce_sum %1 {axes = array<i64: 1>, keep_dims = true} : (tensor<5x2xf32>) -> tensor<5x1xf32>
  %3 = sinter.add %0, %2 : (tensor<5x21xf32>, tensor<5x1xf32>) -> tensor<5x21xf32>
  func.return %3 : tensor<5x21xf32>
}
)";
  p.inputs = {{5, 33}, {5, 3}};
  p.output = {5, 21};
  p.algorithm = "matmul";
  check(p);
}

} // namespace
} // namespace sinter::codegen
