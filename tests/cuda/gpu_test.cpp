// The programs of the other tests, on a GPU: tools/gpu_check.sh. Without one, stand-ins run a few.
//
// SINTER_CUDA_CASES: how many random programs, operations on f16 and bf16, and products by tensor cores, at
// most. SINTER_CUDA_SEED: the first.
#include "programs/attention_programs.h"
#include "programs/half_program.h"
#include "programs/library_program.h"
#include "programs/lowered_program.h"
#include "programs/structure_programs.h"
#include "programs/tensor_core_programs.h"

#include "codegen/compile.h"
#include "sinter/runtime/cuda/device.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace sinter::cuda_tests {
namespace {

class Gpu : public testing::Test {
protected:
  Gpu() { context_.loadDialect<ir::SinterDialect, mlir::func::FuncDialect>(); }

  static void SetUpTestSuite() {
    const auto device = rt::cuda::CudaDevice::open();
    std::printf("%s, %s\n", device->name().c_str(), device->architecture().c_str());
  }

  static std::shared_ptr<rt::Executable> compile(mlir::ModuleOp module, bool fuse = true,
                                                 bool channelsLast = false, bool tune = false) {
    codegen::CompileOptions options;
    options.device = "cuda";
    options.fuse = fuse;
    options.channelsLast = channelsLast;
    options.tune = tune;
    const mlir::OwningOpRef<mlir::ModuleOp> copy(module.clone());
    return codegen::compile(*copy, options);
  }

  mlir::MLIRContext context_{mlir::MLIRContext::Threading::DISABLED};
  const uint64_t cases_ = differential::fromEnvironment("SINTER_CUDA_CASES", 200);
  const std::size_t step_ = cases_ < 10 ? 7 : 1; // stand-ins take long
  const uint64_t first_ = differential::fromEnvironment("SINTER_CUDA_SEED", 1);
  rt::ThreadPool pool_{1};
};

// While it lives, kernels of Sinter's are made, whatever libraries there are.
class OwnKernels {
public:
  OwnKernels() {
    if (const char* set = std::getenv(kName))
      before_ = set;
    setenv(kName, "off", 1);
  }
  ~OwnKernels() { setenv(kName, before_.c_str(), 1); }
  OwnKernels(const OwnKernels&) = delete;
  OwnKernels& operator=(const OwnKernels&) = delete;

private:
  static constexpr const char* kName = "SINTER_CUDA_LIBRARIES";
  std::string before_ = "on";
};

TEST_F(Gpu, EveryWayToShareWorkAgrees) {
  const OwnKernels own;
  const std::vector<StructureProgram> programs = structurePrograms();
  for (std::size_t i = 0; i < programs.size(); i += step_) {
    const StructureProgram& program = programs[i];
    const auto executable = compile(*program.parse(context_), /*fuse=*/true, program.channelsLast);
    for (const rt::Kernel& kernel : executable->kernels())
      EXPECT_FALSE(kernel.algorithm.starts_with("cu")) << kernel.algorithm;
    EXPECT_EQ(disagreement(program, context_, *executable, pool_), "") << program.text;
  }
}

TEST_F(Gpu, AttentionAgrees) {
  const std::vector<AttentionProgram> programs = attentionPrograms();
  for (std::size_t i = 0; i < programs.size(); i += step_)
    EXPECT_EQ(disagreement(programs[i], context_, *compile(*programs[i].parse(context_)), pool_), "")
        << programs[i].text();
}

TEST_F(Gpu, TensorCoresAgree) {
  const OwnKernels own;
  std::vector<TensorCoreProgram> programs = tensorCorePrograms();
  programs.resize(std::min<std::size_t>(programs.size(), cases_));
  for (const TensorCoreProgram& program : programs)
    for (const Factors factors : program.factors)
      EXPECT_EQ(disagreement(program, factors, context_, *compile(*program.with(factors, context_)), pool_),
                "")
          << static_cast<int>(factors) << "\n"
          << program.text;
}

TEST_F(Gpu, RandomProgramsAgree) {
  const auto operations = cudaOperations(context_);
  for (uint64_t seed = first_; seed < first_ + cases_; ++seed) {
    RandomProgram program(context_, seed, operations);
    for (bool fuse : {true, false})
      EXPECT_EQ(
          disagreement(program, *compile(program.made.module(), fuse, /*channelsLast=*/seed % 3 == 0), pool_),
          "")
          << "SINTER_CUDA_CASES=1 SINTER_CUDA_SEED=" << seed << (fuse ? "" : ", unfused") << "\n"
          << differential::print(program.made.module());
  }
}

TEST_F(Gpu, HalvesAgreeWithFloat) {
  const auto operations = cudaOperations(context_);
  for (uint64_t seed = 2 * first_; seed < 2 * (first_ + cases_); seed += 2)
    for (DType dtype : {DType::f16, DType::bf16}) {
      HalfProgram program(context_, seed, operations, dtype);
      EXPECT_EQ(disagreement(program, *compile(*program.half), pool_), "")
          << "SINTER_CUDA_CASES=1 SINTER_CUDA_SEED=" << seed / 2 << "\n"
          << differential::print(*program.half);
    }
}

// With stand-ins, libraries take every one; real ones may leave some to Sinter's kernels.
TEST_F(Gpu, LibrariesAgree) {
  const bool all = rt::cuda::CudaDevice::open()->name() == "stand-in GPU";
  const uint64_t cases = std::min<uint64_t>(30 * cases_, 300); // cuDNN compiles some of its engines
  for (uint64_t seed = first_; seed < first_ + cases; ++seed) {
    LibraryProgram program(context_, seed);
    const auto executable = compile(*program.typed);
    std::string algorithms;
    for (const rt::Kernel& kernel : executable->kernels())
      algorithms += (algorithms.empty() ? "" : ", ") + kernel.algorithm;
    EXPECT_TRUE(algorithms.find(program.algorithm) != std::string::npos || !all)
        << "no " << program.algorithm << ", but " << algorithms;
    EXPECT_EQ(disagreement(*program.reference, differential::views(program.inputs), *program.typed,
                           program.dtype, *executable, pool_),
              "")
        << "SINTER_CUDA_SEED=" << seed << ", " << algorithms << "\n"
        << differential::print(*program.typed);
  }
}

TEST_F(Gpu, KernelsReplaceWhatALibraryCannotRun) {
  if (rt::cuda::CudaDevice::open()->name() != "stand-in GPU")
    GTEST_SKIP() << "only stand-ins fail on demand";
  setenv("STAND_IN_CUDNN_FAILS", "1", 1);
  uint64_t seed = 1000; // of no other test: what was made once is found again
  while (LibraryProgram(context_, seed).algorithm != "cudnn conv")
    ++seed;
  LibraryProgram program(context_, seed);
  const auto executable = compile(*program.typed);
  unsetenv("STAND_IN_CUDNN_FAILS");
  for (const rt::Kernel& kernel : executable->kernels())
    EXPECT_FALSE(kernel.algorithm.starts_with("cu")) << kernel.algorithm;
  EXPECT_EQ(disagreement(*program.reference, differential::views(program.inputs), *program.typed,
                         program.dtype, *executable, pool_),
            "");
}

TEST_F(Gpu, LoweredProgramsAreAsCloseAsRoundingIs) {
  const auto operations = cudaOperations(context_);
  for (uint64_t seed = first_; seed < first_ + cases_; ++seed) {
    LoweredProgram program(context_, seed, operations);
    codegen::CompileOptions options;
    options.device = "cuda";
    const mlir::OwningOpRef<mlir::ModuleOp> copy(program.made.module().clone());
    const auto executable = codegen::compile(*copy, program.compileOptions(options));
    EXPECT_EQ(disagreement(program, *executable, pool_), "")
        << "SINTER_CUDA_CASES=1 SINTER_CUDA_SEED=" << seed << "\n"
        << differential::print(program.made.module()) << differential::print(*program.lowered);
  }
}

} // namespace
} // namespace sinter::cuda_tests
