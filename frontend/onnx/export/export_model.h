// What exports of functions and of models share.
#pragma once

#include "frontend/onnx/export/model_writer.h"
#include "sinter/export.h"

namespace sinter::onnx_export {

/// Throws Error for options that make no sense.
WriteOptions write_options(const ExportOptions& options);

/// Names the inputs and outputs of @main as `options` say, or else, unless they have names, "input", or
/// "input_0", "input_1", ...
void name_interface(mlir::ModuleOp module, const ExportOptions& options);

} // namespace sinter::onnx_export
