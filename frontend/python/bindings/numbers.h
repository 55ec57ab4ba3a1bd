// Python's numbers and nested lists of them as tensors.
#pragma once

#include "sinter/tensor.h"

#include <nanobind/nanobind.h>

#include <optional>

namespace sinter::python {

/// True of bool, int and float.
bool is_number(nanobind::handle value);

/// A number as C++ takes it. Throws Error for an int that a double does not hold.
double number_of(nanobind::handle value);

/// A number, or lists or tuples of what is alike: f32 if there is a float among them, else i64, or bool if
/// all are; or what `dtype` says. Throws Error or TypeError.
Tensor tensor_of_numbers(nanobind::handle value, std::optional<DType> dtype = std::nullopt);

} // namespace sinter::python
