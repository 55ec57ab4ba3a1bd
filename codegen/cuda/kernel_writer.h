// What the writers of kernels share: the function they write into, and arithmetic on its indices.
#pragma once

#include "codegen/cuda/kernel_frame.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace sinter::codegen::cuda {

/// A kernel while it is written.
class KernelWriter {
public:
  KernelWriter(const KernelWriter&) = delete;
  KernelWriter& operator=(const KernelWriter&) = delete;

protected:
  /// Without `groups`, where positions of the results are none of the operands.
  KernelWriter(ir::KernelOp kernel, llvm::StringRef symbol, DimensionGroups groups = {})
      : kernel(kernel), groups(std::move(groups)), frame(kernel, symbol, this->groups),
        emitter(frame.emitter), builder(emitter.builder), loc(emitter.loc) {}
  ~KernelWriter() = default;

  mlir::Value plus(mlir::Value a, mlir::Value b) { return mlir::arith::AddIOp::create(builder, loc, a, b); }
  mlir::Value plus(mlir::Value a, int64_t b) { return b == 0 ? a : plus(a, emitter.index(b)); }
  mlir::Value minus(mlir::Value a, mlir::Value b) { return mlir::arith::SubIOp::create(builder, loc, a, b); }
  mlir::Value times(mlir::Value a, mlir::Value b) { return mlir::arith::MulIOp::create(builder, loc, a, b); }
  mlir::Value times(mlir::Value a, int64_t b) { return b == 1 ? a : times(a, emitter.index(b)); }
  /// Of numbers that are not negative.
  mlir::Value over(mlir::Value a, int64_t b) {
    return mlir::arith::DivUIOp::create(builder, loc, a, emitter.index(b));
  }
  mlir::Value rest(mlir::Value a, int64_t b) {
    return mlir::arith::RemUIOp::create(builder, loc, a, emitter.index(b));
  }
  mlir::Value least(mlir::Value a, int64_t b) {
    return mlir::arith::MinSIOp::create(builder, loc, a, emitter.index(b));
  }
  mlir::Value compare(mlir::arith::CmpIPredicate how, mlir::Value a, mlir::Value b) {
    return mlir::arith::CmpIOp::create(builder, loc, how, a, b);
  }
  mlir::Value compare(mlir::arith::CmpIPredicate how, mlir::Value a, int64_t b) {
    return compare(how, a, emitter.index(b));
  }
  mlir::Value less(mlir::Value a, mlir::Value b) { return compare(mlir::arith::CmpIPredicate::slt, a, b); }
  mlir::Value less(mlir::Value a, int64_t b) { return less(a, emitter.index(b)); }
  /// Null holds always.
  mlir::Value both(mlir::Value a, mlir::Value b) {
    return a && b ? mlir::arith::AndIOp::create(builder, loc, a, b).getResult() : a ? a : b;
  }

  ir::KernelOp kernel;
  const DimensionGroups groups; // the frame's emitter refers to them
  KernelFrame frame;
  ThreadEmitter& emitter;
  mlir::OpBuilder& builder;
  mlir::Location loc;
};

} // namespace sinter::codegen::cuda
