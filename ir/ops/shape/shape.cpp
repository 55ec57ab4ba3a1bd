#include "ir/ops.h"

using namespace mlir;

#include "ir/ops/shape/shape_enums.cpp.inc"

#define GET_OP_CLASSES
#include "ir/ops/shape/shape.cpp.inc"
