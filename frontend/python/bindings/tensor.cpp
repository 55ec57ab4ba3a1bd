// The class Tensor in Python.
#include "located.h"

#include "sinter/tape.h"

#include <algorithm>
#include <new>

namespace sinter::python {

Tensor copied(TensorLike data, OptionalDTypeLike dtype); // creation.cpp

namespace {

using Class = nb::class_<Tensor>;

Shape extents_of(const nb::args& args) {
  return Extents{args.size() == 1 ? nb::handle(args[0]) : nb::handle(args)}.shape();
}

nb::object item(const Tensor& x) {
  const double number = unlocked([&](const SourceLocation& where) { return x.item(where); });
  switch (x.dtype()) {
  case DType::boolean:
    return nb::bool_(number != 0);
  case DType::i64: // a double does not hold all of them
    return nb::int_(x.to_vector<int64_t>().front());
  case DType::i32:
  case DType::i8:
  case DType::u8:
    return nb::int_(static_cast<int64_t>(number));
  default:
    return nb::float_(number);
  }
}

// Inside a function that is compiled, there is no number, and C++'s own conversion says where it was made.
bool truth(const Tensor& x) {
  if (x.is_traced()) {
    const nb::gil_scoped_release release;
    return static_cast<bool>(x);
  }
  return unlocked([&](const SourceLocation& where) { return x.item(where); }) != 0;
}

bool wants_copy(nb::handle copy) {
  return !copy.is_none() && nb::cast<bool>(copy);
}

nb::object array(const Tensor& x, nb::handle dtype, nb::handle copy) {
  const nb::object shared = as_numpy(x, caller());
  if (!dtype.is_none() && !shared.attr("dtype").equal(dtype)) {
    if (!copy.is_none() && !wants_copy(copy))
      throw nb::value_error("another dtype cannot be had without a copy");
    return shared.attr("astype")(dtype);
  }
  return wants_copy(copy) ? shared.attr("copy")() : shared; // a copy may be written to
}

// ... in the host's memory, also of what is recorded on a GPU, or requires a gradient, which to() does not
// take there.
Tensor on_host(const Tensor& x) {
  if (x.device() == Device::cpu)
    return x;
  return unlocked([&](const SourceLocation& where) {
    const Tensor elements =
        x.dtype() == DType::f16 || x.dtype() == DType::bf16 ? cast(x, DType::f32, where) : x;
    Tensor here = Tensor::empty(elements.shape(), elements.dtype(), where);
    visit_dtype(elements.dtype(), "tolist", [&](auto zero) {
      using T = decltype(zero);
      std::ranges::copy(elements.to_vector<T>(where), here.mutable_data<T>(where));
    });
    return here;
  });
}

nb::object dlpack(const Tensor& x, const nb::kwargs& options) {
  nb::dict others;
  for (auto [name, value] : options)
    if (nb::cast<std::string>(name) != "copy")
      others[name] = value;
  const SourceLocation where = caller();
  const bool copies = options.contains("copy") && wants_copy(options["copy"]);
  return (copies ? as_numpy(x, where).attr("copy")() : as_dlpack(x, where)).attr("__dlpack__")(**others);
}

void bind_facts(Class& tensor) {
  tensor.def(
      "__init__",
      [](Tensor* self, TensorLike data, OptionalDTypeLike dtype) { new (self) Tensor(copied(data, dtype)); },
      "data"_a, "dtype"_a = nb::none(), "As sinter.tensor().");
  tensor.def_prop_ro("shape", &Tensor::shape);
  tensor.def_prop_ro("dtype", &Tensor::dtype);
  tensor.def_prop_ro("ndim", &Tensor::rank, "The number of dimensions.");
  tensor.def_prop_ro("elements", &Tensor::elements, "The number of elements.");
  tensor.def_prop_ro("is_traced", &Tensor::is_traced,
                     "True inside a function that is compiled or differentiated, for what depends on its\n"
                     "arguments, and for what is recorded for backward().");
  tensor.def_prop_ro(
      "device", [](const Tensor& x) { return to_string(x.device()); },
      "Where the elements lie: \"cpu\", or a GPU, \"cuda:0\".");
  tensor.def("__repr__", [](const Tensor& x) { return unlocked([&](auto&) { return to_string(x); }); });
  tensor.def("__len__", [](const Tensor& x) {
    if (x.rank() == 0)
      throw nb::type_error("a tensor without dimensions has no length");
    return x.shape()[0];
  });
  tensor.def("__getitem__", element, "index"_a.none(),
             nb::sig("def __getitem__(self, index: sinter.typing.Index) -> Tensor"),
             "Ints, slices, ..., None, and one tensor or list of indices.");
  tensor.def(
      "__reduce__",
      [](const Tensor& x) {
        return nb::make_tuple(nb::type<Tensor>(), nb::make_tuple(as_numpy(x, caller())));
      },
      nb::sig("def __reduce__(self) -> tuple[typing.Any, ...]"), "For copy and pickle.");
  tensor.def("__bool__", truth);
  tensor.def("__float__", [](const Tensor& x) { return nb::float_(item(x)); });
  tensor.def("__int__", [](const Tensor& x) { return nb::int_(item(x)); });
  tensor.def("item", item, nb::sig("def item(self) -> float | int | bool"), "The only element.");
}

void bind_elements(Class& tensor) {
  tensor.attr("__array_ufunc__") = nb::none(); // arrays of NumPy's leave operators to tensors
  tensor.def(
      "numpy", [](const Tensor& x) { return as_numpy(x, caller()); },
      nb::sig("def numpy(self) -> sinter.typing.Array"),
      "An array on the tensor's memory, which may only be read.");
  tensor.def("__array__", array, "dtype"_a = nb::none(), "copy"_a = nb::none(),
             nb::sig("def __array__(self, dtype: typing.Any = None, copy: bool | None = None)"
                     " -> sinter.typing.Array"));
  tensor.def("__dlpack__", dlpack, nb::sig("def __dlpack__(self, **kwargs: typing.Any) -> object"),
             "The tensor's memory, which may only be read, for other libraries.");
  tensor.def(
      "__dlpack_device__",
      [](const Tensor& x) {
        constexpr int kCpu = 1, kCuda = 2; // DLDeviceType
        const Device device = x.device();
        return nb::make_tuple(device == Device::cpu ? kCpu : kCuda, device.index);
      },
      nb::sig("def __dlpack_device__(self) -> tuple[int, int]"));
  tensor.def(
      "tolist", [](const Tensor& x) { return as_numpy(on_host(x), caller()).attr("tolist")(); },
      nb::sig("def tolist(self) -> typing.Any"), "Nested lists of numbers.");
}

void bind_gradients(Class& tensor) {
  tensor.def_prop_rw(
      "requires_grad", &Tensor::requires_grad,
      [](Tensor& x, bool on) {
        unlocked([&](const SourceLocation& where) { x.set_requires_grad(on, where); });
      },
      "Setting it makes the tensor a leaf, for which backward() computes gradients.");
  tensor.def_prop_ro("is_leaf", &Tensor::is_leaf);
  tensor.def_prop_ro(
      "grad",
      [](const Tensor& x) -> std::optional<Tensor> {
        return x.has_grad() ? std::optional(unlocked([&](auto& where) { return x.grad(where); }))
                            : std::nullopt;
      },
      "The gradient of a leaf: the sum over all calls of backward() since zero_grad().");
  tensor.def(
      "backward",
      [](const Tensor& x, OptionalTensorLike cotangent, bool retain_graph) {
        const std::optional<Tensor> given = cotangent.tensor();
        unlocked([&](const SourceLocation& where) {
          if (given)
            x.backward(*given, BackwardOptions{retain_graph}, where);
          else
            x.backward(BackwardOptions{retain_graph}, where);
        });
      },
      "cotangent"_a = nb::none(), nb::kw_only(), "retain_graph"_a = false,
      "Adds the derivatives of this tensor, of one element or multiplied by `cotangent`, to the gradients "
      "of\n"
      "the leaves it depends on.");
  tensor.def("zero_grad", &Tensor::zero_grad, "Forgets the gradient of a leaf.");
  tensor.def(
      "detach", [](const Tensor& x) { return unlocked([&](auto& where) { return x.detach(where); }); },
      "The same elements, not connected to what they were computed from.");
  tensor.def(
      "assign",
      [](Tensor& x, TensorLike value) {
        check_writable(x, caller());
        const Tensor given = value.tensor();
        unlocked([&](const SourceLocation& where) { x.assign(given, where); });
      },
      "value"_a, "Overwrites the elements: the step of an optimiser.");
}

void bind_views(Class& tensor) {
  tensor.def(
      "reshape",
      [](const Tensor& x, const nb::args& shape) {
        const Shape extents = extents_of(shape);
        return unlocked([&](const SourceLocation& where) { return reshape(x, extents, where); });
      },
      nb::sig("def reshape(self, *shape: int | collections.abc.Sequence[int]) -> Tensor"),
      "One extent may be -1: what remains.");
  tensor.def(
      "permute",
      [](const Tensor& x, const nb::args& permutation) {
        const Shape order = extents_of(permutation);
        return unlocked([&](const SourceLocation& where) { return permute(x, order, where); });
      },
      nb::sig("def permute(self, *permutation: int | collections.abc.Sequence[int]) -> Tensor"));
  tensor.def(
      "contiguous",
      [](const Tensor& x) { return unlocked([&](auto& where) { return x.contiguous(where); }); },
      "This tensor if its elements lie row-major without gaps, else a copy that does.");
  tensor.def(
      "to",
      [](const Tensor& x, const std::string& device) {
        return unlocked(
            [&](const SourceLocation& where) { return x.to(Device::named(device, where), where); });
      },
      "device"_a,
      "The same elements on \"cpu\", or on a GPU, \"cuda\" or \"cuda:N\": operations and compiled functions "
      "run\n"
      "where their inputs lie, and return before a GPU is done.");
  tensor.def("clone", [](const Tensor& x) { return unlocked([&](auto& where) { return x.clone(where); }); });
}

} // namespace

void bind_tensor(nb::module_& module) {
  Class tensor(
      module, "Tensor",
      "A tensor. Inside a function that is being compiled it stands for a value that is not known yet.");
  bind_facts(tensor);
  bind_elements(tensor);
  bind_gradients(tensor);
  bind_views(tensor);
}

} // namespace sinter::python
