// Functions that are written in CUDA C++, called.
#pragma once

#include "mlir/IR/Builders.h"
#include "llvm/ADT/SmallVector.h"

namespace sinter::codegen::cuda {

/// The functions of prelude.cuh, and of what kernels of tiles and of attention have besides.
class DeviceCalls {
public:
  DeviceCalls(mlir::OpBuilder& builder, mlir::Location loc) : builder(builder), loc(loc) {}

  /// One without a member of its own, by its name in C++.
  void call(llvm::StringRef function, mlir::ValueRange arguments = {});
  mlir::Value call(llvm::StringRef function, mlir::Type result, mlir::ValueRange arguments = {});

  mlir::Value index(llvm::StringRef function);
  void barrier();
  mlir::Value areAligned(mlir::ValueRange pointers);
  mlir::Value laneXor(mlir::Value value, int64_t mask);
  mlir::Value sharedSlots(int64_t count);
  void setSlot(mlir::Value slots, mlir::Value number, mlir::Value value);
  mlir::Value slot(mlir::Value slots, mlir::Value number, mlir::Type type);
  /// `width` neighbours, of which `number`, a multiple of `width`, is the first.
  llvm::SmallVector<mlir::Value> slotsFrom(mlir::Value slots, mlir::Value number, mlir::Type type,
                                           int64_t width);
  /// If `value` holds for any thread of the block.
  mlir::Value anyAtBarrier(mlir::Value value);
  /// Puts the numbers of the threads, of so many, that are `wanted` into `slots`, as i32; how many they are.
  mlir::Value listAtBarrier(int64_t threads, mlir::Value wanted, mlir::Value slots);
  void setPart(mlir::Value parts, mlir::Value number, mlir::Value value);
  mlir::Value part(mlir::Value parts, mlir::Value number, mlir::Type type);
  /// If the block is the last of `count` that have come here for counter `number`.
  mlir::Value lastAtBarrier(mlir::Value counters, mlir::Value number, int64_t count);

private:
  mlir::OpBuilder& builder;
  mlir::Location loc;
};

} // namespace sinter::codegen::cuda
