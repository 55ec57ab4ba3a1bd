// The pipeline as a library call: what it leaves behind, and how it fails.
#include "passes/pipeline.h"

#include "ir/ops.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sinter::passes {
namespace {

struct Pipeline : testing::Test {
  Pipeline() { context.loadDialect<ir::SinterDialect, mlir::func::FuncDialect>(); }

  mlir::OwningOpRef<mlir::ModuleOp> parse(llvm::StringRef text) {
    return mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  }
  std::string failureOf(llvm::StringRef text) {
    auto module = parse(text);
    try {
      runPipeline(*module, {});
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  mlir::MLIRContext context;
};

TEST_F(Pipeline, LeavesKernelsAndLaunches) {
  auto module = parse(R"(
    func.func @main(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
      %0 = sinter.exp %x : (tensor<4xf32>) -> tensor<4xf32>
      return %0, %x : tensor<4xf32>, tensor<4xf32>
    })");
  runPipeline(*module, {});
  int kernels = 0, launches = 0;
  module->walk([&](ir::KernelOp) { ++kernels; });
  module->walk([&](ir::LaunchOp launch) {
    ++launches;
    EXPECT_EQ(launch.getOffsets(), llvm::ArrayRef<int64_t>{-1});
  });
  EXPECT_EQ(kernels, 2);
  EXPECT_EQ(launches, 2);
  for (const char* name : {"sinter.arena_bytes", "sinter.arena_lower_bound", "sinter.arena_without_reuse"})
    EXPECT_TRUE((*module)->hasAttr(name)) << name;
}

constexpr const char* kUncompilable = R"(
    func.func @main(%%x: tensor<4xf32>) -> tensor<4xf32> {
      %%0 = sinter.launch @nothing(%%x) : (tensor<4xf32>) -> tensor<4xf32> loc(%s)
      return %%0 : tensor<4xf32>
    }
    sinter.kernel @nothing {
    ^bb0(%%x: tensor<4xf32>):
      sinter.yield %%x : tensor<4xf32>
    })";

std::string at(const char* location) {
  std::string text = kUncompilable;
  text.replace(text.find("%s"), 2, location);
  for (size_t i; (i = text.find("%%")) != std::string::npos;)
    text.erase(i, 1);
  return text;
}

TEST_F(Pipeline, ErrorsNameTheFileAndLine) {
  EXPECT_THAT(failureOf(at(R"("net.cpp":12:3)")), testing::StartsWith("net.cpp:12: "));
  EXPECT_THAT(failureOf(at(R"(fused["net.cpp":12:3, "net.cpp":13:3])")), testing::StartsWith("net.cpp:12: "));
}

TEST_F(Pipeline, ErrorsNameTheNode) {
  EXPECT_THAT(failureOf(at(R"("conv_7")")), testing::StartsWith("conv_7: "));
}

} // namespace
} // namespace sinter::passes
