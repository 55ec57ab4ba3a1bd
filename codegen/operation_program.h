// One operation as a program: how operations run at once on a device.
#pragma once

#include "sinter/runtime/executable.h"

#include "mlir/IR/Operation.h"

#include <memory>
#include <string>

namespace sinter::codegen {

/// The program that computes `op` of its operands for `device` ("cuda:0"). Made once in a process for each
/// combination of attributes and types, unless the operation has a body. Throws Error.
std::shared_ptr<const rt::Executable> operationProgram(mlir::Operation& op, const std::string& device);

} // namespace sinter::codegen
