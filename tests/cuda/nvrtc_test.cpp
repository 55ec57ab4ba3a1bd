// What all operations become, on f32 and on elements of 16 bits, compiles for GPUs, by NVRTC itself: it takes
// none.
//
// SINTER_CUDA_CASES, SINTER_CUDA_SEED: how many operations, and the first.
#include "host_kernels.h"
#include "programs/attention_programs.h"
#include "programs/half_program.h"
#include "programs/structure_programs.h"
#include "programs/tensor_core_programs.h"

#include "codegen/cuda/printer.h"
#include "sinter/runtime/cuda/nvrtc.h"
#include "sinter/runtime/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace sinter::cuda_tests {
namespace {

using testing::HasSubstr;

template <class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Nvrtc, SaysWhatIsWrong) {
  EXPECT_GE(rt::cuda::nvrtc_version().first, 12);
  EXPECT_THAT(
      message_of([] { rt::cuda::compile_for_device("__global__ void f() { g(); }", "sm_80"); }),
      HasSubstr("a generated kernel does not compile: kernel.cu(1): error: identifier \"g\" is undefined"));
  EXPECT_THAT(message_of([] { rt::cuda::compile_for_device("", "sm_20"); }),
              HasSubstr("NVRTC knows no architecture sm_20"));
}

TEST(Nvrtc, LeavesNewerGpusToTheDriver) {
  const char* source = "extern \"C\" __global__ void f(int* x) { *x = 1; }";
  const rt::cuda::DeviceCode code = rt::cuda::compile_for_device(source, "sm_999a");
  const std::string text(code.code.begin(), code.code.end());
  EXPECT_THAT(text, HasSubstr(".target sm_"));
  EXPECT_THAT(text, HasSubstr(".entry f("));
  EXPECT_EQ(text.back(), '\0'); // the driver reads as far as that
  EXPECT_TRUE(code.kernels.empty());
}

// All that was collected becomes code of each architecture, without spilled registers.
void expectCode(const HostKernels& kernels) {
  std::string source(codegen::cuda::prelude());
  for (const auto& kernel : kernels.collected())
    source += kernel.source;
  for (const char* architecture : {"sm_75", "sm_80", "sm_90a"}) {
    const rt::cuda::DeviceCode code = rt::cuda::compile_for_device(source, architecture);
    EXPECT_EQ(code.kernels.size(), kernels.collected().size());
    for (const rt::cuda::KernelResources& kernel : code.kernels) {
      EXPECT_GT(kernel.registers, 0) << kernel.symbol;
      const auto emitted =
          std::ranges::find(kernels.collected(), kernel.symbol, &codegen::cuda::EmittedKernel::symbol);
      ASSERT_NE(emitted, kernels.collected().end()) << kernel.symbol;
      // What Turing multiplies by shuffles has loops in which barriers of convergence are spilled.
      const bool shuffles = std::string(architecture) == "sm_75" &&
                            emitted->source.find("multiply_stage<") != std::string::npos &&
                            emitted->source.find("multiply_stage<Factor<f16") == std::string::npos;
      if (!shuffles)
        EXPECT_EQ(kernel.spilled_bytes, 0)
            << "for " << architecture << ", with " << kernel.registers << " registers:\n"
            << emitted->source;
    }
  }
}

TEST(Nvrtc, TakesAllKernels) {
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  context.loadDialect<ir::SinterDialect, mlir::func::FuncDialect>();
  const auto operations = cudaOperations(context);
  const uint64_t cases = differential::fromEnvironment("SINTER_CUDA_CASES", operations.size());
  const uint64_t first = differential::fromEnvironment("SINTER_CUDA_SEED", 1);
  HostKernels kernels;
  for (uint64_t seed = 2 * first; seed < 2 * (first + cases); seed += 2) { // one operation each
    RandomProgram program(context, seed, operations);
    codegen::compile(program.made.module(), kernels.options(true));
    for (DType dtype : {DType::f16, DType::bf16})
      codegen::compile(*HalfProgram(context, seed, operations, dtype).half,
                       kernels.options(/*fuse=*/true, /*channelsLast=*/dtype == DType::bf16));
  }
  for (const StructureProgram& program : structurePrograms())
    codegen::compile(*program.parse(context), kernels.options(/*fuse=*/true, program.channelsLast));
  for (const AttentionProgram& program : attentionPrograms())
    if (program.tileRows > 0) // the others are products and softmaxes
      codegen::compile(*program.parse(context), kernels.options(true));
  expectCode(kernels);
}

TEST(Nvrtc, TakesTensorCores) {
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  context.loadDialect<ir::SinterDialect, mlir::func::FuncDialect>();
  HostKernels kernels;
  // Every third program, with each kind of factors in turn: compiling all would take minutes.
  const std::vector<TensorCoreProgram> programs = tensorCorePrograms();
  for (std::size_t i = 0; i < programs.size(); i += 3)
    codegen::compile(*programs[i].with(programs[i].factors[i / 3 % programs[i].factors.size()], context),
                     kernels.options(true));
  expectCode(kernels);
}

} // namespace
} // namespace sinter::cuda_tests
