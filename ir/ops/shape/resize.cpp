#include "ir/ops.h"

using namespace mlir;

#include "ir/ops/shape/resize_enums.cpp.inc"

#define GET_OP_CLASSES
#include "ir/ops/shape/resize.cpp.inc"
