// Products by tensor cores, which host_shim.h does as the instructions are defined.
#include "host_kernels.h"
#include "programs/tensor_core_programs.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace sinter::cuda_tests {
namespace {

TEST(CudaTensorCores, EveryProductAgrees) {
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  context.loadDialect<ir::SinterDialect, mlir::func::FuncDialect>();
  const std::vector<TensorCoreProgram> programs = tensorCorePrograms();
  HostKernels kernels;
  const auto compile = [&](const TensorCoreProgram& program, Factors factors) {
    return codegen::compile(*program.with(factors, context), kernels.options(true));
  };
  for (const TensorCoreProgram& program : programs)
    for (const Factors factors : program.factors) {
      const auto executable = compile(program, factors);
      EXPECT_TRUE(program.tile.empty() || std::ranges::any_of(executable->kernels(),
                                                              [&](const rt::Kernel& kernel) {
                                                                return kernel.algorithm.starts_with(
                                                                    "tensor cores, tiles of " + program.tile);
                                                              }))
          << "no " << program.tile << ", but " << executable->kernels().front().algorithm << "\n"
          << program.text;
    }
  ASSERT_NO_THROW(kernels.build());
  rt::ThreadPool pool(2);
  for (const TensorCoreProgram& program : programs)
    for (const Factors factors : program.factors)
      EXPECT_EQ(disagreement(program, factors, context, *compile(program, factors), pool), "")
          << static_cast<int>(factors) << "\n"
          << program.text;
}

} // namespace
} // namespace sinter::cuda_tests
