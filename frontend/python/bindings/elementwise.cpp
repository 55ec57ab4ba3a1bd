// Operations element by element, and the operators.
#include "located.h"

namespace sinter::python {
namespace {

using Unary = Tensor (*)(const Tensor&, SourceLocation);
using Binary = Tensor (*)(const Operand&, const Operand&, SourceLocation);
using Logical = Tensor (*)(const Tensor&, const Tensor&, SourceLocation);

struct NamedUnary {
  const char* name;
  Unary function;
  const char* doc;
};
constexpr NamedUnary kUnary[] = {
    {"abs", abs, ""},
    {"neg", neg, ""},
    {"sign", sign, ""},
    {"reciprocal", reciprocal, ""},
    {"square", square, ""},
    {"sqrt", sqrt, ""},
    {"rsqrt", rsqrt, "1 / sqrt(x)"},
    {"exp", exp, ""},
    {"log", log, ""},
    {"sin", sin, ""},
    {"cos", cos, ""},
    {"tanh", tanh, ""},
    {"erf", erf, ""},
    {"floor", floor, ""},
    {"ceil", ceil, ""},
    {"round", round, "To the nearest integer, halves to the even one."},
    {"stop_gradient", stop_gradient, "x, which derivatives take for a constant."},
    {"logical_not", logical_not, ""},
    {"is_nan", is_nan, ""},
    {"relu", relu, ""},
    {"sigmoid", sigmoid, ""},
    {"silu", silu, ""},
    {"softplus", softplus, ""},
    {"softsign", softsign, ""},
    {"mish", mish, ""},
    {"hard_swish", hard_swish, ""},
    {"selu", selu, ""},
};

struct NamedBinary {
  const char* name;
  Binary function;
  const char* doc;
};
constexpr NamedBinary kBinary[] = {
    {"add", add, ""},
    {"sub", sub, ""},
    {"mul", mul, ""},
    {"div", div, "Integers truncate towards zero, and x / 0 is 0."},
    {"pow", pow, ""},
    {"maximum", maximum, ""},
    {"minimum", minimum, ""},
    {"remainder", remainder, "a - b * floor(a / b): the sign of b, as Python's %."},
    {"fmod", fmod, "a - b * trunc(a / b): the sign of a, as C's fmod."},
    {"equal", equal, ""},
    {"not_equal", not_equal, ""},
    {"less", less, ""},
    {"less_equal", less_equal, ""},
    {"greater", greater, ""},
    {"greater_equal", greater_equal, ""},
};

// Python asks the other operand where this one does not know what to do with it.
template <class Compute>
nb::object operated(nb::handle other, Compute&& compute) {
  if (!is_tensor_like(other))
    return nb::borrow(Py_NotImplemented);
  return nb::cast(compute());
}

void bind_operator(nb::class_<Tensor>& tensor, const char* name, Binary function, const char* signature) {
  tensor.def(
      name,
      [function](const Tensor& a, nb::handle b) {
        return operated(b, [&] {
          const HeldOperand other(b);
          return unlocked([&](const SourceLocation& where) { return function(a, other, where); });
        });
      },
      "other"_a.none(), nb::sig(signature));
}

// `name` is that of the operator with the tensor on the right.
void bind_reflected(nb::class_<Tensor>& tensor, const char* name, Binary function) {
  tensor.def(
      name,
      [function](const Tensor& b, nb::handle a) {
        return operated(a, [&] {
          const HeldOperand other(a);
          return unlocked([&](const SourceLocation& where) { return function(other, b, where); });
        });
      },
      "other"_a.none(),
      nb::sig(("def " + std::string(name) + "(self, other: sinter.typing.TensorLike) -> Tensor").c_str()));
}

void bind_on_tensors(nb::class_<Tensor>& tensor, const char* name, Logical function, bool reflected = false) {
  tensor.def(
      name,
      [function, reflected](const Tensor& a, nb::handle b) {
        return operated(b, [&] {
          const Tensor other = as_tensor(b);
          return unlocked([&](const SourceLocation& where) {
            return reflected ? function(other, a, where) : function(a, other, where);
          });
        });
      },
      "other"_a.none(),
      nb::sig(("def " + std::string(name) + "(self, other: sinter.typing.TensorLike) -> Tensor").c_str()));
}

void bind_operators(nb::module_& module) {
  auto tensor = nb::borrow<nb::class_<Tensor>>(module.attr("Tensor"));
  struct Arithmetic {
    const char* name;
    Binary function;
  };
  for (const auto& [name, function] : {Arithmetic{"add", add},
                                       {"sub", sub},
                                       {"mul", mul},
                                       {"truediv", div},
                                       {"pow", pow},
                                       {"mod", remainder}}) {
    const std::string parameters = "(self, other: sinter.typing.TensorLike) -> Tensor";
    bind_operator(tensor, ("__" + std::string(name) + "__").c_str(), function,
                  ("def __" + std::string(name) + "__" + parameters).c_str());
    bind_reflected(tensor, ("__r" + std::string(name) + "__").c_str(), function);
  }
  for (const auto& [name, function] :
       {Arithmetic{"__lt__", less}, {"__le__", less_equal}, {"__gt__", greater}, {"__ge__", greater_equal}})
    bind_operator(tensor, name, function,
                  ("def " + std::string(name) + "(self, other: sinter.typing.TensorLike) -> Tensor").c_str());
  bind_operator(tensor, "__eq__", equal, "def __eq__(self, other: object) -> Tensor");
  bind_operator(tensor, "__ne__", not_equal, "def __ne__(self, other: object) -> Tensor");
  tensor.def(
      "__hash__",
      [](nb::handle self) { return static_cast<Py_hash_t>(reinterpret_cast<uintptr_t>(self.ptr()) >> 4); },
      nb::sig("def __hash__(self) -> int"));
  bind_on_tensors(tensor, "__matmul__", matmul);
  bind_on_tensors(tensor, "__rmatmul__", matmul, true);
  bind_on_tensors(tensor, "__and__", logical_and);
  bind_on_tensors(tensor, "__or__", logical_or);
  bind_on_tensors(tensor, "__xor__", logical_xor);
  tensor.def("__neg__", [](const Tensor& x) { return unlocked([&](auto& where) { return neg(x, where); }); });
  tensor.def("__abs__", [](const Tensor& x) { return unlocked([&](auto& where) { return abs(x, where); }); });
  tensor.def("__invert__",
             [](const Tensor& x) { return unlocked([&](auto& where) { return logical_not(x, where); }); });
  tensor.def(
      "cast",
      [](const Tensor& x, DTypeLike dtype) {
        const DType to = dtype.dtype();
        return unlocked([&](const SourceLocation& where) { return cast(x, to, where); });
      },
      "dtype"_a);
}

} // namespace

void bind_elementwise(nb::module_& module) {
  bind_operators(module);
  for (const auto& [name, function, doc] : kUnary)
    module.def(name, located(function), "x"_a, doc);
  for (const auto& [name, function, doc] : kBinary)
    module.def(name, located(function), "a"_a, "b"_a, doc);
  module.def("logical_and", located<Tensor, const Tensor&, const Tensor&, SourceLocation>(logical_and), "a"_a,
             "b"_a);
  module.def("logical_or", located<Tensor, const Tensor&, const Tensor&, SourceLocation>(logical_or), "a"_a,
             "b"_a);
  module.def("logical_xor", located<Tensor, const Tensor&, const Tensor&, SourceLocation>(logical_xor), "a"_a,
             "b"_a);
  module.def("where", located(where), "condition"_a, "a"_a, "b"_a,
             "`a` where the bool `condition` holds, else `b`; all broadcast.");
  module.def("cast", located(cast), "x"_a, "dtype"_a,
             "Floats truncate to integers, saturating; numbers other than 0 are true.");
  module.def("clip", located(clip), "x"_a, "low"_a, "high"_a);
  module.def("hard_sigmoid", located(hard_sigmoid), "x"_a, "alpha"_a = 1.0 / 6, "beta"_a = 0.5,
             "max(0, min(1, alpha * x + beta))");
  module.def("gelu", located(gelu), "x"_a, "tanh_approximation"_a = false);
  module.def("leaky_relu", located(leaky_relu), "x"_a, "slope"_a = 0.01);
  module.def("elu", located(elu), "x"_a, "alpha"_a = 1.0);
  module.def("prelu", located(prelu), "x"_a, "slope"_a,
             "x where x >= 0, else slope * x; slope broadcasts to x.");
}

} // namespace sinter::python
