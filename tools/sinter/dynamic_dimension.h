// --dynamic: dimensions whose extent is chosen when a library is used.
#pragma once

#include "sinter/aot.h"
#include "sinter/onnx.h"

#include <string>

namespace sinter::tool {

/// "[INPUT=]DIMENSION:VALUES", for example "batch:1..8" or "x=0:1,4,16": a dimension by the model's name for
/// it, or one of an input by its number; extents are listed, or a range. Throws Error for anything else.
aot::DynamicDimension parse_dynamic(const std::string& text, const Model& model);

} // namespace sinter::tool
