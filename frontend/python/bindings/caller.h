// Where in Python a function was called from.
#pragma once

#include "sinter/source_location.h"

namespace sinter::python {

/// The line of Python that is being run, outside of this package: what errors, profiles and drawings name.
/// To be called with the interpreter's lock held.
SourceLocation caller();

} // namespace sinter::python
