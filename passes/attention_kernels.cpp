// What the kernels of attention take: codegen/cpu/contraction/attention.cpp, codegen/cuda/emit_attention.cpp.
#include "passes/attention_kernels.h"

#include "ir/precision.h"

using namespace mlir;

namespace sinter::passes {
namespace {

// Rows of the query, of the value, and of the result, as they are spread over the registers of a warp.
constexpr int64_t kLongestRow = 128;
// A block of threads makes at least 64 rows of the result: with fewer, most of its work is thrown away.
constexpr int64_t kFewestRows = 8;

} // namespace

bool hasAttentionKernel(Type element, int64_t rows, int64_t depth, int64_t width, Backend backend) {
  if (backend == Backend::cpu)
    return element.isF32();
  return (element.isF32() || ir::isHalf(element)) && rows >= kFewestRows && depth <= kLongestRow &&
         width <= kLongestRow;
}

bool hasAttentionKernel(ir::AttentionOp op, Backend backend) {
  const ir::Attention sizes = op.getAttention();
  return hasAttentionKernel(ir::tensorType(op.getResult()).getElementType(), sizes.rows, sizes.depth,
                            sizes.width, backend);
}

} // namespace sinter::passes
