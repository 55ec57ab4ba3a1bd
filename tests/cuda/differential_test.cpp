// Programs compiled to CUDA kernels, which run on the processor, against the interpreter.
//
// SINTER_CUDA_CASES: how many random programs. SINTER_CUDA_SEED: the first seed.
#include "host_kernels.h"
#include "programs/random_program.h"

#include "mlir/IR/Verifier.h"

#include <gtest/gtest.h>

namespace sinter::cuda_tests {
namespace {

TEST(Cuda, RandomProgramsAgree) {
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  context.loadDialect<ir::SinterDialect, mlir::func::FuncDialect>();
  const auto operations = cudaOperations(context);
  const uint64_t cases = differential::fromEnvironment("SINTER_CUDA_CASES", 160);
  const uint64_t first = differential::fromEnvironment("SINTER_CUDA_SEED", 1);
  HostKernels kernels;
  std::vector<std::unique_ptr<RandomProgram>> programs;
  auto compile = [&](RandomProgram& program) {
    const mlir::OwningOpRef<mlir::ModuleOp> copy(program.made.module().clone());
    return codegen::compile(*copy, kernels.options(/*fuse=*/program.made.seed() % 4 != 3,
                                                   /*channelsLast=*/program.made.seed() % 3 == 0));
  };
  for (uint64_t seed = first; seed < first + cases; ++seed) {
    programs.push_back(std::make_unique<RandomProgram>(context, seed, operations));
    ASSERT_TRUE(mlir::succeeded(mlir::verify(programs.back()->made.module())));
    try {
      compile(*programs.back());
    } catch (const std::exception& error) {
      FAIL() << "seed " << seed << ": " << error.what() << "\n"
             << differential::print(programs.back()->made.module());
    }
  }
  ASSERT_NO_THROW(kernels.build());
  rt::ThreadPool pool(2);
  for (const auto& program : programs) {
    const auto executable = compile(*program);
    EXPECT_EQ(disagreement(*program, *executable, pool), "")
        << "SINTER_CUDA_CASES=1 SINTER_CUDA_SEED=" << program->made.seed() << "\n"
        << differential::print(program->made.module());
  }
}

} // namespace
} // namespace sinter::cuda_tests
