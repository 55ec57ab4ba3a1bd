// Names of element types.
#include "sinter/runtime/dtype.h"

#include "sinter/runtime/error.h"

namespace sinter {

std::string_view name_of(DType type) {
  switch (type) {
  case DType::f32:
    return "f32";
  case DType::f64:
    return "f64";
  case DType::i32:
    return "i32";
  case DType::i64:
    return "i64";
  case DType::boolean:
    return "bool";
  case DType::i8:
    return "i8";
  case DType::u8:
    return "u8";
  case DType::f16:
    return "f16";
  case DType::bf16:
    return "bf16";
  }
  return "?";
}

void throw_unsupported_dtype(DType type, std::string_view what) {
  throw Error(std::string(what) + " does not support elements of type " + std::string(name_of(type)));
}

} // namespace sinter
