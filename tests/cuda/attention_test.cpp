// Attention in one kernel, and in several, against the interpreter.
#include "host_kernels.h"
#include "programs/attention_programs.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace sinter::cuda_tests {
namespace {

TEST(CudaAttention, AgreesWithInterpreter) {
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  context.loadDialect<ir::SinterDialect, mlir::func::FuncDialect>();
  HostKernels kernels;
  auto compile = [&](const AttentionProgram& program) {
    const auto module = program.parse(context);
    return codegen::compile(*module, kernels.options(true));
  };
  const std::vector<AttentionProgram> programs = attentionPrograms();
  for (const AttentionProgram& program : programs) {
    const auto executable = compile(program);
    const std::string fused = "attention in tiles of ", algorithm = executable->kernels().front().algorithm;
    EXPECT_EQ(executable->kernels().size() == 1 && algorithm.starts_with(fused), program.tileRows > 0)
        << program.text();
    if (program.tileRows > 0)
      EXPECT_TRUE(algorithm.starts_with(fused + std::to_string(program.tileRows) + "x")) << algorithm << "\n"
                                                                                         << program.text();
  }
  ASSERT_NO_THROW(kernels.build());
  rt::ThreadPool pool(2);
  for (const AttentionProgram& program : programs)
    EXPECT_EQ(disagreement(program, context, *compile(program), pool), "") << program.text();
}

} // namespace
} // namespace sinter::cuda_tests
