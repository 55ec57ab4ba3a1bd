// Winograd's transforms with few operations: the points 0, 1, -1, (2, -2) and infinity come in pairs that
// share sums.
#include "codegen/cpu/contraction/winograd_transform.h"

namespace sinter::codegen::cpu::contraction {

// factor * x + y
llvm::Value* WinogradTransform::scaled(double factor, llvm::Value* x, llvm::Value* y) {
  return b_.multiplyAdd(x, llvm::ConstantFP::get(b_.vector, factor), y);
}

Values WinogradTransform::input(llvm::ArrayRef<llvm::Value*> d) {
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

Values WinogradTransform::output(llvm::ArrayRef<llvm::Value*> m) {
  llvm::Value *s = b_.CreateFAdd(m[1], m[2]), *d = b_.CreateFSub(m[1], m[2]);
  if (tile_ == 2)
    return {b_.CreateFAdd(m[0], s), b_.CreateFSub(d, m[3])};
  llvm::Value *t = b_.CreateFAdd(m[3], m[4]), *e = b_.CreateFSub(m[3], m[4]);
  return {b_.CreateFAdd(m[0], b_.CreateFAdd(s, t)), scaled(2, e, d), scaled(4, t, s),
          b_.CreateFAdd(m[5], scaled(8, e, d))};
}

// Every column of what `load` gives, transformed, becomes a column of `half_`.
void WinogradTransform::columns(Direction transform, Load load) {
  b_.loop(b_.index(side_), false, {}, [&](llvm::Value* column, llvm::ArrayRef<llvm::Value*>) {
    Values values;
    for (int64_t row = 0; row < side_; ++row)
      values.push_back(load(row, column));
    llvm::Value* to = b_.advance(half_, b_.CreateMul(column, b_.index(b_.lanes)));
    for (auto [row, value] : llvm::enumerate((this->*transform)(values)))
      b_.storeVector(value, b_.advance(to, static_cast<int64_t>(row) * side_ * b_.lanes));
    return Values{};
  });
}

// The first `count` rows of `half_`, transformed, go on to `store`.
void WinogradTransform::rows(Direction transform, llvm::Value* count, Store store) {
  b_.loop(count, false, {}, [&](llvm::Value* row, llvm::ArrayRef<llvm::Value*>) {
    llvm::Value* from = b_.advance(half_, b_.CreateMul(row, b_.index(side_ * b_.lanes)));
    Values values;
    for (int64_t column = 0; column < side_; ++column)
      values.push_back(b_.loadVector(b_.advance(from, column * b_.lanes)));
    store(row, (this->*transform)(values));
    return Values{};
  });
}

void WinogradTransform::inputColumns(Load load) {
  columns(&WinogradTransform::input, load);
}

void WinogradTransform::inputRows(Store store) {
  rows(&WinogradTransform::input, b_.index(side_), store);
}

void WinogradTransform::output(llvm::Value* rowCount, Load load, Store store) {
  columns(&WinogradTransform::output, load);
  rows(&WinogradTransform::output, rowCount, store);
}

} // namespace sinter::codegen::cpu::contraction
