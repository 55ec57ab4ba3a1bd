// Tensors from numbers, arrays and chance.
#include "located.h"

namespace sinter::python {
namespace {

Tensor converted(Tensor tensor, std::optional<DType> dtype) {
  if (!dtype || tensor.dtype() == *dtype)
    return tensor;
  return unlocked([&](const SourceLocation& where) { return cast(tensor, *dtype, where); });
}

bool is_of_numbers(nb::handle value) {
  return is_number(value) || nb::isinstance<nb::list>(value) || nb::isinstance<nb::tuple>(value);
}

Tensor shared(TensorLike data, OptionalDTypeLike dtype) {
  if (is_of_numbers(data.value))
    return tensor_of_numbers(data.value, dtype.dtype());
  return converted(data.tensor(), dtype.dtype());
}

Tensor imported(nb::handle array) {
  if (!nb::isinstance<Tensor>(array) && !nb::hasattr(array, "__dlpack__"))
    throw nb::type_error("from_dlpack() takes an object with __dlpack__; tensor() and asarray() take others");
  return as_tensor(array);
}

} // namespace

Tensor copied(TensorLike data, OptionalDTypeLike dtype) {
  const Tensor tensor = shared(data, dtype);
  if (is_of_numbers(data.value))
    return tensor;
  return unlocked([&](const SourceLocation& where) { return tensor.clone(where); });
}

void bind_dtype(nb::module_& module) {
  nb::enum_<DType> dtypes(module, "DType", "Element type of a tensor.");
  for (DType dtype :
       {DType::f32, DType::f64, DType::i32, DType::i64, DType::i8, DType::u8, DType::f16, DType::bf16})
    dtypes.value(std::string(name_of(dtype)).c_str(), dtype);
  dtypes.value("boolean", DType::boolean);
  dtypes.def("__str__", [](DType dtype) { return std::string(name_of(dtype)); });
  dtypes.def_prop_ro("itemsize", [](DType dtype) { return size_of(dtype); }, "Bytes of an element.");
}

void bind_creation(nb::module_& module) {
  module.def(
      "tensor", copied, "data"_a, "dtype"_a = nb::none(),
      "A tensor with elements of its own: those of a number, of nested lists (f32 if there is a float\n"
      "among them, else i64 or bool), of an array or a tensor.");
  module.def(
      "asarray", shared, "data"_a, "dtype"_a = nb::none(),
      "As tensor(), but shares the memory of arrays and tensors where it can: what is written to them is\n"
      "seen in the tensor.");
  module.def("from_dlpack", imported, nb::arg("array").sig(""),
             nb::sig("def from_dlpack(array: sinter.typing.SupportsDLPack) -> Tensor"),
             "The tensor on the memory of an array of another library, which lives as long as the tensor.");
  module.def("empty", located(Tensor::empty), "shape"_a, "dtype"_a = DType::f32, "Uninitialised elements.");
  module.def("full", located(Tensor::full), "shape"_a, "value"_a, "dtype"_a = DType::f32,
             "All elements are `value`.");
  module.def("zeros", located(Tensor::zeros), "shape"_a, "dtype"_a = DType::f32, "All elements are 0.");
  module.def("ones", located(Tensor::ones), "shape"_a, "dtype"_a = DType::f32, "All elements are 1.");
  module.def("uniform", located(Tensor::uniform), "shape"_a, "seed"_a, "low"_a = 0.0, "high"_a = 1.0,
             "Independent samples of the uniform distribution on [low, high), the same for the same seed.");
  module.def("normal", located(Tensor::normal), "shape"_a, "seed"_a, "mean"_a = 0.0, "deviation"_a = 1.0,
             "Independent samples of the normal distribution, the same for the same seed.");
  module.def("random_uniform", located(random_uniform), "shape"_a, "seed"_a, "low"_a = 0.0, "high"_a = 1.0,
             "As uniform(), by another generator, where the seed is a tensor of one integer: as part of a\n"
             "function that is compiled, or on a device.");
  module.def("random_normal", located(random_normal), "shape"_a, "seed"_a, "mean"_a = 0.0,
             "deviation"_a = 1.0, "As normal(), with such a seed.");
  module.def("dropout", located(dropout), "x"_a, "probability"_a, "seed"_a,
             "x with elements that are 0 with a probability; the others are divided by 1 - probability.\n"
             "Layers that are to drop independently take different seeds. A function that is compiled takes\n"
             "the seed as a tensor, or every call drops the same.");
}

} // namespace sinter::python
