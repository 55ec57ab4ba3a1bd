// The transposition network: each stage exchanges one bit of the row's number with the same bit of the
// lane's.
#include "codegen/cpu/loops/transpose_tile.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace sinter::codegen::cpu {

SmallVector<Value> transposed(OpBuilder& builder, Location loc, SmallVector<Value> rows) {
  const auto size = static_cast<int32_t>(rows.size());
  // Far exchanges first: they move whole halves of a register, which is the cheapest.
  for (int32_t bit = size / 2; bit > 0; bit /= 2) {
    SmallVector<int32_t> low, high;
    for (int32_t lane = 0; lane < size; ++lane) {
      low.push_back((lane & bit) == 0 ? lane : lane - bit + size);
      high.push_back((lane & bit) == 0 ? lane + bit : lane + size);
    }
    for (int32_t row = 0; row < size; ++row) {
      if ((row & bit) != 0)
        continue;
      Value& a = rows[static_cast<size_t>(row)];
      Value& b = rows[static_cast<size_t>(row + bit)];
      Value first = LLVM::ShuffleVectorOp::create(builder, loc, a, b, low);
      b = LLVM::ShuffleVectorOp::create(builder, loc, a, b, high);
      a = first;
    }
  }
  return rows;
}

} // namespace sinter::codegen::cpu
