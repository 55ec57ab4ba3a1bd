// Elements of other libraries' arrays as tensors, and tensors as such arrays, without a copy.
#pragma once

#include "sinter/tensor.h"

#include <nanobind/nanobind.h>

namespace sinter::python {

namespace nb = nanobind;

/// True of what as_tensor() takes, as far as its type tells.
bool is_tensor_like(nb::handle value);

/// A tensor, or one of what has elements: an array of NumPy's or anything with DLPack or a buffer, whose
/// memory is shared where its layout allows, a number, or nested lists of numbers. Throws Error or TypeError.
Tensor as_tensor(nb::handle value);

/// Throws Error where the elements are in memory that may only be read.
void check_writable(const Tensor& tensor, const SourceLocation& where);

/// An array of NumPy's on the elements of `tensor`; may only be read.
nb::object as_numpy(const Tensor& tensor, const SourceLocation& where);
/// An object with `__dlpack__` on the elements of `tensor`; may only be read.
nb::object as_dlpack(const Tensor& tensor, const SourceLocation& where);

} // namespace sinter::python
