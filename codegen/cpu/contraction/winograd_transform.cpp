// Winograd's transforms with few operations: the points 0, 1, -1, (2, -2) and infinity come in pairs that
// share sums.
#include "codegen/cpu/contraction/winograd_transform.h"

#include <vector>

namespace sinter::codegen::cpu::contraction {
namespace {

/// In one direction.
class Transform {
public:
  Transform(KernelBuilder& b, int64_t tile) : b_(b), tile_(tile) {}

  Values input(llvm::ArrayRef<llvm::Value*> d) {
    if (tile_ == 2)
      return {b_.CreateFSub(d[0], d[2]), b_.CreateFAdd(d[1], d[2]), b_.CreateFSub(d[2], d[1]),
              b_.CreateFSub(d[1], d[3])};
    llvm::Value *a = scaled(-4, d[2], d[4]), *b = scaled(-4, d[1], d[3]);
    llvm::Value *e = b_.CreateFSub(d[4], d[2]), *f = b_.CreateFSub(d[3], d[1]);
    return {scaled(4, d[0], scaled(-5, d[2], d[4])),
            b_.CreateFAdd(a, b),
            b_.CreateFSub(a, b),
            scaled(2, f, e),
            scaled(-2, f, e),
            scaled(4, d[1], scaled(-5, d[3], d[5]))};
  }

  Values output(llvm::ArrayRef<llvm::Value*> m) {
    llvm::Value *s = b_.CreateFAdd(m[1], m[2]), *d = b_.CreateFSub(m[1], m[2]);
    if (tile_ == 2)
      return {b_.CreateFAdd(m[0], s), b_.CreateFSub(d, m[3])};
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
  const int64_t tile_;
};

// Columns first, then rows: `side` x `side` vectors become `rows` x `rows`.
void transformBoth(KernelBuilder& b, int64_t side, int64_t rows,
                   llvm::function_ref<Values(llvm::ArrayRef<llvm::Value*>)> transform,
                   llvm::function_ref<llvm::Value*(int64_t, int64_t)> load,
                   llvm::function_ref<void(int64_t, int64_t, llvm::Value*)> store) {
  std::vector<Values> half(static_cast<size_t>(rows)); // by row
  for (int64_t column = 0; column < side; ++column) {
    b.keepLoadsBelow();
    Values values;
    for (int64_t row = 0; row < side; ++row)
      values.push_back(load(row, column));
    for (auto [row, value] : llvm::zip(half, transform(values)))
      row.push_back(value);
  }
  for (int64_t row = 0; row < rows; ++row)
    for (auto [column, value] : llvm::enumerate(transform(half[static_cast<size_t>(row)])))
      store(row, static_cast<int64_t>(column), value);
}

} // namespace

void emitInputTransform(KernelBuilder& b, int64_t tile,
                        llvm::function_ref<llvm::Value*(int64_t, int64_t)> load,
                        llvm::function_ref<void(int64_t, llvm::Value*)> store) {
  Transform transform(b, tile);
  const int64_t side = tile + 2;
  transformBoth(
      b, side, side, [&](llvm::ArrayRef<llvm::Value*> d) { return transform.input(d); }, load,
      [&](int64_t row, int64_t column, llvm::Value* value) { store(row * side + column, value); });
}

void emitOutputTransform(KernelBuilder& b, int64_t tile, llvm::function_ref<llvm::Value*(int64_t)> load,
                         llvm::function_ref<void(int64_t, int64_t, llvm::Value*)> store) {
  Transform transform(b, tile);
  const int64_t side = tile + 2;
  transformBoth(
      b, side, tile, [&](llvm::ArrayRef<llvm::Value*> m) { return transform.output(m); },
      [&](int64_t row, int64_t column) { return load(row * side + column); }, store);
}

} // namespace sinter::codegen::cpu::contraction
