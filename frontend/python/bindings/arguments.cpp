// How the arguments of Python's calls become those of the C++ functions.
#include "arguments.h"

#include <array>
#include <string_view>
#include <utility>

namespace sinter::python {
namespace {

constexpr std::array<std::pair<std::string_view, DType>, 19> kDTypeNames{{
    {"f32", DType::f32},     {"float32", DType::f32}, {"float", DType::f32},    {"f64", DType::f64},
    {"float64", DType::f64}, {"i32", DType::i32},     {"int32", DType::i32},    {"i64", DType::i64},
    {"int64", DType::i64},   {"int", DType::i64},     {"bool", DType::boolean}, {"boolean", DType::boolean},
    {"i8", DType::i8},       {"int8", DType::i8},     {"u8", DType::u8},        {"uint8", DType::u8},
    {"f16", DType::f16},     {"float16", DType::f16}, {"bf16", DType::bf16},
}};

int64_t int_of(nb::handle value) {
  const nb::object index = nb::steal(PyNumber_Index(value.ptr()));
  if (!index.is_valid())
    throw nb::python_error();
  const int64_t number = PyLong_AsLongLong(index.ptr());
  if (number == -1 && PyErr_Occurred())
    throw nb::python_error();
  return number;
}

} // namespace

DType DTypeLike::dtype() const {
  if (nb::isinstance<DType>(value))
    return nb::cast<DType>(value);
  nb::object name = nb::borrow(value);
  if (!nb::isinstance<nb::str>(name)) // float, numpy.float32, numpy.dtype("f4")
    name = nb::getattr(value, PyType_Check(value.ptr()) ? "__name__" : "name", nb::none());
  if (nb::isinstance<nb::str>(name))
    for (const auto& [known, dtype] : kDTypeNames)
      if (known == nb::cast<nb::str>(name).c_str())
        return dtype;
  throw Error(std::string("no element type of tensors: ") + nb::repr(value).c_str() +
              "; there are f32, f64, i32, i64, i8, u8, bool, f16, bf16");
}

Shape Extents::shape() const {
  std::vector<int64_t> extents;
  if (PyIndex_Check(value.ptr()))
    extents.push_back(int_of(value));
  else
    for (nb::handle extent : nb::borrow<nb::iterable>(value))
      extents.push_back(int_of(extent));
  return Shape(extents);
}

nb::tuple to_python(const Shape& shape) {
  nb::list extents;
  for (int64_t extent : shape)
    extents.append(extent);
  return nb::tuple(extents);
}

} // namespace sinter::python
