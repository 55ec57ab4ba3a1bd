// Element types in the terms of NVIDIA's libraries.
#pragma once

#include "sinter/runtime/dtype.h"
#include "sinter/runtime/error.h"

#include <string>

namespace sinter::rt::cuda {

/// `dtype` in the enumeration of a library, which names its members as DType does.
template <class DataType>
DataType data_type(DType dtype) {
  switch (dtype) {
  case DType::f32:
    return DataType::f32;
  case DType::f16:
    return DataType::f16;
  case DType::bf16:
    return DataType::bf16;
  default:
    throw Error("a library's kernel is to compute on " + std::string(name_of(dtype)), ErrorKind::internal);
  }
}

} // namespace sinter::rt::cuda
