// What the functions of a model's C interface call. `model` is its tables; the rest is as
// docs/ahead-of-time.md and the generated header say.
#pragma once

#include "sinter/runtime/aot/model.h"

extern "C" {
struct sinter_aot_context;

int sinter_aot_create(const sinter::rt::aot::Model* model, const sinter_options* options,
                      sinter_aot_context** context);
void sinter_aot_destroy(sinter_aot_context* context);
int sinter_aot_run(sinter_aot_context* context, const void* const* inputs, const size_t* input_bytes,
                   void* const* outputs, const size_t* output_bytes);
int sinter_aot_set_dimension(sinter_aot_context* context, const char* name, int64_t value);
const sinter_tensor* sinter_aot_input(const sinter::rt::aot::Model* model, const sinter_aot_context* context,
                                      size_t index);
const sinter_tensor* sinter_aot_output(const sinter::rt::aot::Model* model, const sinter_aot_context* context,
                                       size_t index);
size_t sinter_aot_workspace_bytes(const sinter::rt::aot::Model* model, int32_t threads);
const char* sinter_aot_error(void);
}
