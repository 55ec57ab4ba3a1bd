// Which build of the code generator this is.
#pragma once

#include <string>

namespace sinter::codegen {

/// A text that differs between any two builds of what makes machine code of a kernel; empty if it cannot be
/// told.
const std::string& buildIdentity();

} // namespace sinter::codegen
