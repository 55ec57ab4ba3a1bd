// The frame of a kernel, and how much work it is.
#include "codegen/cpu/loops/kernel_loops.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

#include <algorithm>

using namespace mlir;

namespace sinter::codegen::cpu {
namespace {

constexpr double kNanosecondsPerFlop = 0.25;
constexpr double kNanosecondsPerByte = 0.1;

Block& bodyOf(ir::KernelOp kernel) {
  return kernel.getBody().front();
}

} // namespace

LLVM::LLVMFuncOp makeKernelFunction(OpBuilder& builder, Location loc, ModuleOp module, StringRef name) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(module.getBody());
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  Type i64 = builder.getI64Type();
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder.getContext()),
                                          {pointer, i64, i64, pointer});
  return LLVM::LLVMFuncOp::create(builder, loc, name, type);
}

SmallVector<MemoryView> bindBuffers(VectorEmitter& emitter, ir::KernelOp kernel,
                                    const DimensionGroups& groups, Value buffers) {
  Type pointer = LLVM::LLVMPointerType::get(emitter.builder.getContext());
  return codegen::bindBuffers(emitter, kernel, groups, [&](unsigned number) -> Value {
    Value place = LLVM::GEPOp::create(emitter.builder, emitter.loc, pointer, pointer, buffers,
                                      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(number)});
    return LLVM::LoadOp::create(emitter.builder, emitter.loc, pointer, place, 8);
  });
}

int64_t grainOf(double nanoseconds, int64_t tasks) {
  constexpr double kGrainNanoseconds = 8000; // the least work worth a thread; waking it costs a tenth
  const double perTask = std::max(nanoseconds / static_cast<double>(tasks), 1.0);
  return std::clamp<int64_t>(static_cast<int64_t>(kGrainNanoseconds / perTask) + 1, 1, tasks);
}

double estimateNanoseconds(ir::KernelOp kernel) {
  Block& block = bodyOf(kernel);
  double flops = 0;
  double bytes = 0;
  for (Operation& op : block.without_terminator())
    if (auto fusion = dyn_cast<ir::FusionOpInterface>(op))
      flops += fusion.getFlops();
  for (Value argument : block.getArguments())
    bytes += static_cast<double>(ir::storedBytes(ir::tensorType(argument)));
  for (Value result : block.getTerminator()->getOperands())
    bytes += static_cast<double>(ir::storedBytes(ir::tensorType(result)));
  return flops * kNanosecondsPerFlop + bytes * kNanosecondsPerByte;
}

} // namespace sinter::codegen::cpu
