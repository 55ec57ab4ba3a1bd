// Kernels on elements of 16 bits, which store those and compute in f32, against the same programs in f32.
//
// SINTER_CUDA_CASES, SINTER_CUDA_SEED: as for programs of other elements.
#include "half_program.h"
#include "host_kernels.h"

#include "sinter/runtime/half.h"
#include "sinter/runtime/thread_pool.h"

#include "mlir/IR/Verifier.h"

#include <gtest/gtest.h>

namespace sinter::cuda_tests {
namespace {

using differential::Buffer;

// A copy as elements of `dtype`, where it has f32, else as it is.
Buffer converted(const View& from, DType dtype) {
  const bool toHalf = from.dtype == DType::f32 && dtype != DType::f32;
  const bool toFloat = from.dtype == DType::f16 || from.dtype == DType::bf16;
  Buffer to = differential::denseBuffer(toHalf || toFloat ? dtype : from.dtype, from.shape);
  for (int64_t i = 0; i < from.elements(); ++i)
    if (toHalf)
      static_cast<uint16_t*>(to.view.data)[i] =
          dtype == DType::f16 ? rt::f16_bits(from.as<float>()[i]) : rt::bf16_bits(from.as<float>()[i]);
    else if (toFloat)
      static_cast<float*>(to.view.data)[i] =
          from.dtype == DType::f16 ? rt::from_f16_bits(static_cast<const uint16_t*>(from.data)[i])
                                   : rt::from_bf16_bits(static_cast<const uint16_t*>(from.data)[i]);
  if (!toHalf && !toFloat)
    std::memcpy(to.view.data, from.data, from.bytes());
  return to;
}

std::string disagreement(HalfProgram& half, const rt::Executable& executable, rt::ThreadPool& pool) {
  std::size_t length = 0; // bodies of branches and loops included
  half.half->walk([&](mlir::Operation*) { ++length; });
  std::vector<Buffer> inputs, references;
  for (const View& input : half.program.made.inputs()) {
    inputs.push_back(converted(input, half.dtype));
    references.push_back(converted(inputs.back().view, DType::f32)); // what the half could hold
  }
  const auto expected = differential::resultBuffers(half.program.made.module());
  codegen::interpret(half.program.made.module(), differential::views(references),
                     differential::views(expected));
  const auto results = differential::resultBuffers(*half.half);
  executable.run(differential::views(inputs), differential::views(results), pool);
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Buffer result = converted(results[i].view, DType::f32);
    const bool isHalf = results[i].view.dtype == half.dtype;
    std::string text = differential::disagreement(result.view, expected[i].view, length,
                                                  isHalf ? std::optional(half.dtype) : std::nullopt);
    if (!text.empty())
      return text;
  }
  return "";
}

TEST(CudaHalf, AgreesWithFloat) {
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  context.loadDialect<ir::SinterDialect, mlir::func::FuncDialect>();
  const auto operations = halfOperations(context);
  const uint64_t cases = differential::fromEnvironment("SINTER_CUDA_CASES", operations.size());
  const uint64_t first = differential::fromEnvironment("SINTER_CUDA_SEED", 2) / 2 * 2; // one operation each
  HostKernels kernels;
  std::vector<std::unique_ptr<HalfProgram>> programs;
  auto compile = [&](HalfProgram& program) {
    const mlir::OwningOpRef<mlir::ModuleOp> copy(program.half->clone());
    return codegen::compile(*copy, kernels.options(true));
  };
  for (uint64_t seed = first; seed < first + 2 * cases; seed += 2) {
    for (DType dtype : {DType::f16, DType::bf16}) {
      programs.push_back(std::make_unique<HalfProgram>(context, seed, operations, dtype));
      ASSERT_TRUE(mlir::succeeded(mlir::verify(*programs.back()->half)))
          << differential::print(*programs.back()->half);
      try {
        compile(*programs.back());
      } catch (const std::exception& error) {
        FAIL() << error.what() << "\n" << differential::print(*programs.back()->half);
      }
    }
  }
  ASSERT_NO_THROW(kernels.build());
  rt::ThreadPool pool(2);
  for (const auto& program : programs) {
    const auto executable = compile(*program);
    EXPECT_EQ(disagreement(*program, *executable, pool), "")
        << "SINTER_CUDA_CASES=1 SINTER_CUDA_SEED=" << program->program.made.seed() << "\n"
        << differential::print(*program->half);
  }
}

} // namespace
} // namespace sinter::cuda_tests
