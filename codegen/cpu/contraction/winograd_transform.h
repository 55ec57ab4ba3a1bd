// The transforms of Winograd's F(tile x tile, 3 x 3), tile 2 or 4, on vectors of channels. One direction is
// unrolled, the other is a loop: what is between the two passes of tiles of 4 is too much for the registers,
// and all of it unrolled takes longer to compile and is no faster.
#pragma once

#include "codegen/cpu/contraction/kernel_builder.h"

namespace sinter::codegen::cpu::contraction {

class WinogradTransform {
public:
  using Load = llvm::function_ref<llvm::Value*(int64_t row, llvm::Value* column)>;
  using Store = llvm::function_ref<void(llvm::Value* row, Values values)>;

  /// `half` has room for (tile + 2)^2 vectors: what the first pass leaves for the second.
  WinogradTransform(KernelBuilder& builder, int64_t tile, llvm::Value* half)
      : b_(builder), tile_(tile), side_(tile + 2), half_(half) {}

  /// The two passes of B^T d B for the (tile + 2) x (tile + 2) vectors d that `load` gives; `store` takes the
  /// rows of points in order.
  void inputColumns(Load load);
  void inputRows(Store store);
  /// A^T m A for the (tile + 2)^2 points m that `load` gives: the first `rowCount` rows of `tile` x `tile`.
  void output(llvm::Value* rowCount, Load load, Store store);

private:
  using Direction = Values (WinogradTransform::*)(llvm::ArrayRef<llvm::Value*>);

  Values input(llvm::ArrayRef<llvm::Value*> d);
  Values output(llvm::ArrayRef<llvm::Value*> m);
  llvm::Value* scaled(double factor, llvm::Value* x, llvm::Value* y);
  void columns(Direction transform, Load load);
  void rows(Direction transform, llvm::Value* count, Store store);

  KernelBuilder& b_;
  const int64_t tile_, side_;
  llvm::Value* const half_;
};

} // namespace sinter::codegen::cpu::contraction
