// The tables of an ahead-of-time model, as the compiler writes them into its library. What reads them
// (runtime/aot, runtime/program) lies in every library and needs libc alone.
#pragma once

#include "sinter/runtime/aot/abi.h"
#include "sinter/runtime/program.h"

namespace sinter::rt::aot {

/// One combination of values of the dynamic dimensions.
struct Variant {
  const int64_t* dimensions = nullptr; ///< the values
  const sinter_tensor* inputs = nullptr;
  const sinter_tensor* outputs = nullptr;
};

/// The programs for one kind of processor.
struct Version {
  uint32_t level = 0; ///< of x86-64 microarchitecture, 1 to 4; 0: any processor of the architecture
  uint32_t unused = 0;
  const Program* const* programs = nullptr; ///< of each variant
};

struct Model {
  const char* name = nullptr;
  const char* const* dimensions = nullptr; ///< the names of the dynamic ones
  const Variant* variants = nullptr;       ///< the first is what a new context has
  const Version* versions = nullptr;       ///< those for better processors first
  const void* weights = nullptr;           ///< null: they are in a file of their own
  const char* weights_file = nullptr;      ///< its name
  uint64_t weights_bytes = 0;
  uint8_t weights_digest[32] = {}; ///< what such a file must have at its beginning
  uint32_t dimension_count = 0;
  uint32_t variant_count = 0;
  uint32_t version_count = 0;
  uint32_t input_count = 0;
  uint32_t output_count = 0;
  uint32_t unused = 0;
};

/// A file of weights begins with this; then come the bytes.
struct WeightsHeader {
  char magic[8] = {'S', 'I', 'N', 'T', 'E', 'R', 'W', '1'};
  uint64_t bytes = 0;
  uint8_t digest[32] = {};
  uint8_t zeros[16] = {};
};
static_assert(sizeof(WeightsHeader) == 64, "the bytes behind it are aligned");

} // namespace sinter::rt::aot
