// Compiled programs in Python.
#pragma once

#include "sinter/runtime/executable.h"

#include <memory>

namespace sinter::python {

/// A compiled program, to look at.
struct Program {
  std::shared_ptr<const rt::Executable> executable;
};

} // namespace sinter::python
