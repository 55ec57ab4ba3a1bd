// What convolutions and pools share: windows sliding over one to three spatial dimensions.
#pragma once

#include "ir/dialect.h"
#include "ir/operand_checks.h"

#include "mlir/IR/BuiltinAttributes.h"

namespace sinter::ir {

/// The spatial attributes of one operation, one entry per spatial dimension.
struct WindowAttributes {
  mlir::DenseI64ArrayAttr strides, dilations, padBegin, padEnd;
};

/// Checks that `input` is [N, C, spatial...] of rank 3 to 5 and the attributes fit it.
llvm::LogicalResult checkWindow(std::optional<mlir::Location> location, llvm::StringRef op,
                                mlir::RankedTensorType input, const WindowAttributes& window);

/// How many windows of `kernel` fit along each spatial dimension of `input`; a diagnostic where none fits.
/// With `ceilMode` a last window may reach past the end, unless it would start past input + pad_begin.
llvm::FailureOr<llvm::SmallVector<Wide>> windowCounts(std::optional<mlir::Location> location,
                                                      llvm::StringRef op, mlir::RankedTensorType input,
                                                      llvm::ArrayRef<int64_t> kernel,
                                                      const WindowAttributes& window, bool ceilMode);

/// True if some window reaches outside the input.
bool windowsReachOutside(llvm::ArrayRef<int64_t> input, llvm::ArrayRef<int64_t> output,
                         llvm::ArrayRef<int64_t> kernel, llvm::ArrayRef<int64_t> strides,
                         llvm::ArrayRef<int64_t> dilations, llvm::ArrayRef<int64_t> padBegin);

} // namespace sinter::ir
