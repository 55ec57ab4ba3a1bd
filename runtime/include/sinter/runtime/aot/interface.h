// What a library of a model shows to those who load it without its header: the symbol kInterfaceSymbol.
#pragma once

#include "sinter/runtime/aot/entry.h"

namespace sinter::rt::aot {

inline constexpr char kInterfaceSymbol[] = "sinter_model";

/// The functions of the C interface, which have the model's name before theirs.
struct Interface {
  /// Of this structure and all it points at; another is not read.
  static constexpr uint64_t kRevision = 1;

  uint64_t revision = kRevision;
  const Model* model = nullptr;
  int (*create)(const sinter_options* options, sinter_aot_context** context) = nullptr;
  void (*destroy)(sinter_aot_context* context) = nullptr;
  int (*run)(sinter_aot_context* context, const void* const* inputs, const size_t* input_bytes,
             void* const* outputs, const size_t* output_bytes) = nullptr;
  int (*set_dimension)(sinter_aot_context* context, const char* name, int64_t value) = nullptr;
  const sinter_tensor* (*input)(const sinter_aot_context* context, size_t index) = nullptr;
  const sinter_tensor* (*output)(const sinter_aot_context* context, size_t index) = nullptr;
  size_t (*workspace_bytes)(int32_t threads) = nullptr;
  const char* (*error)(void) = nullptr;
};

} // namespace sinter::rt::aot
