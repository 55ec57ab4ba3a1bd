// How the arguments of Python's calls become those of the C++ functions.
#pragma once

#include "arrays.h"
#include "numbers.h"
#include "sinter/ops.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <optional>
#include <vector>

namespace sinter::python {

namespace nb = nanobind;
using namespace nb::literals;

// What is taken as it comes, and looked at inside of the function: what is wrong with it can be said there.

/// A tensor or what becomes one.
struct TensorLike {
  nb::handle value;
  Tensor tensor() const { return as_tensor(value); }
};

/// None or a tensor.
struct OptionalTensorLike {
  nb::handle value;
  std::optional<Tensor> tensor() const {
    return value.is_none() ? std::nullopt : std::optional(as_tensor(value));
  }
};

/// A DType, its name, or a dtype of NumPy's.
struct DTypeLike {
  nb::handle value;
  DType dtype() const;
};
struct OptionalDTypeLike {
  nb::handle value;
  std::optional<DType> dtype() const {
    return value.is_none() ? std::nullopt : std::optional(DTypeLike{value}.dtype());
  }
};

/// An int or a sequence of them: extents, axes, or a number per dimension.
struct Extents {
  nb::handle value;
  Shape shape() const;
};
/// ... or None, for none.
struct OptionalExtents {
  nb::handle value;
  Shape shape() const { return value.is_none() ? Shape() : Extents{value}.shape(); }
};

/// A tensor beside a number, in Operand's way.
struct HeldOperand {
  explicit HeldOperand(nb::handle value) {
    if (is_number(value))
      number = number_of(value);
    else
      tensor = as_tensor(value);
  }
  operator Operand() const { return tensor ? Operand(*tensor) : Operand(number); }

  std::optional<Tensor> tensor;
  double number = 0;
};

nb::tuple to_python(const Shape& shape);

} // namespace sinter::python

namespace nanobind::detail {

template <class Argument>
struct taken_as_it_comes {
  bool from_python(handle source, uint8_t, cleanup_list*) noexcept {
    value.value = source;
    return true;
  }
  template <class T>
  using Cast = movable_cast_t<T>;
  template <class T>
  static constexpr bool can_cast() {
    return true;
  }
  explicit operator Argument*() { return &value; }
  explicit operator Argument&() { return value; }
  explicit operator Argument&&() { return static_cast<Argument&&>(value); }
  using Value = Argument;
  Argument value;
};

#define SINTER_TAKEN(Argument, annotation)                                                                   \
  template <>                                                                                                \
  struct type_caster<sinter::python::Argument> : taken_as_it_comes<sinter::python::Argument> {               \
    static constexpr auto Name = const_name(annotation);                                                     \
  };
SINTER_TAKEN(TensorLike, "sinter.typing.TensorLike")
SINTER_TAKEN(OptionalTensorLike, "sinter.typing.TensorLike")
SINTER_TAKEN(DTypeLike, "sinter.typing.DTypeLike")
SINTER_TAKEN(OptionalDTypeLike, "sinter.typing.DTypeLike")
SINTER_TAKEN(Extents, "int | collections.abc.Sequence[int]")
SINTER_TAKEN(OptionalExtents, "int | collections.abc.Sequence[int]")
#undef SINTER_TAKEN

template <>
struct type_caster<sinter::Shape> {
  NB_TYPE_CASTER(sinter::Shape, const_name("tuple[int, ...]"))
  bool from_python(handle, uint8_t, cleanup_list*) noexcept = delete;
  static handle from_cpp(const sinter::Shape& shape, rv_policy, cleanup_list*) {
    return sinter::python::to_python(shape).release();
  }
};

} // namespace nanobind::detail
