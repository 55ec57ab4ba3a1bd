// Kernels on elements of 16 bits, which store those and compute in f32, against the same programs in f32.
//
// SINTER_CUDA_CASES, SINTER_CUDA_SEED: as for programs of other elements.
#include "host_kernels.h"
#include "programs/half_program.h"

#include "sinter/runtime/thread_pool.h"

#include "mlir/IR/Verifier.h"

#include <gtest/gtest.h>

namespace sinter::cuda_tests {
namespace {

TEST(CudaHalf, AgreesWithFloat) {
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  context.loadDialect<ir::SinterDialect, mlir::func::FuncDialect>();
  const auto operations = cudaOperations(context);
  const uint64_t cases = differential::fromEnvironment("SINTER_CUDA_CASES", operations.size());
  const uint64_t first = differential::fromEnvironment("SINTER_CUDA_SEED", 2) / 2 * 2; // one operation each
  HostKernels kernels;
  std::vector<std::unique_ptr<HalfProgram>> programs;
  auto compile = [&](size_t number) { // every other one, those of bf16, with channels last
    const mlir::OwningOpRef<mlir::ModuleOp> copy(programs[number]->half->clone());
    return codegen::compile(*copy, kernels.options(/*fuse=*/true, /*channelsLast=*/number % 2 == 1));
  };
  for (uint64_t seed = first; seed < first + 2 * cases; seed += 2) {
    for (DType dtype : {DType::f16, DType::bf16}) {
      programs.push_back(std::make_unique<HalfProgram>(context, seed, operations, dtype));
      ASSERT_TRUE(mlir::succeeded(mlir::verify(*programs.back()->half)))
          << differential::print(*programs.back()->half);
      try {
        compile(programs.size() - 1);
      } catch (const std::exception& error) {
        FAIL() << error.what() << "\n" << differential::print(*programs.back()->half);
      }
    }
  }
  ASSERT_NO_THROW(kernels.build());
  rt::ThreadPool pool(2);
  for (const auto& [number, program] : llvm::enumerate(programs)) {
    const auto executable = compile(number);
    EXPECT_EQ(disagreement(*program, *executable, pool), "")
        << "SINTER_CUDA_CASES=1 SINTER_CUDA_SEED=" << program->program.made.seed() << "\n"
        << differential::print(*program->half);
  }
}

} // namespace
} // namespace sinter::cuda_tests
