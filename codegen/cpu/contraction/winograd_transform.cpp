// Winograd's transforms with few operations: the points 0, 1, -1, 2, -2 and infinity come in pairs that share
// sums.
#include "codegen/cpu/contraction/winograd_transform.h"

#include <array>

namespace sinter::codegen::cpu::contraction {
namespace {

using Six = std::array<llvm::Value*, 6>;
using Four = std::array<llvm::Value*, 4>;

class Transform {
public:
  explicit Transform(KernelBuilder& b) : b_(b) {}

  Six input(const Six& d) {
    Six o;
    o[0] = scaled(4, d[0], scaled(-5, d[2], d[4]));
    llvm::Value *a = scaled(-4, d[2], d[4]), *b = scaled(-4, d[1], d[3]);
    o[1] = b_.CreateFAdd(a, b);
    o[2] = b_.CreateFSub(a, b);
    llvm::Value *e = b_.CreateFSub(d[4], d[2]), *f = b_.CreateFSub(d[3], d[1]);
    o[3] = scaled(2, f, e);
    o[4] = scaled(-2, f, e);
    o[5] = scaled(4, d[1], scaled(-5, d[3], d[5]));
    return o;
  }

  Four output(const Six& m) {
    llvm::Value *s = b_.CreateFAdd(m[1], m[2]), *d = b_.CreateFSub(m[1], m[2]);
    llvm::Value *t = b_.CreateFAdd(m[3], m[4]), *e = b_.CreateFSub(m[3], m[4]);
    return {b_.CreateFAdd(m[0], b_.CreateFAdd(s, t)), scaled(2, e, d), scaled(4, t, s),
            b_.CreateFAdd(m[5], scaled(8, e, d))};
  }

private:
  // factor * x + y
  llvm::Value* scaled(double factor, llvm::Value* x, llvm::Value* y) {
    return b_.multiplyAdd(x, llvm::ConstantFP::get(b_.vector, factor), y);
  }

  KernelBuilder& b_;
};

} // namespace

void emitInputTransform(KernelBuilder& b, llvm::function_ref<llvm::Value*(int64_t, int64_t)> load,
                        llvm::function_ref<void(int64_t, llvm::Value*)> store) {
  Transform transform(b);
  std::array<Six, 6> half; // by row
  for (size_t column = 0; column < 6; ++column) {
    b.keepLoadsBelow();
    Six d;
    for (size_t row = 0; row < 6; ++row)
      d[row] = load(static_cast<int64_t>(row), static_cast<int64_t>(column));
    const Six o = transform.input(d);
    for (size_t row = 0; row < 6; ++row)
      half[row][column] = o[row];
  }
  for (size_t row = 0; row < 6; ++row) {
    const Six o = transform.input(half[row]);
    for (size_t column = 0; column < 6; ++column)
      store(static_cast<int64_t>(row * 6 + column), o[column]);
  }
}

void emitOutputTransform(KernelBuilder& b, llvm::function_ref<llvm::Value*(int64_t)> load,
                         llvm::function_ref<void(int64_t, int64_t, llvm::Value*)> store) {
  Transform transform(b);
  std::array<Six, 4> half;
  for (size_t column = 0; column < 6; ++column) {
    b.keepLoadsBelow();
    Six m;
    for (size_t row = 0; row < 6; ++row)
      m[row] = load(static_cast<int64_t>(row * 6 + column));
    const Four o = transform.output(m);
    for (size_t row = 0; row < 4; ++row)
      half[row][column] = o[row];
  }
  for (size_t row = 0; row < 4; ++row) {
    const Four o = transform.output(half[row]);
    for (size_t column = 0; column < 4; ++column)
      store(static_cast<int64_t>(row), static_cast<int64_t>(column), o[column]);
  }
}

} // namespace sinter::codegen::cpu::contraction
