// What derivatives of pools are made of: the taps of windows, side by side as channels.
#include "frontend/onnx/export/exporters.h"
#include "frontend/onnx/export/operators/window.h"

namespace sinter::onnx_export {
namespace {

void check_floats(Value value) {
  if (!is_float(value))
    throw Error("ONNX has convolutions of floating-point numbers only");
}

// [N, C, out...] with a dimension of this extent after C.
Dims with_taps(llvm::ArrayRef<int64_t> dims, int64_t taps) {
  Dims shape(dims);
  shape.insert(shape.begin() + 2, taps);
  return shape;
}

Dims merged(llvm::ArrayRef<int64_t> dims, int64_t taps) {
  Dims shape(dims);
  shape[1] *= taps;
  return shape;
}

// Whether tap t is the one that `index` [N, C, out...] names: [N, C, taps, out...].
std::string write_is_tap(OpWriter& w, Value index, int64_t taps) {
  const auto dims = dims_of(index);
  llvm::SmallVector<double> numbers;
  for (int64_t tap = 0; tap < taps; ++tap)
    numbers.push_back(static_cast<double>(tap));
  Dims shape(dims.size() - 1, 1);
  shape[0] = taps;
  const std::string apart = w.node("Reshape", {index, w.integers("shape", with_taps(dims, 1))});
  return w.node("Equal", {apart, w.numbers("numbers", numbers, element_of(index), shape)});
}

void write_window_gather(OpWriter& w, ir::WindowGatherOp op) {
  check_floats(op.getInput());
  const auto dims = dims_of(op.getInput()), windows = dims_of(op.getIndex());
  const Window window = Window::of(op, dims, windows);
  const Type element = element_of(op.getInput());
  const std::string is_tap = write_is_tap(w, op.getIndex(), window.taps());
  std::string all =
      write_windows(w, window, op.getInput(), dims[1], window.taps(), one_per_tap(window.taps()), element);
  all = w.node("Reshape", {all, w.integers("shape", with_taps(windows, window.taps()))});
  const std::string chosen = w.node("Where", {is_tap, all, w.number("zero", 0, element)});
  w.result("ReduceSum", {chosen, w.integers("axes", {2})}, {{"keepdims", false}});
}

void write_window_scatter(OpWriter& w, ir::WindowScatterOp op) {
  check_floats(op.getValues());
  const auto windows = dims_of(op.getValues());
  const Window window = Window::of(op, op.getSizes(), windows);
  const Type element = element_of(op.getValues());
  const std::string is_tap = write_is_tap(w, op.getIndex(), window.taps());
  const std::string apart = w.node("Reshape", {op.getValues(), w.integers("shape", with_taps(windows, 1))});
  std::string all = w.node("Where", {is_tap, apart, w.number("zero", 0, element)});
  all = w.node("Reshape", {all, w.integers("shape", merged(windows, window.taps()))});
  write_windows_back(w, window, all, windows[1], window.taps(), one_per_tap(window.taps()), element);
}

void write_avg_pool_transpose(OpWriter& w, ir::AvgPoolTransposeOp op) {
  const auto windows = dims_of(op.getValues());
  const Window window = Window::of(op, op.getSizes(), windows);
  const Type element = element_of(op.getValues());
  const std::string shares =
      w.node("Div", {op.getValues(), w.numbers("counts", window.counts(op.getCountIncludePad()), element,
                                               for_channels(window.output))});
  const llvm::SmallVector<double> ones(static_cast<std::size_t>(window.taps()), 1);
  write_windows_back(w, window, shares, windows[1], 1, ones, element);
}

} // namespace

void add_pool_gradients(ExporterTable& table) {
  table.add(write_window_gather);
  table.add(write_window_scatter);
  table.add(write_avg_pool_transpose);
  table.refuse<ir::MaxPoolIndexOp>("ONNX does not number the taps of a window");
}

} // namespace sinter::onnx_export
