// Running programs of the dialect and comparing what they give.
#pragma once

#include "ir/ops.h"

#include "mlir/IR/BuiltinOps.h"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sinter::differential {

/// Every operation of the dialect that computes, and so can be compiled: those that can be evaluated, and
/// those whose bodies can.
std::vector<mlir::RegisteredOperationName> evaluableOperations(mlir::MLIRContext& context);

/// A tensor with its own memory.
struct Buffer {
  std::shared_ptr<Storage> storage;
  View view;
};

Buffer denseBuffer(DType dtype, const Shape& shape);

/// A dense buffer for each result of @main.
std::vector<Buffer> resultBuffers(mlir::ModuleOp module);

std::vector<View> views(const std::vector<Buffer>& buffers);

/// "" if `actual` agrees with `expected`, else where and how they differ. Results may be apart by the
/// rounding of their element type; sums of many terms are judged against the largest element of the tensor,
/// and chains of operations against their length. `rounding`: of another element type than theirs.
std::string disagreement(const View& actual, const View& expected, std::size_t operations,
                         std::optional<DType> rounding = std::nullopt);

std::string print(mlir::ModuleOp module);

/// The environment variable `name` as a number, or `otherwise`.
uint64_t fromEnvironment(const char* name, uint64_t otherwise);

} // namespace sinter::differential
