// Programs of f32 lowered to f16 and bf16: their kernels, run on the processor, against the interpreter.
//
// SINTER_CUDA_CASES, SINTER_CUDA_SEED: as for programs of other elements.
#include "host_kernels.h"
#include "programs/lowered_program.h"

#include "sinter/runtime/thread_pool.h"

#include "mlir/IR/Verifier.h"

#include <gtest/gtest.h>

namespace sinter::cuda_tests {
namespace {

TEST(CudaPrecision, KernelsAreAsCloseAsRoundingIs) {
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  context.loadDialect<ir::SinterDialect, mlir::func::FuncDialect>();
  const auto operations = cudaOperations(context);
  const uint64_t cases = differential::fromEnvironment("SINTER_CUDA_CASES", 60);
  const uint64_t first = differential::fromEnvironment("SINTER_CUDA_SEED", 1);
  HostKernels kernels;
  std::vector<std::unique_ptr<LoweredProgram>> programs;
  auto compile = [&](LoweredProgram& program) {
    const mlir::OwningOpRef<mlir::ModuleOp> copy(program.made.module().clone());
    return codegen::compile(*copy, program.compileOptions(kernels.options(true)));
  };
  std::size_t low = 0;
  for (uint64_t seed = first; seed < first + cases; ++seed) {
    programs.push_back(std::make_unique<LoweredProgram>(context, seed, operations));
    low += programs.back()->isLow() ? 1 : 0;
    ASSERT_TRUE(mlir::succeeded(mlir::verify(*programs.back()->lowered)));
    try {
      compile(*programs.back());
    } catch (const std::exception& error) {
      FAIL() << "seed " << seed << ": " << error.what() << "\n"
             << differential::print(programs.back()->made.module());
    }
  }
  EXPECT_GE(low, cases / 3); // the others are of f64, or of nothing but constants
  ASSERT_NO_THROW(kernels.build());
  rt::ThreadPool pool(2);
  for (const auto& program : programs) {
    const auto executable = compile(*program);
    EXPECT_EQ(disagreement(*program, *executable, pool), "")
        << "SINTER_CUDA_CASES=1 SINTER_CUDA_SEED=" << program->made.seed() << "\n"
        << differential::print(program->made.module()) << differential::print(*program->lowered);
  }
}

} // namespace
} // namespace sinter::cuda_tests
