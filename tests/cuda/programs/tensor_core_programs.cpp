// Matrix products and convolutions at sizes that all ways to bring factors and to store results are taken at.
#include "tensor_core_programs.h"

#include "half_program.h"

#include "codegen/compile.h"
#include "sinter/runtime/half.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

#include <bit>
#include <random>

namespace sinter::cuda_tests {
namespace {

struct Operand {
  std::string name, type;
};

// One operation.
std::string statement(const std::string& result, const std::string& op, const std::vector<Operand>& operands,
                      const std::string& attributes, const std::string& type) {
  std::string names, types;
  for (const Operand& operand : operands) {
    names += (names.empty() ? "" : ", ") + operand.name;
    types += (types.empty() ? "" : ", ") + operand.type;
  }
  return "  " + result + " = sinter." + op + " " + names + " {" + attributes + "} : (" + types + ") -> " +
         type + "\n";
}

std::string function(const std::vector<Operand>& inputs, const std::string& body, const std::string& type) {
  std::string parameters;
  for (const Operand& input : inputs)
    parameters += (parameters.empty() ? "" : ", ") + input.name + ": " + input.type;
  return "func.func @main(" + parameters + ") -> " + type + " {\n" + body + "  func.return %r : " + type +
         "\n}\n";
}

std::string tensor(const std::string& shape, const std::string& encoding = "") {
  return "tensor<" + shape + "xf32" + encoding + ">";
}

std::string matmul(const std::string& lhs, const std::string& rhs, const std::string& result,
                   const std::string& attributes = "") {
  const std::vector<Operand> inputs{{"%x", tensor(lhs)}, {"%y", tensor(rhs)}};
  return function(inputs, statement("%r", "matmul", inputs, attributes, tensor(result)), tensor(result));
}

// relu(op(x, y) + z).
std::string followed(const std::string& op, const std::string& lhs, const std::string& rhs,
                     const std::string& addend, const std::string& result,
                     const std::string& attributes = "") {
  const std::vector<Operand> inputs{{"%x", tensor(lhs)}, {"%y", tensor(rhs)}, {"%z", tensor(addend)}};
  const std::string type = tensor(result);
  return function(inputs,
                  statement("%0", op, {inputs[0], inputs[1]}, attributes, type) +
                      statement("%1", "add", {{"%0", type}, inputs[2]}, "", type) +
                      statement("%r", "relu", {{"%1", type}}, "", type),
                  type);
}

// op(relu(x * z), y).
std::string preceded(const std::string& op, const std::string& lhs, const std::string& rhs,
                     const std::string& scale, const std::string& result,
                     const std::string& attributes = "") {
  const std::vector<Operand> inputs{{"%x", tensor(lhs)}, {"%y", tensor(rhs)}, {"%z", tensor(scale)}};
  return function(inputs,
                  statement("%0", "mul", {inputs[0], inputs[2]}, "", tensor(lhs)) +
                      statement("%1", "relu", {{"%0", tensor(lhs)}}, "", tensor(lhs)) +
                      statement("%r", op, {{"%1", tensor(lhs)}, inputs[1]}, attributes, tensor(result)),
                  tensor(result));
}

// All tensors of `op` are channels-last inside, and added to.
std::string channelsLast(const std::string& op, const std::string& lhs, const std::string& rhs,
                         const std::string& result, const std::string& attributes) {
  const std::string last = ", #sinter.layout<order = [0, 2, 3, 1], blocked = 1, block = 1>";
  const std::vector<Operand> inputs{{"%x", tensor(lhs)}, {"%y", tensor(rhs)}};
  const Operand x{"%0", tensor(lhs, last)}, y{"%1", tensor(rhs, last)}, sum{"%2", tensor(result, last)};
  return function(inputs,
                  statement(x.name, "convert_layout", {inputs[0]}, "", x.type) +
                      statement(y.name, "convert_layout", {inputs[1]}, "", y.type) +
                      statement(sum.name, op, {x, y}, attributes, sum.type) +
                      statement("%r", "convert_layout", {sum}, "", tensor(result)),
                  tensor(result));
}

std::string window(int stride, int dilation, int padding) {
  const auto pair = [](int x) { return "array<i64: " + std::to_string(x) + ", " + std::to_string(x) + ">"; };
  return "strides = " + pair(stride) + ", dilations = " + pair(dilation) + ", pad_begin = " + pair(padding) +
         ", pad_end = " + pair(padding);
}

const std::string kUneven = "strides = array<i64: 2, 1>, dilations = array<i64: 1, 2>, "
                            "pad_begin = array<i64: 1, 2>, pad_end = array<i64: 1, 0>";
const std::string kTransposeBoth = "transpose_lhs = true, transpose_rhs = true";

} // namespace

std::vector<TensorCoreProgram> tensorCorePrograms() {
  std::vector<TensorCoreProgram> programs{
      // The largest tile, whose stages take more memory than a kernel has without asking.
      {matmul("1400x40", "40x1504", "1400x1504"), "128x128", true, {Factors::f16}},
      // Factors along the sum, and across it; with numbers that fill chunks, and others.
      {matmul("72x264", "264x80", "72x80"), "32x32"}, // in two parts, of which the second is shorter
      {matmul("72x64", "80x64", "72x80", "transpose_rhs = true"), "32x32"},
      {matmul("64x72", "64x80", "72x80", "transpose_lhs = true"), "32x32"},
      {matmul("40x72", "80x40", "72x80", kTransposeBoth), "32x32"},
      {matmul("70x35", "35x45", "70x45"), "32x32"},
      {matmul("35x70", "45x35", "70x45", kTransposeBoth), "32x32"},
      {matmul("3x30x64", "3x64x65", "3x30x65"), "32x32"},
      {matmul("2x3x32x24", "24x40", "2x3x32x40"), "32x32"},
      {matmul("2x40x32", "1x40x40", "2x32x40", kTransposeBoth), "32x32"},
      {matmul("25x8", "8x24", "25x24"), "32x32"},
      // Every tile.
      {matmul("520x136", "136x520", "520x520"), "64x64", true, {Factors::tf32}},
      {matmul("64x24", "24x16640", "64x16640"), "64x128", true, {Factors::bf16}},
      {matmul("1397x25", "25x1501", "1397x1501"), "128x128", true, {Factors::bf16}},
      // With what is fused before and after.
      {followed("matmul", "72x64", "64x80", "80", "72x80"), "32x32"},
      {followed("matmul", "72x64", "64x80", "72x1", "72x80"), "32x32"},
      {followed("matmul", "2000x24", "512x24", "2000x512", "2000x512", "transpose_rhs = true"),
       "128x64",
       true,
       {Factors::tf32}},
      {preceded("matmul", "72x64", "64x80", "64", "72x80"), "32x32", false},
      {preceded("matmul", "72x64", "64x80", "72x1", "72x80"), "32x32", false},
      {preceded("matmul", "64x72", "64x80", "72", "72x80", "transpose_lhs = true"), "32x32", false},
      {preceded("matmul", "70x35", "35x45", "35", "70x45"), "32x32", false},
      // Convolutions.
      {followed("conv", "2x5x19x21", "33x5x3x3", "2x33x10x19", "2x33x10x19", kUneven), "32x32"},
      {followed("conv", "2x8x16x16", "32x8x3x3", "32x1x1", "2x32x16x16", window(1, 1, 1)), "32x32"},
      {followed("conv", "2x16x8x8", "32x16x1x1", "2x32x8x8", "2x32x8x8", window(1, 1, 0)), "32x32"},
      {preceded("conv", "2x16x8x8", "32x16x3x3", "16x1x1", "2x32x8x8", window(1, 1, 1)), "32x32", false},
      {followed("conv_transpose", "2x6x7x9", "6x30x3x3", "2x30x13x11", "2x30x13x11",
                kUneven + ", output_padding = array<i64: 0, 0>"),
       "32x32"},
      {followed("conv_filter_gradient", "2x25x19x21", "2x33x10x19", "33x25x3x3", "33x25x3x3",
                "kernel = array<i64: 3, 3>, " + kUneven),
       "32x32"},
  };
  for (const std::string& attributes : {window(1, 1, 1), window(2, 1, 1), window(1, 2, 2)}) {
    const bool strided = attributes == window(2, 1, 1);
    const std::string result = strided ? "2x32x8x8" : "2x32x16x16";
    programs.push_back({channelsLast("conv", "2x8x16x16", "32x8x3x3", result, attributes), "32x32"});
    programs.push_back({channelsLast("conv_filter_gradient", "2x8x16x16", result, "32x8x3x3",
                                     "kernel = array<i64: 3, 3>, " + attributes),
                        "32x32"});
  }
  programs.push_back({channelsLast("conv_transpose", "2x32x8x8", "32x24x3x3", "2x24x15x15",
                                   window(2, 1, 1) + ", output_padding = array<i64: 0, 0>"),
                      "32x32"});
  programs.push_back({channelsLast("conv", "1x3x20x20", "40x3x3x3", "1x40x20x20", window(1, 1, 1)), "32x32"});
  // What is scanned begins where no chunk may.
  programs.push_back(
      {"func.func @main(%x: tensor<32x40xf32>, %y: tensor<3x40x40xf32>, %z: tensor<3x1xf32>) -> "
       "tensor<32x40xf32> {\n"
       "  %r = sinter.scan %x, %y, %z {operandSegmentSizes = array<i32: 1, 2, 0>, steps = 3 : i64} : "
       "(tensor<32x40xf32>, tensor<3x40x40xf32>, tensor<3x1xf32>) -> (tensor<32x40xf32>) {\n"
       "  ^bb0(%c: tensor<32x40xf32>, %s: tensor<40x40xf32>, %t: tensor<1xf32>):\n"
       "    %0 = sinter.matmul %c, %s {} : (tensor<32x40xf32>, tensor<40x40xf32>) -> tensor<32x40xf32>\n"
       "    %1 = sinter.mul %0, %t {} : (tensor<32x40xf32>, tensor<1xf32>) -> tensor<32x40xf32>\n"
       "    sinter.yield %1 : tensor<32x40xf32>\n  }\n"
       "  func.return %r : tensor<32x40xf32>\n}\n",
       "", false});
  return programs;
}

mlir::OwningOpRef<mlir::ModuleOp> TensorCoreProgram::parse(mlir::MLIRContext& context) const {
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  if (!module)
    throw Error("not a program: " + text);
  return module;
}

mlir::OwningOpRef<mlir::ModuleOp> TensorCoreProgram::with(Factors factors, mlir::MLIRContext& context) const {
  auto module = parse(context);
  mlir::Builder builder(&context);
  if (factors == Factors::tf32)
    (*module)->setAttr("sinter.tf32", builder.getUnitAttr());
  else if (factors == Factors::f16)
    retype(*module, builder.getF16Type(), DType::f16);
  else
    retype(*module, builder.getBF16Type(), DType::bf16);
  return module;
}

namespace {

// To 10 bits of mantissa, ties away from zero.
float toTf32(float x) {
  return std::bit_cast<float>((std::bit_cast<uint32_t>(x) + 0x1000U) & ~0x1FFFU);
}

} // namespace

std::string disagreement(const TensorCoreProgram& program, Factors factors, mlir::MLIRContext& context,
                         const rt::Executable& executable, rt::ThreadPool& pool) {
  const bool isHalf = factors != Factors::tf32;
  const DType half = factors == Factors::bf16 ? DType::bf16 : DType::f16; // tf32 has the mantissa of f16
  std::mt19937_64 engine(1);
  std::uniform_real_distribution<float> number(-1, 1);
  std::vector<differential::Buffer> inputs, references;
  for (const rt::TensorSpec& input : executable.inputs()) {
    inputs.push_back(differential::denseBuffer(input.dtype, input.shape));
    references.push_back(differential::denseBuffer(DType::f32, input.shape));
    for (int64_t i = 0; i < inputs.back().view.elements(); ++i) {
      const float x = number(engine);
      static_cast<float*>(references.back().view.data)[i] = isHalf ? rounded(x, half) : toTf32(x);
      if (isHalf)
        static_cast<uint16_t*>(inputs.back().view.data)[i] =
            half == DType::f16 ? rt::f16_bits(x) : rt::bf16_bits(x);
      else
        static_cast<float*>(inputs.back().view.data)[i] =
            program.factorsAreInputs && inputs.size() <= 2 ? x : toTf32(x);
    }
  }
  const auto module = program.parse(context), run = program.with(factors, context);
  const auto expected = differential::resultBuffers(*module), results = differential::resultBuffers(*run);
  codegen::interpret(*module, differential::views(references), differential::views(expected));
  executable.run(differential::views(inputs), differential::views(results), pool);
  differential::Buffer wide = results[0];
  if (isHalf) {
    wide = differential::denseBuffer(DType::f32, results[0].view.shape);
    for (int64_t i = 0; i < wide.view.elements(); ++i) {
      const uint16_t bits = static_cast<const uint16_t*>(results[0].view.data)[i];
      static_cast<float*>(wide.view.data)[i] =
          half == DType::f16 ? rt::from_f16_bits(bits) : rt::from_bf16_bits(bits);
    }
  }
  const bool rounds = isHalf || !program.factorsAreInputs;
  return differential::disagreement(wide.view, expected[0].view, 2,
                                    rounds ? std::optional(half) : std::nullopt);
}

} // namespace sinter::cuda_tests
