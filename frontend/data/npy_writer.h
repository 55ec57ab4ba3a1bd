// Writing .npy files of which several appear together.
#pragma once

#include "sinter/runtime/file_writer.h"
#include "sinter/tensor.h"

namespace sinter::data {

/// Writes what a .npy file of `tensor` holds.
void write_npy(rt::FileWriter& file, const Tensor& tensor);

} // namespace sinter::data
