// Losses, in operations that every reader of ONNX knows.
#include "frontend/onnx/export/exporters.h"

#include "llvm/ADT/Sequence.h"

#include <limits>

namespace sinter::onnx_export {
namespace {

std::string sum_along(OpWriter& w, const std::string& terms, int64_t axis) {
  return w.node("ReduceSum", {terms, w.integers("axes", {axis})}, {{"keepdims", false}});
}

void write_cross_entropy(OpWriter& w, ir::CrossEntropyOp op) {
  const auto axis = static_cast<int64_t>(op.getAxis());
  const std::string logs = w.node("LogSoftmax", {op.getLogits()}, {{"axis", axis}});
  w.result("Neg", {sum_along(w, w.node("Mul", {op.getTargets(), logs}), axis)});
}

// Where the number of a logit is its line's class; none is a negative one. A class past the last gives NaN.
void write_sparse_cross_entropy(OpWriter& w, ir::SparseCrossEntropyOp op) {
  const auto axis = static_cast<int64_t>(op.getAxis());
  const auto dims = dims_of(op.getLogits());
  llvm::SmallVector<int64_t> line(dims), numbers(dims.size(), 1);
  line[static_cast<size_t>(axis)] = 1;
  numbers[static_cast<size_t>(axis)] = dims[static_cast<size_t>(axis)];
  const auto places = llvm::map_to_vector(llvm::seq<int64_t>(0, dims[static_cast<size_t>(axis)]),
                                          [](int64_t place) { return static_cast<double>(place); });
  const std::string logs = w.node("LogSoftmax", {op.getLogits()}, {{"axis", axis}});
  const std::string classes = w.node("Reshape", {op.getClasses(), w.integers("shape", line)});
  const std::string chosen =
      w.node("Equal", {classes, w.numbers("numbers", places, element_of(op.getClasses()), numbers)});
  const Input zero = w.number("zero", 0, element_of(op.getLogits()));
  const std::string losses = w.node("Sub", {zero, sum_along(w, w.node("Where", {chosen, logs, zero}), axis)});
  const Input count = w.number("count", static_cast<double>(places.size()), element_of(op.getClasses()));
  const Input none = w.number("none", std::numeric_limits<double>::quiet_NaN(), element_of(op.getLogits()));
  w.result("Where", {w.node("Less", {op.getClasses(), count}), losses, none});
}

} // namespace

void add_losses(ExporterTable& table) {
  table.add(write_cross_entropy);
  table.add(write_sparse_cross_entropy);
}

} // namespace sinter::onnx_export
