// Running programs of the dialect and comparing what they give.
#include "comparison.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AsmState.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace sinter::differential {

uint64_t fromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr && *text != 0 ? std::strtoull(text, nullptr, 10) : otherwise;
}

std::vector<mlir::RegisteredOperationName> evaluableOperations(mlir::MLIRContext& context) {
  std::vector<mlir::RegisteredOperationName> operations;
  for (mlir::RegisteredOperationName name : context.getRegisteredOperations())
    if (name.getDialectNamespace() == "sinter" &&
        (name.hasInterface<ir::EvaluateOpInterface>() || name.hasInterface<ir::GradientOpInterface>()))
      operations.push_back(name);
  return operations;
}

Buffer denseBuffer(DType dtype, const Shape& shape) {
  auto storage = Storage::allocate(
      std::max<std::size_t>(1, static_cast<std::size_t>(shape.elements()) * size_of(dtype)));
  const View view = View::dense(storage->data(), dtype, shape);
  return {std::move(storage), view};
}

std::vector<Buffer> resultBuffers(mlir::ModuleOp module) {
  std::vector<Buffer> buffers;
  for (mlir::Type type : module.lookupSymbol<mlir::func::FuncOp>("main").getResultTypes()) {
    const auto tensor = llvm::cast<mlir::RankedTensorType>(type);
    buffers.push_back(denseBuffer(ir::dtypeOf(tensor.getElementType()), ir::shapeOf(tensor)));
  }
  return buffers;
}

std::vector<View> views(const std::vector<Buffer>& buffers) {
  std::vector<View> result;
  for (const Buffer& buffer : buffers)
    result.push_back(buffer.view);
  return result;
}

namespace {

/// How far apart results may be, for the rounding of their element type; sums of many terms are judged
/// against the largest element of the tensor, and chains of operations against their length.
struct Tolerance {
  double relative;
  double ofLargest;
};

Tolerance toleranceOf(DType dtype, std::size_t operations) {
  const double length = 1 + static_cast<double>(operations);
  if (dtype == DType::f32)
    return {2e-5 * length, 5e-6 * length};
  if (dtype == DType::f64)
    return {1e-11 * length, 1e-12 * length};
  if (dtype == DType::f16)
    return {1e-3 * length, 2e-4 * length};
  if (dtype == DType::bf16)
    return {8e-3 * length, 2e-3 * length};
  return {0, 0};
}

} // namespace

std::string disagreement(const View& actual, const View& expected, std::size_t operations,
                         std::optional<DType> rounding) {
  const Tolerance tolerance = toleranceOf(rounding.value_or(expected.dtype), operations);
  std::string text;
  visit_dtype(expected.dtype, "comparison", [&](auto tag) {
    using T = decltype(tag);
    double largest = 1;
    for_each_offset<1>(expected.shape, {expected.strides}, [&](const std::array<int64_t, 1>& offset) {
      const auto value = static_cast<double>(expected.as<T>()[offset[0]]);
      if (std::isfinite(value))
        largest = std::max(largest, std::abs(value));
    });
    int64_t element = 0;
    for_each_offset<2>(expected.shape, {actual.strides, expected.strides},
                       [&](const std::array<int64_t, 2>& offsets) {
                         const auto a = static_cast<double>(actual.as<T>()[offsets[0]]);
                         const auto e = static_cast<double>(expected.as<T>()[offsets[1]]);
                         const bool same = a == e || (std::isnan(a) && std::isnan(e)) ||
                                           std::abs(a - e) <= tolerance.relative * std::abs(e) +
                                                                  tolerance.ofLargest * largest;
                         if (!same && text.empty())
                           text = "element " + std::to_string(element) + " of " + to_string(expected) +
                                  " is " + std::to_string(a) + ", expected " + std::to_string(e) +
                                  " (largest " + std::to_string(largest) + ")";
                         ++element;
                       });
  });
  return text;
}

std::string print(mlir::ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream, mlir::OpPrintingFlags().elideLargeElementsAttrs(8).elideLargeResourceString(8));
  return text;
}

} // namespace sinter::differential
