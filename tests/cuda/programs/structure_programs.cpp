// At sizes that random programs seldom have.
#include "structure_programs.h"

#include "half_program.h"

#include "codegen/compile.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

#include <random>

namespace sinter::cuda_tests {
namespace {

std::string program(const std::string& inputs, const std::string& result, const std::string& body) {
  return "func.func @main(" + inputs + ") -> " + result + " {\n" + body + "  func.return %r : " + result +
         "\n}\n";
}

std::string softmax(int64_t rows, int64_t columns, const std::string& type = "f32") {
  const std::string tensor =
      "tensor<" + std::to_string(rows) + "x" + std::to_string(columns) + "x" + type + ">";
  return program("%x: " + tensor, tensor,
                 "  %r = sinter.softmax %x {axis = 1 : i64} : (" + tensor + ") -> " + tensor + "\n");
}

std::string reduction(const std::string& op, const std::string& input, const std::string& axes,
                      const std::string& result) {
  return program("%x: " + input, result,
                 "  %r = sinter." + op + " %x {axes = array<i64: " + axes + ">, keep_dims = false} : (" +
                     input + ") -> " + result + "\n");
}

std::string matmul(const std::string& lhs, const std::string& rhs, const std::string& result,
                   const std::string& attributes = "") {
  return program("%x: " + lhs + ", %y: " + rhs, result,
                 "  %r = sinter.matmul %x, %y " + attributes + " : (" + lhs + ", " + rhs + ") -> " + result +
                     "\n");
}

// A convolution with what is fused after it.
std::string convolution(const std::string& op, const std::string& input, const std::string& filter,
                        const std::string& result, const std::string& attributes) {
  return program("%x: " + input + ", %y: " + filter + ", %z: " + result, result,
                 "  %0 = sinter." + op + " %x, %y {" + attributes + "} : (" + input + ", " + filter +
                     ") -> " + result + "\n  %1 = sinter.add %0, %z : (" + result + ", " + result + ") -> " +
                     result + "\n  %r = sinter.relu %1 : (" + result + ") -> " + result + "\n");
}

const std::string kWindow = "strides = array<i64: 2, 1>, dilations = array<i64: 1, 2>, "
                            "pad_begin = array<i64: 1, 2>, pad_end = array<i64: 1, 0>";

} // namespace

std::vector<StructureProgram> structurePrograms() {
  std::vector<StructureProgram> programs = {
      {matmul("tensor<70x35xf32>", "tensor<35x45xf32>", "tensor<70x45xf32>"), "tiles of 64x64"},
      {matmul("tensor<3x30x64xf64>", "tensor<3x64x65xf64>", "tensor<3x30x65xf64>"), "tiles of 64x64"},
      {matmul("tensor<5x30x8xi32>", "tensor<8x64xi32>", "tensor<5x30x64xi32>"), "tiles of 64x64"},
      {matmul("tensor<2x40x30xf32>", "tensor<1x33x40xf32>", "tensor<2x30x33xf32>",
              "{transpose_lhs = true, transpose_rhs = true}"),
       "tiles of 64x64"},
      {matmul("tensor<1500x20xf32>", "tensor<20x1500xf32>", "tensor<1500x1500xf32>"), "tiles of 128x128"},
      {matmul("tensor<1x100xf32>", "tensor<50x100xf32>", "tensor<1x50xf32>", "{transpose_rhs = true}"),
       "rows by warps"},
      // Slices that begin where no vector may.
      {program("%x: tensor<1x5xf32>, %y: tensor<4x5xf32>", "tensor<5x5xf32>",
               "  %0 = sinter.relu %x : (tensor<1x5xf32>) -> tensor<1x5xf32>\n"
               "  %1 = sinter.tanh %y : (tensor<4x5xf32>) -> tensor<4x5xf32>\n"
               "  %r = sinter.concat %0, %1 {axis = 0 : i64} : (tensor<1x5xf32>, tensor<4x5xf32>) -> "
               "tensor<5x5xf32>\n"),
       "elements x4"},
      {program("%x: tensor<8xf32>, %y: tensor<3x9xf32>", "tensor<8xf32>",
               "  %r = sinter.scan %x, %y {operandSegmentSizes = array<i32: 1, 1, 0>, steps = 3 : i64} : "
               "(tensor<8xf32>, tensor<3x9xf32>) -> (tensor<8xf32>) {\n"
               "  ^bb0(%c: tensor<8xf32>, %s: tensor<9xf32>):\n"
               "    %0 = sinter.slice %s {starts = array<i64: 0>, sizes = array<i64: 8>, steps = array<i64: "
               "1>} : "
               "(tensor<9xf32>) -> tensor<8xf32>\n"
               "    %1 = sinter.add %c, %0 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>\n"
               "    sinter.yield %1 : tensor<8xf32>\n  }\n"),
       ""},
      {convolution("conv", "tensor<2x5x19x21xf32>", "tensor<33x5x3x3xf32>", "tensor<2x33x10x19xf32>",
                   kWindow),
       "tiles of 64x64"},
      {convolution("conv", "tensor<1x4x9x9xf32>", "tensor<4x1x3x3xf32>", "tensor<1x4x5x7xf32>",
                   kWindow + ", groups = 4 : i64"),
       "elements"},
      {convolution("conv_transpose", "tensor<2x6x7x9xf64>", "tensor<6x30x3x3xf64>", "tensor<2x30x13x11xf64>",
                   kWindow + ", output_padding = array<i64: 0, 0>"),
       "tiles of 64x64"},
      {convolution("conv_filter_gradient", "tensor<2x25x19x21xf32>", "tensor<2x33x10x19xf32>",
                   "tensor<33x25x3x3xf32>", "kernel = array<i64: 3, 3>, " + kWindow),
       "tiles of 64x64"},
      {softmax(7, 33), "rows by warps"},
      {softmax(70, 512, "f64"), "rows by warps x2"},
      {softmax(3, 513), "rows by blocks"},
      {softmax(2, 20000), "rows by blocks x4"},
      {reduction("reduce_sum", "tensor<9x40xf32>", "1", "tensor<9xf32>"), "rows by warps x4"},
      {reduction("reduce_max", "tensor<5x3000xi32>", "1", "tensor<5xi32>"), "rows by blocks x4"},
      {reduction("reduce_min", "tensor<5x600xui8>", "1", "tensor<5xui8>"), "rows by blocks x8"},
      {reduction("reduce_prod", "tensor<4x3x50xf64>", "0, 2", "tensor<3xf64>"), "rows by warps x2"},
      {reduction("reduce_sum", "tensor<30000xi64>", "0", "tensor<i64>"), "rows by blocks, shared x2"},
      {reduction("reduce_sum", "tensor<64x45xf32>", "0", "tensor<45xf32>"), "columns"},
      {reduction("reduce_max", "tensor<1000x3xf32>", "0", "tensor<3xf32>"), "columns"},
      {reduction("reduce_sum", "tensor<10x3x12x33xf64>", "0, 2", "tensor<3x33xf64>"), "columns"},
      {reduction("reduce_sum", "tensor<40x40000xf32>", "0", "tensor<40000xf32>"), "columns x4"},
      {program("%x: tensor<8x16xf32>, %y: tensor<8x16xf32>", "tensor<8x16xf32>",
               "  %r = sinter.add %x, %y : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>\n"),
       "elements x4"},
      {program("%x: tensor<5x9xf32>, %y: tensor<9xf32>", "tensor<5x9xf32>",
               "  %r = sinter.mul %x, %y : (tensor<5x9xf32>, tensor<9xf32>) -> tensor<5x9xf32>\n"),
       "elements"},
      {program("%x: tensor<5x16xf64>, %y: tensor<16xf64>", "tensor<5x16xf64>",
               "  %r = sinter.mul %x, %y : (tensor<5x16xf64>, tensor<16xf64>) -> tensor<5x16xf64>\n"),
       "elements x2"},
  };
  llvm::append_range(programs, channelsLastPrograms());
  for (StructureProgram& program : memoryPrograms())
    programs.push_back(std::move(program));
  return programs;
}

mlir::OwningOpRef<mlir::ModuleOp> StructureProgram::parse(mlir::MLIRContext& context) const {
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  if (!module)
    throw Error("not a program: " + text);
  mlir::Builder builder(&context);
  if (half != DType::f32)
    retype(*module, half == DType::f16 ? mlir::Type(builder.getF16Type()) : builder.getBF16Type(), half);
  return module;
}

namespace {

void fill(const View& view, uint64_t seed) {
  std::mt19937_64 engine(seed);
  visit_dtype(view.dtype, "fill", [&](auto zero) {
    using T = decltype(zero);
    for (int64_t i = 0; i < view.elements(); ++i)
      static_cast<T*>(view.data)[i] = static_cast<T>(
          std::is_same_v<T, int64_t> ? engine() % 40 : engine() % 3 + (engine() % 8 == 0 ? 1 : 0));
  });
}

} // namespace

std::string disagreement(const StructureProgram& program, mlir::MLIRContext& context,
                         const rt::Executable& executable, rt::ThreadPool& pool) {
  StructureProgram whole = program; // interpreted on f32
  whole.half = DType::f32;
  const auto module = whole.parse(context);
  std::vector<differential::Buffer> references, inputs;
  for (const rt::TensorSpec& input : executable.inputs()) {
    const bool isHalf = input.dtype == program.half;
    references.push_back(differential::denseBuffer(isHalf ? DType::f32 : input.dtype, input.shape));
    fill(references.back().view, references.size());
    inputs.push_back(converted(references.back().view, program.half));
  }
  const auto expected = differential::resultBuffers(*module),
             results = differential::resultBuffers(*program.parse(context));
  codegen::interpret(*module, differential::views(references), differential::views(expected));
  executable.run(differential::views(inputs), differential::views(results), pool);
  const bool isHalf = program.half != DType::f32 && results[0].view.dtype == program.half;
  return differential::disagreement(converted(results[0].view, DType::f32).view, expected[0].view, 1,
                                    isHalf ? std::optional(program.half) : std::nullopt);
}

} // namespace sinter::cuda_tests
