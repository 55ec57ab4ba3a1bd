// NumPy's .npy files.
#pragma once

#include "sinter/tensor.h"

#include <string>

namespace sinter {

/// Reads a .npy file (format versions 1 to 3) of little-endian f4, f8, i4, i8, or b1, i1, u1. Column-major
/// ("Fortran order") files become tensors with such strides. Throws Error if the file is damaged or of
/// another type.
Tensor load_npy(const std::string& path);

/// Writes `tensor` to a .npy file. The file appears whole or not at all; a device or a pipe
/// is written to. Throws Error (system) if it cannot
/// be written.
void save_npy(const std::string& path, const Tensor& tensor);

} // namespace sinter
