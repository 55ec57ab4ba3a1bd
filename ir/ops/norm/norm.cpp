#include "ir/ops.h"

using namespace mlir;

#define GET_OP_CLASSES
#include "ir/ops/norm/norm.cpp.inc"
