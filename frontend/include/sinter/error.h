// Errors: see sinter/runtime/error.h.
#pragma once

#include "sinter/runtime/error.h"
