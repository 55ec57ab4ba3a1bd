// Everything public.
#pragma once

#include "sinter/aot.h"
#include "sinter/checkpoint.h"
#include "sinter/compile.h"
#include "sinter/control.h"
#include "sinter/custom_gradient.h"
#include "sinter/data/image.h"
#include "sinter/data/npy.h"
#include "sinter/error.h"
#include "sinter/export.h"
#include "sinter/grad.h"
#include "sinter/onnx.h"
#include "sinter/ops.h"
#include "sinter/tape.h"
#include "sinter/tensor.h"
#include "sinter/tree.h"
