// Kernels by how their threads share the work, at sizes that random programs seldom have.
#include "host_kernels.h"

#include "comparison.h"
#include "sinter/runtime/thread_pool.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace sinter::cuda_tests {
namespace {

struct Wanted {
  std::string text;
  std::string algorithm; ///< of one of its kernels
};

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

std::vector<Wanted> wanted() {
  return {
      {softmax(7, 33), "rows by warps"},
      {softmax(70, 512, "f64"), "rows by warps"},
      {softmax(3, 513), "rows by blocks"},
      {softmax(2, 20000), "rows by blocks"},
      {reduction("reduce_sum", "tensor<9x40xf32>", "1", "tensor<9xf32>"), "rows by warps"},
      {reduction("reduce_max", "tensor<5x3000xi32>", "1", "tensor<5xi32>"), "rows by blocks"},
      {reduction("reduce_min", "tensor<5x600xui8>", "1", "tensor<5xui8>"), "rows by blocks"},
      {reduction("reduce_prod", "tensor<4x3x50xf64>", "0, 2", "tensor<3xf64>"), "rows by warps"},
      {reduction("reduce_sum", "tensor<30000xi64>", "0", "tensor<i64>"), "rows by blocks"},
      {reduction("reduce_sum", "tensor<64x45xf32>", "0", "tensor<45xf32>"), "columns"},
      {reduction("reduce_max", "tensor<1000x3xf32>", "0", "tensor<3xf32>"), "columns"},
      {reduction("reduce_sum", "tensor<10x3x12x33xf64>", "0, 2", "tensor<3x33xf64>"), "columns"},
      {reduction("reduce_sum", "tensor<40x40000xf32>", "0", "tensor<40000xf32>"), "elements x4"},
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
}

// Small whole numbers: sums are exact in whatever order.
void fill(const View& view, uint64_t seed) {
  std::mt19937_64 engine(seed);
  visit_dtype(view.dtype, "fill", [&](auto zero) {
    using T = decltype(zero);
    for (int64_t i = 0; i < view.elements(); ++i)
      static_cast<T*>(view.data)[i] = static_cast<T>(engine() % 3 + (engine() % 8 == 0 ? 1 : 0));
  });
}

TEST(CudaStructure, EveryWayAgrees) {
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  context.loadDialect<ir::SinterDialect, mlir::func::FuncDialect>();
  HostKernels kernels;
  auto compile = [&](const Wanted& program) {
    auto module = mlir::parseSourceString<mlir::ModuleOp>(program.text, &context);
    if (!module)
      throw Error("not a program:\n" + program.text);
    return codegen::compile(*module, kernels.options(true));
  };
  const std::vector<Wanted> programs = wanted();
  for (const Wanted& program : programs) {
    const auto executable = compile(program);
    EXPECT_EQ(executable->kernels().front().algorithm, program.algorithm) << program.text;
  }
  ASSERT_NO_THROW(kernels.build());
  rt::ThreadPool pool(2);
  for (const Wanted& program : programs) {
    const auto executable = compile(program);
    std::vector<differential::Buffer> inputs;
    for (const rt::TensorSpec& input : executable->inputs()) {
      inputs.push_back(differential::denseBuffer(input.dtype, input.shape));
      fill(inputs.back().view, inputs.size());
    }
    auto module = mlir::parseSourceString<mlir::ModuleOp>(program.text, &context);
    const auto expected = differential::resultBuffers(*module),
               results = differential::resultBuffers(*module);
    codegen::interpret(*module, differential::views(inputs), differential::views(expected));
    executable->run(differential::views(inputs), differential::views(results), pool);
    EXPECT_EQ(differential::disagreement(results[0].view, expected[0].view, 1), "") << program.text;
  }
}

} // namespace
} // namespace sinter::cuda_tests
