// NumPy's .npy files.
#pragma once

#include "sinter/tensor.h"

#include <iosfwd>
#include <string>

namespace sinter {

/// Reads a .npy file (format versions 1 to 3) of little-endian f4, f8, i4, i8, or b1, i1, u1. Column-major
/// ("Fortran order") files become tensors with such strides. Throws Error if the file is damaged or of
/// another type.
Tensor load_npy(const std::string& path);

/// Writes `tensor` to a .npy file. The file appears whole or not at all. Throws Error (system) if it cannot
/// be written.
void save_npy(const std::string& path, const Tensor& tensor);

/// Writes what a .npy file of `tensor` holds; the stream tells whether that succeeded.
void write_npy(std::ostream& out, const Tensor& tensor);

} // namespace sinter
