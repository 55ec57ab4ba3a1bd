// All operations of the sinter dialect.
#pragma once

#include "ir/attention.h"
#include "ir/dialect.h"
#include "ir/gradient.h"
#include "ir/precision.h"
#include "sinter/runtime/eager/resize.h"

#include "ir/ops/shape/resize_enums.h.inc"
#include "ir/ops/shape/shape_enums.h.inc"

namespace sinter::ir {
class CondOp;
class WhileOp;
class ScanOp;
class CheckpointOp;
class CustomGradientOp;
} // namespace sinter::ir

#define GET_OP_CLASSES
#include "ir/ops/control/program.h.inc"
#define GET_OP_CLASSES
#include "ir/ops/control/flow.h.inc"
#define GET_OP_CLASSES
#include "ir/ops/control/derivative.h.inc"
#define GET_OP_CLASSES
#include "ir/ops/contract/matmul.h.inc"
#define GET_OP_CLASSES
#include "ir/ops/contract/attention.h.inc"
#define GET_OP_CLASSES
#include "ir/ops/conv/conv.h.inc"
#define GET_OP_CLASSES
#include "ir/ops/conv/winograd.h.inc"
#define GET_OP_CLASSES
#include "ir/ops/elementwise/activation.h.inc"
#define GET_OP_CLASSES
#include "ir/ops/elementwise/binary.h.inc"
#define GET_OP_CLASSES
#include "ir/ops/elementwise/compare.h.inc"
#define GET_OP_CLASSES
#include "ir/ops/elementwise/select.h.inc"
#define GET_OP_CLASSES
#include "ir/ops/elementwise/unary.h.inc"
#define GET_OP_CLASSES
#include "ir/ops/index/gather.h.inc"
#define GET_OP_CLASSES
#include "ir/ops/loss/loss.h.inc"
#define GET_OP_CLASSES
#include "ir/ops/norm/norm.h.inc"
#define GET_OP_CLASSES
#include "ir/ops/pool/pool.h.inc"
#define GET_OP_CLASSES
#include "ir/ops/random/random.h.inc"
#define GET_OP_CLASSES
#include "ir/ops/reduce/reduce.h.inc"
#define GET_OP_CLASSES
#include "ir/ops/shape/resize.h.inc"
#define GET_OP_CLASSES
#include "ir/ops/shape/shape.h.inc"
