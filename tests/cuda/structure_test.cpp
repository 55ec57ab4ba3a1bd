// Every way to share the work of a kernel among threads.
#include "host_kernels.h"
#include "programs/structure_programs.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace sinter::cuda_tests {
namespace {

TEST(CudaStructure, EveryWayAgrees) {
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  context.loadDialect<ir::SinterDialect, mlir::func::FuncDialect>();
  HostKernels kernels;
  auto compile = [&](const StructureProgram& program) {
    const auto module = program.parse(context);
    return codegen::compile(*module, kernels.options(true, program.channelsLast));
  };
  const std::vector<StructureProgram> programs = structurePrograms();
  for (const StructureProgram& program : programs) {
    const auto executable = compile(program);
    std::string algorithms;
    for (const rt::Kernel& kernel : executable->kernels())
      algorithms += (algorithms.empty() ? "" : "; ") + kernel.algorithm;
    EXPECT_TRUE(
        program.algorithm.empty() ||
        std::ranges::any_of(executable->kernels(),
                            [&](const rt::Kernel& kernel) { return kernel.algorithm == program.algorithm; }))
        << "no " << program.algorithm << ", but " << algorithms << "\n"
        << program.text;
  }
  ASSERT_NO_THROW(kernels.build());
  rt::ThreadPool pool(2);
  for (const StructureProgram& program : programs)
    EXPECT_EQ(disagreement(program, context, *compile(program), pool), "") << program.text;
}

} // namespace
} // namespace sinter::cuda_tests
