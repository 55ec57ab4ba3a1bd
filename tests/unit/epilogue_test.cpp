// The pointwise operations after a micro-kernel, as the function that micro-kernels inline.
#include "kernel_harness.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/Linker/Linker.h"

namespace sinter::test {
namespace {

const std::string kBlocked8 = "#sinter.layout<order = [0, 1, 2, 3], blocked = 1, block = 8>";

// Calls the epilogue on every vector of its result, reading the root's vectors from the buffer after the
// result's.
class Epilogue : public testing::Test, public KernelHarness {
protected:
  std::unique_ptr<llvm::Module> wrap(std::unique_ptr<llvm::Module> epilogue, llvm::LLVMContext& context,
                                     const std::vector<std::vector<int64_t>>& positions, int64_t width,
                                     unsigned arguments) {
    llvm::Function* callee = epilogue->getFunction("epilogue");
    llvm::IRBuilder<> builder(context);
    auto* pointer = builder.getPtrTy();
    auto* type = llvm::FunctionType::get(
        builder.getVoidTy(), {pointer, builder.getInt64Ty(), builder.getInt64Ty(), pointer}, false);
    auto* function = llvm::Function::Create(type, llvm::Function::ExternalLinkage, "wrapper", *epilogue);
    builder.SetInsertPoint(llvm::BasicBlock::Create(context, "", function));
    auto buffer = [&](unsigned number) {
      return builder.CreateLoad(pointer, builder.CreateConstGEP1_64(pointer, function->getArg(0), number));
    };
    llvm::Value* out = buffer(arguments);
    llvm::Value* in = buffer(arguments + 1);
    auto* vector = llvm::FixedVectorType::get(builder.getFloatTy(), static_cast<unsigned>(width));
    int64_t offset = 0;
    for (const auto& position : positions) {
      auto place = [&](llvm::Value* base) {
        return builder.CreateConstGEP1_64(builder.getFloatTy(), base, static_cast<uint64_t>(offset));
      };
      std::vector<llvm::Value*> operands{builder.CreateAlignedLoad(vector, place(in), llvm::Align(4)),
                                         function->getArg(0)};
      for (int64_t index : position)
        operands.push_back(builder.getInt64(static_cast<uint64_t>(index)));
      builder.CreateAlignedStore(builder.CreateCall(callee, operands), place(out), llvm::Align(4));
      offset += width;
    }
    builder.CreateRetVoid();
    return epilogue;
  }
};

TEST_F(Epilogue, BlockedConvolutionWithBiasAndResidual) {
  // 12 channels: the second block is partial; the row-major bias must not be read past its end.
  const std::string type = "tensor<1x12x1x2xf32, " + kBlocked8 + ">";
  auto module = mlir::parseSourceString<mlir::ModuleOp>(R"(sinter.kernel @k {
    ^bb0(%x: )" + type + R"(, %f: tensor<12x12x1x1xf32>, %b: tensor<12x1x1xf32>, %s: )" +
                                                            type + R"():
      %0 = sinter.conv %x, %f {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_begin = array<i64: 0, 0>, pad_end = array<i64: 0, 0>} : ()" +
                                                            type + R"(, tensor<12x12x1x1xf32>) -> )" + type +
                                                            R"(
      %1 = sinter.add %0, %b : ()" + type + R"(, tensor<12x1x1xf32>) -> )" +
                                                            type + R"(
      %2 = sinter.add %1, %s : ()" + type + ", " + type + ") -> " +
                                                            type + R"(
      %3 = sinter.relu %2 : ()" + type + ") -> " + type + R"(
      sinter.yield %3 : )" + type + R"(
  })",
                                                        &context);
  ASSERT_TRUE(module);
  ir::KernelOp kernel = *module->getOps<ir::KernelOp>().begin();
  mlir::Operation* root = &kernel.getBody().front().front();
  llvm::LLVMContext llvmContext;
  const auto& target = codegen::cpu::Target::host();
  auto epilogue = codegen::cpu::emitEpilogue(kernel, root, 1, 8, "epilogue", target, llvmContext);
  ASSERT_TRUE(epilogue);
  EXPECT_TRUE(epilogue->getFunction("epilogue")->hasInternalLinkage());
  EXPECT_TRUE(epilogue->getFunction("epilogue")->hasFnAttribute(llvm::Attribute::AlwaysInline));
  auto wrapped =
      wrap(std::move(epilogue), llvmContext, {{0, 0, 0, 0}, {0, 0, 0, 1}, {0, 8, 0, 0}, {0, 8, 0, 1}}, 8, 4);
  auto code = codegen::cpu::Jit::instance().link(codegen::cpu::compileToObject(*wrapped, target), "wrapper");
  GuardedBuffer unused(64), bias(12 * 4), skip(32 * 4), out(32 * 4), in(32 * 4);
  std::mt19937 random(3);
  for (GuardedBuffer* buffer : {&bias, &skip, &in})
    fill(buffer->data(), DType::f32, static_cast<int64_t>(buffer->bytes() / 4), random, -2, 2);
  std::vector<void*> addresses{unused.data(), unused.data(), bias.data(), skip.data(), out.data(), in.data()};
  code.function(addresses.data(), 0, 1, nullptr);
  auto at = [](const GuardedBuffer& buffer, int64_t i) {
    return static_cast<const float*>(buffer.data())[i];
  };
  for (int64_t c = 0; c < 12; ++c)
    for (int64_t w = 0; w < 2; ++w) {
      const int64_t i = c / 8 * 16 + w * 8 + c % 8;
      EXPECT_FLOAT_EQ(at(out, i), std::max(0.F, at(in, i) + at(bias, c) + at(skip, i)));
    }
}

TEST_F(Epilogue, RowMajorProductWithScalesAndOffsets) {
  auto module = mlir::parseSourceString<mlir::ModuleOp>(R"(sinter.kernel @k {
    ^bb0(%x: tensor<2x3xf32>, %y: tensor<3x13xf32>, %b: tensor<13xf32>, %c: tensor<2x1xf32>):
      %0 = sinter.matmul %x, %y : (tensor<2x3xf32>, tensor<3x13xf32>) -> tensor<2x13xf32>
      %1 = sinter.add %0, %b : (tensor<2x13xf32>, tensor<13xf32>) -> tensor<2x13xf32>
      %2 = sinter.mul %1, %c : (tensor<2x13xf32>, tensor<2x1xf32>) -> tensor<2x13xf32>
      sinter.yield %2 : tensor<2x13xf32>
  })",
                                                        &context);
  ASSERT_TRUE(module);
  ir::KernelOp kernel = *module->getOps<ir::KernelOp>().begin();
  mlir::Operation* root = &kernel.getBody().front().front();
  llvm::LLVMContext llvmContext;
  const auto& target = codegen::cpu::Target::host();
  auto epilogue = codegen::cpu::emitEpilogue(kernel, root, 1, 8, "epilogue", target, llvmContext);
  ASSERT_TRUE(epilogue);
  auto wrapped = wrap(std::move(epilogue), llvmContext, {{0, 0}, {0, 8}, {1, 0}, {1, 8}}, 8, 4);
  auto code = codegen::cpu::Jit::instance().link(codegen::cpu::compileToObject(*wrapped, target), "wrapper");
  GuardedBuffer unused(64), bias(13 * 4), scale(2 * 4), out(32 * 4), in(32 * 4);
  std::mt19937 random(3);
  for (GuardedBuffer* buffer : {&bias, &scale, &in})
    fill(buffer->data(), DType::f32, static_cast<int64_t>(buffer->bytes() / 4), random, -2, 2);
  std::vector<void*> addresses{unused.data(), unused.data(), bias.data(),
                               scale.data(),  out.data(),    in.data()};
  code.function(addresses.data(), 0, 1, nullptr);
  auto at = [](const GuardedBuffer& buffer, int64_t i) {
    return static_cast<const float*>(buffer.data())[i];
  };
  for (int64_t m = 0; m < 2; ++m)
    for (int64_t n = 0; n < 13; ++n)
      EXPECT_FLOAT_EQ(at(out, m * 16 + n), (at(in, m * 16 + n) + at(bias, n)) * at(scale, m));
}

TEST_F(Epilogue, NothingAfterTheRoot) {
  auto module = mlir::parseSourceString<mlir::ModuleOp>(R"(sinter.kernel @k {
    ^bb0(%x: tensor<2x3xf32>, %y: tensor<3x13xf32>):
      %0 = sinter.matmul %x, %y : (tensor<2x3xf32>, tensor<3x13xf32>) -> tensor<2x13xf32>
      sinter.yield %0 : tensor<2x13xf32>
  })",
                                                        &context);
  ASSERT_TRUE(module);
  ir::KernelOp kernel = *module->getOps<ir::KernelOp>().begin();
  llvm::LLVMContext llvmContext;
  EXPECT_FALSE(codegen::cpu::emitEpilogue(kernel, &kernel.getBody().front().front(), 1, 8, "epilogue",
                                          codegen::cpu::Target::host(), llvmContext));
}

} // namespace
} // namespace sinter::test
