// Python's numbers and nested lists of them as tensors.
#include "numbers.h"

#include "sinter/ops.h"

#include <algorithm>
#include <cmath>

namespace nb = nanobind;

namespace sinter::python {
namespace {

// Nested lists, while they are walked. An inner list is as long as the others beside it.
class Numbers {
public:
  explicit Numbers(nb::handle value) {
    for (nb::object inner = nb::borrow(value); is_list(inner);) {
      if (extents_.size() == kMaxRank)
        throw Error("lists are nested more than " + std::to_string(kMaxRank) + " deep");
      extents_.push_back(static_cast<int64_t>(nb::len(inner)));
      if (extents_.back() == 0)
        break;
      inner = inner[0];
    }
    walk(value, 0);
  }

  Tensor tensor(std::optional<DType> wanted) const {
    const Shape shape(extents_);
    if (has_float_ && wanted == DType::f64)
      return filled<double>(shape, number_of);
    if (has_float_ || numbers_.empty())
      return filled<float>(shape, [](nb::handle number) { return static_cast<float>(number_of(number)); });
    if (!has_int_) {
      Tensor tensor = Tensor::empty(shape, DType::boolean);
      fill<bool>(tensor, [](nb::handle number) { return number.ptr() == Py_True; });
      return tensor;
    }
    return filled<int64_t>(shape, [](nb::handle number) {
      const int64_t value = PyLong_AsLongLong(number.ptr());
      if (value == -1 && PyErr_Occurred())
        throw nb::python_error();
      return value;
    });
  }

private:
  static bool is_list(nb::handle value) { return PyList_Check(value.ptr()) || PyTuple_Check(value.ptr()); }

  void walk(nb::handle value, std::size_t depth) {
    if (is_list(value) != (depth < extents_.size()) ||
        (is_list(value) && static_cast<int64_t>(nb::len(value)) != extents_[depth]))
      throw Error("nested lists of different lengths are no tensor");
    if (is_list(value)) {
      for (nb::handle inner : nb::borrow<nb::sequence>(value))
        walk(inner, depth + 1);
      return;
    }
    if (!is_number(value))
      throw nb::type_error(("expected numbers in a list, got " +
                            std::string(nb::str(value.type().attr("__name__")).c_str()) +
                            "; concat() joins tensors")
                               .c_str());
    has_float_ |= static_cast<bool>(PyFloat_Check(value.ptr()));
    has_int_ |= !PyFloat_Check(value.ptr()) && !PyBool_Check(value.ptr());
    numbers_.push_back(nb::borrow(value));
  }

  template <class T, class Convert>
  void fill(Tensor& tensor, Convert&& convert) const {
    std::transform(numbers_.begin(), numbers_.end(), tensor.mutable_data<T>(), convert);
  }
  template <class T, class Convert>
  Tensor filled(const Shape& shape, Convert&& convert) const {
    Tensor tensor = Tensor::empty(shape, dtype_of<T>);
    fill<T>(tensor, convert);
    return tensor;
  }

  std::vector<int64_t> extents_;
  std::vector<nb::object> numbers_;
  bool has_float_ = false, has_int_ = false;
};

} // namespace

bool is_number(nb::handle value) {
  return PyFloat_Check(value.ptr()) || PyLong_Check(value.ptr()); // bool is an int
}

double number_of(nb::handle value) {
  const double number = PyFloat_AsDouble(value.ptr());
  if (number == -1 && PyErr_Occurred())
    throw nb::python_error();
  if (PyLong_Check(value.ptr()) && std::abs(number) > 0x1p53 &&
      !nb::steal(PyLong_FromDouble(number)).equal(value))
    throw Error(std::string("the number ") + nb::str(value).c_str() +
                " is too large; numbers beside tensors are at most 2^53");
  return number;
}

Tensor tensor_of_numbers(nb::handle value, std::optional<DType> dtype) {
  const Tensor tensor = Numbers(value).tensor(dtype);
  return !dtype || tensor.dtype() == *dtype ? tensor : cast(tensor, *dtype);
}

} // namespace sinter::python
