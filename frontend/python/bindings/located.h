// C++ functions that end in a SourceLocation, as Python calls them.
#pragma once

#include "arguments.h"
#include "caller.h"

#include <tuple>
#include <utility>

namespace sinter::python {

/// What Python hands over for a parameter of type T, and what is made of it.
template <class T>
struct Parameter {
  using Taken = T;
  static T convert(const T& taken) { return taken; }
};
template <>
struct Parameter<const Tensor&> {
  using Taken = TensorLike;
  static Tensor convert(const Taken& taken) { return taken.tensor(); }
};
template <>
struct Parameter<const std::optional<Tensor>&> {
  using Taken = OptionalTensorLike;
  static std::optional<Tensor> convert(const Taken& taken) { return taken.tensor(); }
};
template <>
struct Parameter<const Operand&> {
  using Taken = TensorLike;
  static HeldOperand convert(const Taken& taken) { return HeldOperand(taken.value); }
};
template <>
struct Parameter<const Seed&> {
  using Taken = TensorLike;
  static Seed convert(const Taken& taken) { return taken.tensor(); }
};
template <>
struct Parameter<const Shape&> {
  using Taken = Extents;
  static Shape convert(const Taken& taken) { return taken.shape(); }
};
template <>
struct Parameter<const Axes&> {
  using Taken = OptionalExtents;
  static Axes convert(const Taken& taken) { return Axes(taken.shape()); }
};
template <>
struct Parameter<DType> {
  using Taken = DTypeLike;
  static DType convert(const Taken& taken) { return taken.dtype(); }
};

/// Calls `body` with the caller's line, and without the interpreter's lock: operations take other locks, and
/// threads that hold those may wait for the interpreter.
template <class Body>
decltype(auto) unlocked(Body&& body) {
  const SourceLocation where = caller();
  const nb::gil_scoped_release release;
  return body(where);
}

/// `f` without its last parameter, which becomes the caller's line.
template <class R, class... Args>
auto located(R (*f)(Args...)) {
  using Parameters = std::tuple<Parameter<Args>...>;
  return [f]<std::size_t... I>(std::index_sequence<I...>) {
    return [f](typename std::tuple_element_t<I, Parameters>::Taken... taken) -> R {
      const auto converted = std::make_tuple(std::tuple_element_t<I, Parameters>::convert(taken)...);
      return unlocked([&](const SourceLocation& where) { return f(std::get<I>(converted)..., where); });
    };
  }(std::make_index_sequence<sizeof...(Args) - 1>());
}

void bind_errors(nb::module_& module);
void bind_dtype(nb::module_& module);
void bind_tensor(nb::module_& module);
void bind_device(nb::module_& module);
void bind_creation(nb::module_& module);
void bind_elementwise(nb::module_& module);
void bind_reductions(nb::module_& module);
void bind_contractions(nb::module_& module);
void bind_shapes(nb::module_& module);
void bind_program(nb::module_& module);
void bind_control(nb::module_& module);
void bind_transforms(nb::module_& module);
void bind_model(nb::module_& module);

/// x[index], by NumPy's rules as far as they are views, and gather() for one list or tensor of indices.
Tensor element(const Tensor& x, nb::handle index);

} // namespace sinter::python
